"""The inbox: what waits for my decision, and what I was told; and the decision form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, abort, redirect, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select

from fieldapp.kernel.manifest import Panel
from fieldapp.platform.commandbus.command import COMMANDS
from fieldapp.platform.web import inputs
from fieldapp.platform.web.forms import FormPage, form_page
from fieldapp.platform.web.guards import actor, needs
from fieldapp.platform.web.page import decision_kinds
from fieldapp.platform.web.render import render, wants_fragment
from fieldapp.services.approvals.decisions import changes_since, draft_key, say, seen_json, seen_of
from fieldapp.services.approvals.extension_points import inbox_panels, inbox_sections
from fieldapp.services.approvals.models import Step
from fieldapp.services.approvals.notices import inbox_key, key_of, unread, url_of
from fieldapp.services.approvals.policy import Difference, may_see
from fieldapp.services.approvals.queries import SHOWN, Shown, case_for, inbox_count, may_decide_now, shown, waiting_for
from fieldapp.services.approvals.words import DOUBTS

bp = Blueprint("approvals", __name__)


@bp.get("/inbox")
@needs("inbox.view")
def inbox() -> Response:
    """Decisions waiting for me, oldest first, each with what speaks against it; then notices."""
    rows = shown(waiting_for(actor(), SHOWN + 1))
    cards = inbox_cards(rows[:SHOWN])
    return render(
        "services/approvals/inbox.html",
        fragment="services/approvals/_inbox.html",
        cards=cards,
        more=len(rows) > SHOWN,
        # The page's own tab says it; a part that is fetched anew knows better.
        waiting=inbox_count(actor()) if wants_fragment() else "",
        notices=unread(actor()),
        inbox_key=inbox_key(actor().id),
        decides=any(actor().can(kind) for kind in decision_kinds().split()),
        sections=inbox_sections(actor()),
    )


def inbox_cards(rows: list[Shown]) -> list[dict[str, Any]]:
    """Cases with the panel their feature draws for them; the panels of a kind come in one go."""
    by_kind: dict[str, list[str]] = {}
    for row in rows:
        by_kind.setdefault(row.case.subject_type, []).append(row.case.subject_id)
    panels = {(kind, one): panel for kind, ids in by_kind.items() for one, panel in inbox_panels(kind, ids).items()}
    return [
        _card(row, panels.get((row.case.subject_type, row.case.subject_id)), changes_since(row.case, row.before))
        for row in rows
    ]


def _card(row: Shown, panel: Panel | None, changes: Sequence[Difference]) -> dict[str, Any]:
    commands = COMMANDS()
    yes = next(v for v in ("approve", "accept") if f"{row.case.subject_type}.{v}" in commands)
    noes = [v for v in ("return", "reject") if f"{row.case.subject_type}.{v}" in commands]
    about = panel.about(row.requester) if panel else row.requester
    return {
        "case": row.case,
        "panel": panel,
        "requester": row.requester,
        "doubt": DOUBTS.get(row.case.clock_doubt or ""),
        "steps": row.steps,
        "seen": seen_of(row.case, row.steps),
        "seen_json": seen_json(row.case, row.steps),
        "changes": [say(one) for one in changes],
        "yes": yes,
        "noes": noes,
        "said": {verb: decided_words(verb, about) for verb in (yes, *noes)},
    }


def decided_words(verb: str, about: str) -> str:
    """Return what was decided about which record, for the moment in which it can be taken back."""
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
    """A decision as a form of its own: with a reason, also without JavaScript."""
    name = f"{kind}.{verb}"
    case = case_for(kind, str(record))
    command = COMMANDS().get(name)
    if command is None or case is None or verb not in {"approve", "accept", "return", "reject"}:
        abort(404)
    row = shown([case.id])[0]
    roles, deciders = {step.role for step in row.steps}, {step.decided_by for step in row.steps}
    if not may_see(actor(), case.requester_id, roles, case.group_id, deciders):
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
            record_title=card["said"].get(verb, ""),
            template="services/approvals/decide.html",
            context={"card": card},
        )
    )


@bp.post("/inbox/read")
@needs("inbox.view")
def read() -> Response:
    """Marks all messages as read, without JavaScript."""
    return form_page(
        FormPage("notice.dismiss", ("inbox", inbox_key(actor().id)), _l("Mark as read"), url_for("approvals.inbox"))
    )


@bp.post("/inbox/read/<int:notice>")
@needs("inbox.view")
def open_message(notice: int) -> Response:
    """Marks one message as read and leads to what it is about, without JavaScript."""
    url = url_of(actor(), notice) if notice <= inputs.MOST_BIG else None
    if url is None:
        abort(404)
    answer = form_page(FormPage("notice.dismiss", ("notice", key_of(notice)), _l("Mark as read"), url))
    # The page says nothing of the message: it was opened, not handed in.
    return redirect(url, 303) if answer.status_code == 303 else answer  # type: ignore[return-value]


@bp.get("/inbox/done")
@needs("inbox.view")
def done() -> Response:
    """What I decided lately, the latest first."""
    me = actor().id
    latest = select(Step.case_id).where(Step.decided_by == me).group_by(Step.case_id)
    rows = shown(latest.order_by(func.max(Step.decided_at).desc()).limit(SHOWN))
    rows.sort(key=lambda row: max(one.decided_at for one in row.steps if one.decided_by == me and one.decided_at))
    rows.reverse()
    return render("services/approvals/done.html", cards=inbox_cards(rows))
