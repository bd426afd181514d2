"""What those in the chain decide (D-PART-2, D-PART-3)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fieldapp.platform.commandbus import Command, Context, Effect
from fieldapp.services.approvals import Subject, decision
from fieldapp.supply.parts.commands.record import KIND, details, move, next_state
from fieldapp.supply.parts.models import PartsRequest
from fieldapp.supply.parts.policy import approved_state

_ENDS = {"returned": "return", "rejected": "reject"}


def _settled(ctx: Context, record: str, verdict: str, reason: str | None) -> Effect:
    """The chain is through, or ended early."""
    request = ctx.load(PartsRequest, record)
    if verdict == "approved":
        state = approved_state(request.state, request.goes_up, closed=True)
        return move(ctx, request, state, "parts_request.approve", reason)
    verb = _ENDS[verdict]
    return move(ctx, request, next_state(request, verb), f"{KIND}.{verb}", reason)


def _step_by_step(base: Command) -> Command:
    """An approval that leaves further steps to be taken moves the request on as well (D-PART-3)."""

    def run(ctx: Context, case: Any, data: dict[str, Any]) -> Effect:
        effect = base.run(ctx, case, data)
        if case.state != "open":
            return effect
        request = ctx.load(PartsRequest, case.subject_id)
        state = approved_state(request.state, request.goes_up, closed=False)
        return move(ctx, request, state, "parts_request.passed", data.get("reason"))

    return replace(base, run=run)


SUBJECT = Subject(KIND, _settled, details)
approve = _step_by_step(decision(SUBJECT, "approve"))
send_back = decision(SUBJECT, "return")
reject = decision(SUBJECT, "reject")
