"""Open, advance and close cases. Every function runs inside a command's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select

from fieldapp.kernel import ids
from fieldapp.platform.commandbus import Context
from fieldapp.services.accounts.models import Membership, User
from fieldapp.services.approvals.models import Case, Step
from fieldapp.services.approvals.policy import approval_chain


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
    """Open a case for a record. A record that was returned before gets the next round.

    `ver` is the record's version and `shown` its content in this round: a decision names what its author saw of
    them. Without a group, or if the group has no leader, the leader's step goes one level up (D-ROLE-1).
    """
    kind, record = subject
    requester_roles = ctx.session.scalars(select(Membership.role).where(Membership.user_id == requester_id))
    steps = approval_chain(roles, set(requester_roles), _vacant_roles(ctx, requester_id, group_id))
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


def _vacant_roles(ctx: Context, requester_id: int, group_id: int | None) -> dict[str, str]:
    """Return the roles that nobody can decide for, each with the reason."""
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
    """Close the open case of a record without a decision, for instance because its author withdrew the record."""
    case = open_case_of(ctx, subject)
    if case is not None:
        case.state, case.waiting_role, case.closed_at = state, None, ctx.now


def open_case_of(ctx: Context, subject: tuple[str, str]) -> Case | None:
    """Return the open case of a record, locked, or None."""
    kind, record = subject
    query = (
        select(Case).where(Case.subject_type == kind, Case.subject_id == record, Case.state == "open").with_for_update()
    )
    case: Case | None = ctx.session.scalar(query)
    return case


def decide(ctx: Context, case: Case, verdict: str, reason: str | None) -> bool:
    """Record a decision of the waiting step. Return whether it closed the case.

    `verdict` is approved, returned or rejected; only `approved` can leave further steps.
    """
    steps = ctx.scalars(select(Step).where(Step.case_id == case.id).order_by(Step.position))
    current = next(step for step in steps if step.state == "waiting")
    current.state, current.reason = verdict, reason
    current.decided_by, current.decided_at = ctx.actor.id, ctx.now
    next_step = next((step for step in steps if step.state == "waiting"), None)
    if verdict == "approved" and next_step is not None:
        case.waiting_role = next_step.role
        return False
    case.state, case.waiting_role, case.closed_at = verdict, None, ctx.now
    return True
