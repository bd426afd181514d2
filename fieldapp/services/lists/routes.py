"""Any declared list as a file: the rows, filters and columns of its page."""

from __future__ import annotations

from flask import Blueprint, Response, send_file, stream_with_context
from flask_babel import gettext

from fieldapp.errors import NotAllowed, NotFound
from fieldapp.kernel import clock
from fieldapp.platform.web.downloads import as_download, file_name
from fieldapp.platform.web.guards import actor, needs
from fieldapp.platform.web.lists import LISTS, ListDef
from fieldapp.platform.web.lists.downloads import maker, note_download
from fieldapp.platform.web.lists.files import XLSX, Workbook, as_csv, as_xlsx
from fieldapp.platform.web.render import VARY

bp = Blueprint("lists", __name__)


def list_named(name: str) -> ListDef:
    """Return a list that the person may see. Raises NotFound, NotAllowed."""
    declared = LISTS().get(name)
    if declared is None:
        raise NotFound("page.not_found")
    if not actor().can(declared.verb):
        raise NotAllowed("page.not_allowed")
    return declared


@bp.get("/lists/<name>.<any(csv, xlsx):ending>")
@needs("list.export")
def download(name: str, ending: str) -> Response:
    """The list as a file; who downloads what is in the audit log before the first byte leaves."""
    declared, who = list_named(name), actor()
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
    as_download(response, file_name([str(declared.title), made], ending), file_name([declared.name, made], ending))
    return response
