"""The page of due work for administrators, and its forms."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response
from flask_babel import lazy_gettext as _l

from fieldapp.errors import NotFound
from fieldapp.platform.web.forms import FormPage, form_page
from fieldapp.platform.web.guards import needs
from fieldapp.platform.web.render import render
from fieldapp.services.schedule import queries
from fieldapp.services.schedule.commands import CLOCK_ID
from fieldapp.services.schedule.parking import PAGE, label_of_kind

bp = Blueprint("schedule", __name__)


@bp.get("/due-work")
@needs("due_work.view")
def page() -> Response:
    """Show by kind what is due soon, late or parked, and when each server last looked."""
    parked = queries.parked()
    return render(
        "services/schedule/due_work.html",
        fragment="services/schedule/_due_work.html",
        kinds=queries.by_kind(),
        parked=[(work, label_of_kind(work.kind)) for work in parked],
        servers=queries.servers(),
        paused=queries.paused(),
        clock_id=CLOCK_ID,
    )


@bp.post("/due-work/clock")
@needs("schedule.confirm_clock")
def confirm_clock() -> Response:
    """Confirm the server's clock, without JavaScript."""
    return form_page(
        FormPage("schedule.confirm_clock", ("schedule", CLOCK_ID), _l("The server's time is right"), PAGE, back=PAGE)
    )


@bp.post("/due-work/<uuid:op>/retry")
@needs("due_work.retry")
def retry(op: UUID) -> Response:
    """Try parked work again, without JavaScript."""
    return _form(op, "due_work.retry", _l("Try again"))


@bp.route("/due-work/<uuid:op>/give-up", methods=["GET", "POST"])
@needs("due_work.give_up")
def give_up(op: UUID) -> Response:
    """Show the form for giving parked work up, with a reason."""
    return _form(op, "due_work.give_up", _l("Give up"))


def _form(op: UUID, kind: str, title: str) -> Response:
    work = queries.parked_one(str(op))
    if work is None:
        raise NotFound("due_work.not_found")
    return form_page(
        FormPage(
            kind=kind,
            agg=("due_work", work.op),
            title=title,
            submit=title,
            done=PAGE,
            back=PAGE,
            draft=f"{kind}:{op}" if kind == "due_work.give_up" else "",
            record_title=f"{title} · {label_of_kind(work.kind)}",
            intro=label_of_kind(work.kind),
        )
    )
