"""Any declared list as a file: the rows, filters and columns of its page. And the views that people save of lists."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, redirect, send_file, stream_with_context, url_for
from flask.blueprints import BlueprintSetupState
from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from fieldapp.errors import NotAllowed, NotFound
from fieldapp.kernel import clock
from fieldapp.platform.extensions import db
from fieldapp.platform.web import inputs
from fieldapp.platform.web.downloads import as_download, file_name
from fieldapp.platform.web.forms import FormPage, form_page
from fieldapp.platform.web.guards import actor, needs
from fieldapp.platform.web.lists import LISTS, ListDef, ListPage
from fieldapp.platform.web.lists.downloads import add_audit_head, maker, note_download
from fieldapp.platform.web.lists.files import XLSX, Workbook, as_csv, as_xlsx
from fieldapp.platform.web.render import VARY, render
from fieldapp.services.accounts import group_names
from fieldapp.services.lists.models import ListView
from fieldapp.services.lists.policy import ME, may_change_view, sees_view
from fieldapp.services.lists.views import (
    ViewLine,
    address,
    audience_choices,
    audience_words,
    check,
    views_of,
)

bp = Blueprint("lists", __name__)


def list_named(name: str) -> ListDef:
    """Return a list that the person may see. Raises NotFound, NotAllowed."""
    declared = LISTS().get(name)
    if declared is None:
        raise NotFound("page.not_found")
    if not actor().can(declared.verb):
        raise NotAllowed("page.not_allowed")
    return declared


@bp.get("/lists/<name>.<ending>")
@needs("list.export")
def download(name: str, ending: str) -> Response:
    """The list as a file; who downloads what is in the audit log before the first byte leaves.

    A deputy decides for others and takes no files in their name.
    """
    declared, who = list_named(name), actor().in_own_right
    if ending not in {"csv", "xlsx"}:
        raise NotFound("page.not_found")
    if not who.can(declared.export_verb):
        raise NotAllowed("page.not_allowed")
    note_download(declared, who, ending, declared.filters(who))
    columns, rows = declared.shown(who, in_file=True), declared.rows(who)
    if ending == "csv":
        response = Response(stream_with_context(as_csv(columns, rows)), mimetype="text/csv")
    else:
        now = clock.local(clock.now())
        line = gettext("Made by %(who)s at %(when)s", who=maker(who), when=f"{now:%Y-%m-%d %H:%M}")
        book = Workbook(maker(who), line, now.replace(microsecond=0))
        response = send_file(as_xlsx(str(declared.title), columns, rows, book), mimetype=XLSX)
    made = f"{clock.local(clock.now()):%Y%m%d-%H%M%S}"
    response.headers["Vary"] = VARY
    add_audit_head(response)
    as_download(response, file_name([str(declared.title), made], ending), file_name([declared.name, made], ending))
    return response


# -- saved views -------------------------------------------------------------------------------------------------


@bp.record_once
def _names(setup: BlueprintSetupState) -> None:
    """Let the template of all lists offer views; once, at start."""
    setup.app.jinja_env.globals["list_views"] = _offered


def _offered(page: ListPage) -> list[ViewLine] | None:
    """Return the views of a list for its page; None for who saves none."""
    return views_of(page.declared, actor()) if actor().can("list_view.save") else None


@bp.get("/lists/<name>/views")
@needs("list_view.save")
def views(name: str) -> Response:
    """The views of a list: one's own, to rename and delete, and shared ones."""
    declared = list_named(name)
    groups = group_names()
    return render(
        "services/lists/views.html",
        fragment="services/lists/_views.html",
        declared=declared,
        views=views_of(declared, actor()),
        audience=lambda shared_with: audience_words(shared_with, groups),
    )


@bp.route("/lists/<name>/views/new", methods=["GET", "POST"])
@needs("list_view.save")
def save_view(name: str) -> Response:
    """Saving what a page shows, under a name."""
    declared = list_named(name)
    return form_page(
        FormPage(
            kind="list_view.save",
            agg=("list_view", None),
            title=_l("Save this view"),
            record_title="{name}",
            submit=_l("Save"),
            done=url_for("lists.views", name=name),
            back=declared.address,
            initial={"list": name, "query": inputs.query("of", most=1000), "shared_with": ME},
            options={"shared_with": audience_choices(actor())},
            intro=str(declared.title),
        )
    )


@bp.get("/lists/<name>/views/<uuid:view_id>")
@needs("list_view.save")
def open_view(name: str, view_id: UUID) -> Response:
    """Opening a view. What the list does not know any more is named first, never left out silently."""
    declared, view = list_named(name), _view(name, str(view_id))
    if not sees_view(actor(), view.owner_id, view.shared_with):
        raise NotFound("page.not_found")
    asked = check(declared, actor(), view.filters, view.columns, view.sort)
    if asked.unknown:
        return render(
            "services/lists/unknown.html", declared=declared, view=view, asked=asked, url=address(declared, asked)
        )
    return redirect(address(declared, asked), 303)  # type: ignore[return-value]


@bp.route("/lists/<name>/views/<uuid:view_id>/rename", methods=["GET", "POST"])
@needs("list_view.rename")
def rename_view(name: str, view_id: UUID) -> Response:
    """Another name for one's own view."""
    view = _own(name, str(view_id))
    where = url_for("lists.views", name=name)
    return form_page(
        FormPage(
            kind="list_view.rename",
            agg=("list_view", view.id),
            title=_l("Rename a view"),
            record_title="{name}",
            submit=_l("Save"),
            done=where,
            back=where,
            initial={"name": view.name},
        )
    )


@bp.route("/lists/<name>/views/<uuid:view_id>/delete", methods=["GET", "POST"])
@needs("list_view.delete")
def delete_view(name: str, view_id: UUID) -> Response:
    """Deleting one's own view."""
    view = _own(name, str(view_id))
    where = url_for("lists.views", name=name)
    return form_page(
        FormPage(
            kind="list_view.delete",
            agg=("list_view", view.id),
            title=_l("Delete a view"),
            record_title=view.name,
            intro=view.name,
            submit=_l("Delete"),
            done=where,
            back=where,
        )
    )


def _view(name: str, view_id: str) -> ListView:
    """Return a view of this list. Raises NotFound."""
    view = db.session.get(ListView, view_id)
    if view is None or view.list_name != name:
        raise NotFound("page.not_found")
    return view


def _own(name: str, view_id: str) -> ListView:
    """Return the person's own view of this list. Raises NotFound."""
    view = _view(name, view_id)
    if not may_change_view(actor(), view.owner_id):
        raise NotFound("page.not_found")
    return view
