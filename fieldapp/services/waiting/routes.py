"""Forms for the decisions, also without JavaScript."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response
from flask_babel import gettext

from fieldapp.errors import NotFound
from fieldapp.platform.commandbus.command import COMMANDS
from fieldapp.platform.web.forms import FormPage, form_page
from fieldapp.platform.web.guards import actor, needs
from fieldapp.services.waiting.queries import cards

bp = Blueprint("waiting", __name__)


@bp.route("/waiting/<uuid:op>/<verb>", methods=["GET", "POST"])
@needs("inbox.view")
def decide(op: UUID, verb: str) -> Response:
    """Draw the form to accept a record or return it with a reason. Raise NotFound for other people's decisions."""
    kind = f"waiting_record.{verb}"
    command = COMMANDS().get(kind)
    card = next((waiting for waiting in cards(actor()) if waiting.op == str(op)), None)
    if command is None or card is None or not actor().can(kind):
        raise NotFound("waiting_record.not_found")
    return form_page(
        FormPage(
            kind=kind,
            agg=("waiting_record", card.op),
            title=command.label,
            submit=command.label,
            done="/inbox",
            back="/inbox",
            draft=f"{kind}:{op}" if verb == "reject" else "",
            record_title=f"{gettext('Waiting record')} · {card.who}",
            template="services/waiting/decide.html",
            context={"one": card},
        )
    )
