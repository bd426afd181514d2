"""Decision commands of any feature: `parts_request.approve`, `service_report.return`, …"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l

from fieldapp.approvals.cases import decide, open_case_of
from fieldapp.approvals.models import Case
from fieldapp.approvals.policy import may_decide
from fieldapp.approvals.schemas import Approve, Refuse
from fieldapp.commandbus import UNDO, Command, Context, Effect, command
from fieldapp.errors import Conflict, NotFound
from fieldapp.kernel.actor import Actor

VERDICTS = {"approve": "approved", "accept": "approved", "return": "returned", "reject": "rejected"}
LABELS = {"approve": _l("Approve"), "accept": _l("Accept"), "return": _l("Return"), "reject": _l("Reject")}


@dataclass(frozen=True)
class Subject:
    """What a feature has decided: `settled(ctx, record id, verdict, reason)` is called once a case is closed.

    It moves the record's own state and tells its author; `state_of` gives the words of its state for a conflict.
    """

    kind: str
    settled: Callable[[Context, str, str, str | None], Effect]


def decision(subject: Subject, verb: str) -> Command:
    """The command `<kind>.<verb>`; approving passes a step, the others end the case at once."""

    def load(ctx: Context, data: dict[str, Any]) -> Case:
        case = open_case_of(ctx, (subject.kind, ctx.id))
        if case is None:
            raise _why_not(ctx, subject.kind)
        return case

    def may(actor: Actor, case: Case) -> bool:
        return may_decide(actor, case.requester_id, case.waiting_role, case.group_id)

    def run(ctx: Context, case: Case, data: dict[str, Any]) -> Effect:
        reason = data.get("reason")
        verdict = VERDICTS[verb]
        if decide(ctx, case, verdict, reason):
            ctx.session.flush()
            return subject.settled(ctx, case.subject_id, verdict, reason)
        return Effect(ref=None, before={"waiting": case.waiting_role}, after={"verdict": verdict, "reason": reason})

    schema = Approve if verb in {"approve", "accept"} else Refuse
    return command(f"{subject.kind}.{verb}", label=LABELS[verb], schema=schema, load=load, may=may, undo=UNDO)(run)


def _why_not(ctx: Context, kind: str) -> Exception:
    """A decision that comes too late is a conflict and says so; one about nothing is not found."""
    from fieldapp.approvals.queries import case_for

    latest = case_for(kind, ctx.id)
    if latest is None:
        return NotFound("case.not_found")
    return Conflict("case.closed", _l("This was already decided."), {"state": latest.state})
