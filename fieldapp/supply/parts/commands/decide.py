"""Commands of the approvers: approve, return, reject (D-PART-2, D-PART-3)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fieldapp.platform.commandbus import Command, Context, Effect
from fieldapp.services.approvals import Subject, decision
from fieldapp.supply.parts.commands.record import KIND, change_state, details, state_after
from fieldapp.supply.parts.models import PartsRequest
from fieldapp.supply.parts.policy import state_after_approval

_VERB_OF_VERDICT = {"returned": "return", "rejected": "reject"}


def _on_decided(ctx: Context, record: str, verdict: str, reason: str | None) -> Effect:
    """Apply the outcome of a closed case to the request."""
    request = ctx.load(PartsRequest, record)
    if verdict == "approved":
        state = state_after_approval(request.state, request.goes_up, closed=True)
        return change_state(ctx, request, state, "parts_request.approve", reason)
    verb = _VERB_OF_VERDICT[verdict]
    return change_state(ctx, request, state_after(request, verb), f"{KIND}.{verb}", reason)


def _with_step_states(base: Command) -> Command:
    """Make an approval that leaves further steps open change the request's state too (D-PART-3)."""

    def run(ctx: Context, waiting: Any, data: dict[str, Any]) -> Effect:
        effect, case = base.run(ctx, waiting, data), waiting.case
        if case.state != "open":
            return effect
        request = ctx.load(PartsRequest, case.subject_id)
        state = state_after_approval(request.state, request.goes_up, closed=False)
        return change_state(ctx, request, state, "parts_request.passed", data.get("reason"))

    return replace(base, run=run)


SUBJECT = Subject(KIND, _on_decided, details)
approve = _with_step_states(decision(SUBJECT, "approve"))
send_back = decision(SUBJECT, "return")
reject = decision(SUBJECT, "reject")
