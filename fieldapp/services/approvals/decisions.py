"""Decision commands of all features: `parts_request.approve`, `service_report.return`, …"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

import msgspec
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from fieldapp.errors import Conflict, NotFound
from fieldapp.kernel.actor import Actor, Principal
from fieldapp.platform.commandbus import UNDO, Base, Command, Context, Effect, command
from fieldapp.platform.commandbus.written import TOLERANCE
from fieldapp.platform.web.extension_points import detail_url
from fieldapp.platform.web.page import moment
from fieldapp.services.accounts import name_by
from fieldapp.services.approvals.cases import decide, deciders_of, open_case_of
from fieldapp.services.approvals.models import Case, Step
from fieldapp.services.approvals.policy import Detail, Difference, Turn, deciding_for, differences, may_decide
from fieldapp.services.approvals.schemas import Approve, Refuse

VERDICTS = {"approve": "approved", "accept": "approved", "return": "returned", "reject": "rejected"}
LABELS = {"approve": _l("Approve"), "accept": _l("Accept"), "return": _l("Return"), "reject": _l("Reject")}

#: Envelopes give the author's time in milliseconds.
_PRECISION = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Subject:
    """How a feature takes part in approvals.

    `on_decided(ctx, record id, verdict, reason)` is called once a case is closed; it changes the record's state and
    notifies its author. `details` turns the `shown` of `open_case` into labelled texts, so that a decision about an
    earlier round can be answered with what changed since.
    """

    kind: str
    on_decided: Callable[[Context, str, str, str | None], Effect]
    details: Callable[[Mapping[str, Any]], Sequence[Detail]]


class Waiting(NamedTuple):
    """An open case, locked, and whose turn it is."""

    case: Case
    turn: Turn


def turn_of(case: Case, deciders: frozenset[int] = frozenset(), *, role: str | None = None) -> Turn:
    """Return whose turn it is in a case, or whose it was in a step of `role`."""
    return Turn(case.subject_type, case.requester_id, role or case.waiting_role, case.group_id, deciders)


#: The subject of each kind that has a decision command.
SUBJECTS: dict[str, Subject] = {}


def decision(subject: Subject, verb: str) -> Command:
    """Return the command `<kind>.<verb>`. Approving passes one step; the other verbs close the case.

    A decision names the round, the step and the record's version that its author saw (`seen_of`, in the envelope's
    `base`). The command raises Conflict, with the changes as text, if another round, step or version waits now.
    """
    SUBJECTS[subject.kind] = subject

    def load(ctx: Context, data: dict[str, Any]) -> Waiting:
        case = open_case_of(ctx, (subject.kind, ctx.id))
        if case is None:
            raise _missing_case_error(ctx, subject.kind)
        _reject_if_step_taken(ctx, case)
        return Waiting(case, turn_of(case, deciders_of(ctx, case)))

    def may(actor: Actor, waiting: Waiting) -> bool:
        return may_decide(actor, waiting.turn)

    def run(ctx: Context, waiting: Waiting, data: dict[str, Any]) -> Effect:
        case, decider = waiting.case, deciding_for(ctx.actor, waiting.turn)
        ctx.on_behalf_of = decider.id if isinstance(decider, Principal) else None
        _reject_if_not_seen(ctx, case, verb)
        reason = data.get("reason")
        verdict = VERDICTS[verb]
        if decide(ctx, case, verdict, reason):
            ctx.session.flush()
            return subject.on_decided(ctx, case.subject_id, verdict, reason)
        return Effect(ref=None, before={"waiting": case.waiting_role}, after={"verdict": verdict, "reason": reason})

    schema = Approve if verb in {"approve", "accept"} else Refuse
    return command(
        f"{subject.kind}.{verb}", label=LABELS[verb], schema=schema, load=load, may=may, undo=UNDO, decides=True
    )(run)


# -- the round that a decision names -----------------------------------------------------------------------------


def seen_of(case: Case, steps: Sequence[Step]) -> Base:
    """Return what a decision made on a page with this case names: version, round and waiting step."""
    waiting = next((step.position for step in steps if step.state == "waiting"), 0)
    return Base(case.ver, {"round": case.round, "step": waiting})


def seen_json(case: Case | None, steps: Sequence[Step]) -> str:
    """Return `seen_of` as JSON for a form; empty without a case."""
    return msgspec.json.encode(seen_of(case, steps)).decode() if case else ""


def changes_since(case: Case, earlier: Case | None) -> list[Difference]:
    """Return the differences between an earlier round and this one, in the actor's language."""
    if earlier is None or earlier.shown is None or case.shown is None:
        return []
    details = SUBJECTS[case.subject_type].details
    return differences(details(earlier.shown), details(case.shown))


def difference_text(change: Difference) -> str:
    """Return a difference as one line: `Amount: 10.00 → 9,000.00`."""
    if not change.was:
        return gettext("%(label)s added: %(value)s", label=change.label, value=change.now)
    if not change.now:
        return gettext("%(label)s removed: %(value)s", label=change.label, value=change.was)
    if change.was == change.now:
        return gettext("%(label)s: replaced", label=change.label)
    return f"{change.label}: {change.was} → {change.now}"


def earlier_rounds(case: Case) -> Any:
    """Return the statement that selects the earlier rounds of the same record, latest first."""
    same = (Case.subject_type == case.subject_type, Case.subject_id == case.subject_id, Case.round < case.round)
    return select(Case).where(*same).order_by(Case.round.desc())


def _round_seen(ctx: Context) -> tuple[int, int, int] | None:
    """Return `(round, step, version)` that the envelope names, or None if an earlier build wrote it."""
    base = ctx.envelope.base
    if base is None or "round" not in base.fields:
        return None
    round_number, step = base.fields.get("round"), base.fields.get("step")
    return (
        (round_number, step, base.ver) if isinstance(round_number, int) and isinstance(step, int) else (0, 0, base.ver)
    )


def _reject_if_step_taken(ctx: Context, case: Case) -> None:
    """Raise Conflict if somebody else of the same role has decided the step that the envelope names."""
    seen = _round_seen(ctx)
    if seen is None or seen[0] != case.round:
        return
    step = ctx.session.get(Step, (case.id, seen[1])) if 0 <= seen[1] < 100 else None
    if step is None or step.state == "waiting":
        return
    if may_decide(ctx.actor, turn_of(case, role=step.role)):
        message = _l("Somebody else took this step meanwhile.")
        raise Conflict("case.step_taken", message, {"state": case.state, "taken": True})


def _reject_if_not_seen(ctx: Context, case: Case, verb: str) -> None:
    """Raise Conflict unless the decision is about the present round and version.

    An envelope that names nothing (written by an earlier build) counts only if the round was open when it was
    written.
    """
    seen = _round_seen(ctx)
    if seen is None:
        # For a desk form this is the time when the page was rendered.
        written = ctx.envelope.device_time
        if written >= case.opened_at - _PRECISION and not ctx.clock_doubted:
            return
        earlier_cases = [round_ for round_ in ctx.scalars(earlier_rounds(case)) if round_.opened_at <= written]
    else:
        if seen[0] == case.round and seen[2] == case.ver:
            # Nobody sees a round before it was opened: what is dated earlier claims roles of an earlier time.
            if ctx.written.doubt is None and ctx.at < case.opened_at - TOLERANCE:
                raise _changed_conflict(case, None, verb)
            return
        earlier_cases = [round_ for round_ in ctx.scalars(earlier_rounds(case)) if round_.round == seen[0]]
    raise _changed_conflict(case, earlier_cases[0] if earlier_cases else None, verb)


def _changed_conflict(case: Case, earlier: Case | None, verb: str) -> Conflict:
    changes = [difference_text(change) for change in changes_since(case, earlier)]
    head = gettext("This was changed and sent again after you saw it. Your decision was not applied.")
    kind, record = case.subject_type, case.subject_id
    card = {
        "round": case.round,
        "changes": changes,
        "url": f"/inbox/{kind}/{record}/{verb}",
        "draft": draft_key(case, verb),
    }
    error = Conflict("case.changed", head, {"decision": card})
    error.problems = {"_": [head, *changes]}
    return error


def draft_key(case: Case, verb: str) -> str:
    """Return the key of a half-written decision: one for each round, so that a reason is not used for another."""
    return f"{case.subject_type}.{verb}:{case.subject_id}:{case.round}"


def _missing_case_error(ctx: Context, kind: str) -> Exception:
    """Return Conflict with the decision made meanwhile, or NotFound if the record never had a case."""
    from fieldapp.services.approvals.queries import case_for

    latest = case_for(kind, ctx.id)
    if latest is None:
        return NotFound("case.not_found")
    closing = _closing_step(ctx, latest)
    if closing is None:
        return Conflict("case.closed", _l("This was already decided."), {"state": latest.state, "taken": True})
    current = {"state": latest.state, "taken": True}
    url = detail_url(kind, ctx.id, False)
    return Conflict("case.closed", _closing_text(*closing), {**current, "url": url} if url else current)


def _closing_step(ctx: Context, case: Case) -> tuple[Step, str] | None:
    """Return the step that closed the case and the name of its decider, if the actor could have decided it."""
    query = select(Step, name_by(Step.decided_by)).where(Step.case_id == case.id, Step.decided_at.is_not(None))
    row = ctx.session.execute(query.order_by(Step.position.desc()).limit(1)).first()
    if row is None or case.state != row[0].state:
        return None
    step, name = row
    return (step, name or "") if may_decide(ctx.actor, turn_of(case, role=step.role)) else None


def _closing_text(step: Step, name: str) -> str:
    when = moment(step.decided_at)
    if step.state == "returned":
        return gettext("%(name)s returned this already: %(when)s. Reason: %(reason)s", **_text_params(step, name, when))
    if step.state == "rejected":
        return gettext("%(name)s rejected this already: %(when)s. Reason: %(reason)s", **_text_params(step, name, when))
    return gettext("%(name)s approved this already: %(when)s.", name=name, when=when)


def _text_params(step: Step, name: str, when: str) -> dict[str, str]:
    return {"name": name, "when": when, "reason": step.reason or ""}
