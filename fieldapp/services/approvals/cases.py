"""Opening, moving and closing cases; always inside a command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select

from fieldapp.kernel import ids
from fieldapp.platform.commandbus import Context
from fieldapp.services.accounts.models import Membership, User
from fieldapp.services.approvals.models import Case, Step
from fieldapp.services.approvals.policy import chain


def open_case(
    ctx: Context,
    subject: tuple[str, str],
    *,
    requester_id: int,
    group_id: int | None,
    ver: int,
    shown: Mapping[str, Any],
    roles: Sequence[str] = ("leader",),
    amount: Decimal | None = None,
) -> Case:
    """Ask for a yes. A record that comes back after a return opens its next round.

    `ver` is the record's version, `shown` what is decided upon: both are what a decision of this round names.
    Without a group, or where the group has no leader, the step of the leader goes one up (D-ROLE-1).
    """
    kind, record = subject
    held = ctx.session.scalars(select(Membership.role).where(Membership.user_id == requester_id))
    steps = chain(roles, set(held), _missing(ctx, requester_id, group_id))
    earlier = ctx.session.scalar(
        select(func.max(Case.round)).where(Case.subject_type == kind, Case.subject_id == record)
    )
    case = Case(
        id=str(ids.uuid7()),
        subject_type=kind,
        subject_id=record,
        round=(earlier or 0) + 1,
        requester_id=requester_id,
        group_id=group_id,
        ver=ver,
        shown=dict(shown),
        amount=amount,
        state="open",
        waiting_role=steps[0][0],
        opened_at=ctx.now,
        written_at=ctx.at,
        clock_doubt=ctx.written.doubt,
    )
    ctx.session.add(case)
    ctx.session.flush()
    ctx.session.add_all(
        Step(case_id=case.id, position=position, role=role, state="waiting", why=why)
        for position, (role, why) in enumerate(steps)
    )
    return case


def _missing(ctx: Context, requester_id: int, group_id: int | None) -> dict[str, str]:
    """Return why nobody can take the leader's step, by role."""
    if group_id is None:
        return {"leader": "no_group"}
    leaders = (
        select(Membership.user_id)
        .join(User, User.id == Membership.user_id)
        .where(Membership.role == "leader", Membership.group_id == group_id)
        .where(User.active.is_(True), User.id != requester_id)
    )
    return {} if ctx.exists(leaders) else {"leader": "nobody"}


def close_case(ctx: Context, subject: tuple[str, str], state: str = "withdrawn") -> None:
    """Ends an open case without a decision (the requester took the record back)."""
    case = open_case_of(ctx, subject)
    if case is not None:
        case.state, case.waiting_role, case.closed_at = state, None, ctx.now


def open_case_of(ctx: Context, subject: tuple[str, str]) -> Case | None:
    """The case of a record that waits for a decision, locked."""
    kind, record = subject
    query = (
        select(Case).where(Case.subject_type == kind, Case.subject_id == record, Case.state == "open").with_for_update()
    )
    case: Case | None = ctx.session.scalar(query)
    return case


def decide(ctx: Context, case: Case, verdict: str, reason: str | None) -> bool:
    """Records a decision of the current step. Returns whether the case is closed by it.

    `verdict` is approved, returned or rejected; only the first may leave further steps to be taken.
    """
    steps = ctx.scalars(select(Step).where(Step.case_id == case.id).order_by(Step.position))
    current = next(step for step in steps if step.state == "waiting")
    current.state, current.reason = verdict, reason
    current.decided_by, current.decided_at = ctx.actor.id, ctx.now
    following = next((step for step in steps if step.state == "waiting"), None)
    if verdict == "approved" and following is not None:
        case.waiting_role = following.role
        return False
    case.state, case.waiting_role, case.closed_at = verdict, None, ctx.now
    return True
