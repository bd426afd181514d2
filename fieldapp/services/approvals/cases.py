"""Open, advance and close cases. Every function runs inside a command's transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select

from fieldapp.kernel import clock, ids
from fieldapp.platform.commandbus import Context
from fieldapp.services.accounts import active_holders, roles_on
from fieldapp.services.approvals.models import Case, Step
from fieldapp.services.approvals.policy import ESCALATES_TO, GROUP_ROLES, approval_chain


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
    requester_roles = roles_on(requester_id, on=ctx.day)
    if requester_id == ctx.actor.id:
        # What a deputy asks for goes to the next one up (D-ROLE-2).
        requester_roles = requester_roles.union(*(one.roles for one in ctx.actor.principals))
    steps = approval_chain(roles, requester_roles, _vacant_roles(ctx, requester_id, group_id))
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
    return {} if _has_decider("leader", group_id, {requester_id}) else {"leader": "nobody"}


def _has_decider(role: str, group_id: int | None, excluded: Collection[int]) -> bool:
    """Return whether somebody else than the excluded people may decide for a role today."""
    group = group_id if role in GROUP_ROLES else None
    return bool(active_holders(role, group, on=clock.today()) - set(excluded))


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


def deciders_of(ctx: Context, case: Case) -> frozenset[int]:
    """Return who has decided a step of this case, and on whose behalf: nobody takes two steps of one chain."""
    query = select(Step.decided_by, Step.on_behalf_of).where(Step.case_id == case.id, Step.decided_by.is_not(None))
    rows = ctx.session.execute(query)
    return frozenset(person for row in rows for person in row if person is not None)


def decide(ctx: Context, case: Case, verdict: str, reason: str | None) -> bool:
    """Record a decision of the waiting step. Return whether it closed the case.

    `ctx.on_behalf_of` is the principal of a deputy. `verdict` is approved, returned or rejected; only `approved` can
    leave further steps.
    """
    steps = ctx.scalars(select(Step).where(Step.case_id == case.id).order_by(Step.position))
    current = next(step for step in steps if step.state == "waiting")
    current.state, current.reason = verdict, reason
    current.decided_by, current.on_behalf_of, current.decided_at = ctx.actor.id, ctx.on_behalf_of, ctx.now
    next_step = next((step for step in steps if step.state == "waiting"), None)
    if verdict == "approved" and next_step is not None:
        ctx.session.flush()
        _raise_if_decided_before(ctx, case, next_step)
        case.waiting_role = next_step.role
        return False
    case.state, case.waiting_role, case.closed_at = verdict, None, ctx.now
    return True


def _raise_if_decided_before(ctx: Context, case: Case, step: Step) -> None:
    """Raise a step one level, as often as needed, if only people are left for it who decided an earlier one.

    Where nobody is left at any level the step stays where it is: it waits and never passes by itself (D-ROLE-1).
    """
    excluded = {case.requester_id, *deciders_of(ctx, case)}
    role, passed = step.role, {step.role}
    while not _has_decider(role, case.group_id, excluded):
        if role not in ESCALATES_TO or ESCALATES_TO[role] in passed:
            return
        role = ESCALATES_TO[role]
        passed.add(role)
    if role != step.role:
        step.role, step.why = role, step.why or "decided"
