"""Pages of the inbox: waiting cases, messages, the decision form, past decisions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, abort, redirect, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select

from fieldapp.kernel import clock
from fieldapp.kernel.actor import Principal
from fieldapp.kernel.manifest import Panel
from fieldapp.platform.commandbus.command import COMMANDS
from fieldapp.platform.web import inputs
from fieldapp.platform.web.forms import FormPage, form_page
from fieldapp.platform.web.guards import actor, needs
from fieldapp.platform.web.page import decision_kinds
from fieldapp.platform.web.render import render, wants_fragment
from fieldapp.services.accounts import deputies_of
from fieldapp.services.approvals.decisions import changes_since, difference_text, draft_key, seen_json, seen_of, turn_of
from fieldapp.services.approvals.extension_points import inbox_panels, inbox_sections
from fieldapp.services.approvals.models import Step
from fieldapp.services.approvals.notices import inbox_key, key_of, message_url, unread_messages
from fieldapp.services.approvals.policy import Difference, deciding_for, may_see
from fieldapp.services.approvals.queries import (
    MAX_CASES,
    LoadedCase,
    case_for,
    inbox_count,
    load_cases,
    may_decide_now,
    waiting_for,
)
from fieldapp.services.approvals.words import DOUBTS

bp = Blueprint("approvals", __name__)


@bp.get("/inbox")
@needs("inbox.view")
def inbox() -> Response:
    """Show the cases that wait for the actor, oldest first, and the unread messages."""
    rows = load_cases(waiting_for(actor(), MAX_CASES + 1))
    cards = inbox_cards(rows[:MAX_CASES])
    return render(
        "services/approvals/inbox.html",
        fragment="services/approvals/_inbox.html",
        cards=cards,
        deputies=deputies_of(actor().id, clock.now(), past=False),
        more=len(rows) > MAX_CASES,
        # A whole page has the count in its tab; a fragment brings the new one.
        waiting=inbox_count(actor()) if wants_fragment() else "",
        notices=unread_messages(actor()),
        inbox_key=inbox_key(actor().id),
        decides=any(actor().can(kind) for kind in decision_kinds().split()),
        sections=inbox_sections(actor()),
    )


def inbox_cards(rows: list[LoadedCase]) -> list[dict[str, Any]]:
    """Return the cases with the panels of their features; one call for each kind."""
    by_kind: dict[str, list[str]] = {}
    for row in rows:
        by_kind.setdefault(row.case.subject_type, []).append(row.case.subject_id)
    panels = {
        (kind, record): panel for kind, ids in by_kind.items() for record, panel in inbox_panels(kind, ids).items()
    }
    return [
        _card(row, panels.get((row.case.subject_type, row.case.subject_id)), changes_since(row.case, row.before))
        for row in rows
    ]


def _card(row: LoadedCase, panel: Panel | None, changes: Sequence[Difference]) -> dict[str, Any]:
    commands = COMMANDS()
    decider = deciding_for(actor(), turn_of(row.case))
    approve_verb = next(verb for verb in ("approve", "accept") if f"{row.case.subject_type}.{verb}" in commands)
    refuse_verbs = [verb for verb in ("return", "reject") if f"{row.case.subject_type}.{verb}" in commands]
    about = panel.about(row.requester) if panel else row.requester
    return {
        "case": row.case,
        "panel": panel,
        "requester": row.requester,
        "for_whom": decider.name if isinstance(decider, Principal) else "",
        "doubt": DOUBTS.get(row.case.clock_doubt or ""),
        "steps": row.steps,
        "seen": seen_of(row.case, row.steps),
        "seen_json": seen_json(row.case, row.steps),
        "changes": [difference_text(change) for change in changes],
        "approve_verb": approve_verb,
        "refuse_verbs": refuse_verbs,
        "decided_texts": {verb: decided_text(verb, about) for verb in (approve_verb, *refuse_verbs)},
    }


def decided_text(verb: str, about: str) -> str:
    """Return the text of a decision while it can be undone."""
    if verb == "approve":
        return gettext("Approved: %(what)s", what=about)
    if verb == "accept":
        return gettext("Accepted: %(what)s", what=about)
    if verb == "return":
        return gettext("Returned: %(what)s", what=about)
    return gettext("Rejected: %(what)s", what=about)


@bp.route("/inbox/<kind>/<uuid:record>/<verb>", methods=["GET", "POST"])
@needs("inbox.view")
def decide(kind: str, record: UUID, verb: str) -> Response:
    """Show a decision as a form: with a reason, also without JavaScript."""
    name = f"{kind}.{verb}"
    case = case_for(kind, str(record))
    command = COMMANDS().get(name)
    if command is None or case is None or verb not in {"approve", "accept", "return", "reject"}:
        abort(404)
    row = load_cases([case.id])[0]
    roles, deciders = {step.role for step in row.steps}, {step.decided_by for step in row.steps}
    if not may_see(actor(), turn_of(case), roles, deciders):
        abort(404)
    if not actor().can(name) or (case.state == "open" and not may_decide_now(actor(), case)):
        abort(403)
    card = inbox_cards([row])[0]
    return form_page(
        FormPage(
            kind=name,
            agg=(kind, str(record)),
            title=command.label,
            submit=command.label,
            done=url_for("approvals.inbox"),
            back=url_for("approvals.inbox"),
            draft=draft_key(case, verb),
            base=card["seen"],
            record_title=card["decided_texts"].get(verb, ""),
            template="services/approvals/decide.html",
            context={"card": card},
        )
    )


@bp.post("/inbox/read")
@needs("inbox.view")
def read() -> Response:
    """Mark all messages as read, without JavaScript."""
    return form_page(
        FormPage("notice.dismiss", ("inbox", inbox_key(actor().id)), _l("Mark as read"), url_for("approvals.inbox"))
    )


@bp.post("/inbox/read/<int:notice>")
@needs("inbox.view")
def open_message(notice: int) -> Response:
    """Mark one message as read and redirect to its record, without JavaScript."""
    url = message_url(actor(), notice) if notice <= inputs.MOST_BIG else None
    if url is None:
        abort(404)
    answer = form_page(FormPage("notice.dismiss", ("notice", key_of(notice)), _l("Mark as read"), url))
    # No confirmation: the person opened a message, and sent nothing.
    return redirect(url, 303) if answer.status_code == 303 else answer  # type: ignore[return-value]


@bp.get("/inbox/done")
@needs("inbox.view")
def done() -> Response:
    """Show the actor's last decisions, latest first."""
    me = actor().id
    latest = select(Step.case_id).where(Step.decided_by == me).group_by(Step.case_id)
    rows = load_cases(latest.order_by(func.max(Step.decided_at).desc()).limit(MAX_CASES))
    rows.sort(key=lambda row: max(step.decided_at for step in row.steps if step.decided_by == me and step.decided_at))
    rows.reverse()
    return render("services/approvals/done.html", cards=inbox_cards(rows))
