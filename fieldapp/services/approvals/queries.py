"""Queries of cases: the inbox, and the rounds of a record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Select, and_, bindparam, func, or_, select
from sqlalchemy.orm import aliased

from fieldapp.kernel.actor import Actor
from fieldapp.platform.commandbus.models import Notice
from fieldapp.platform.database import among
from fieldapp.platform.extensions import db
from fieldapp.services.accounts import name_by
from fieldapp.services.approvals.extension_points import inbox_count_queries
from fieldapp.services.approvals.models import Case, Step
from fieldapp.services.approvals.policy import GROUP_ROLES, may_decide

#: Most cases on a page; the page says if there are more.
MAX_CASES = 50

# Built once: every page needs the count.
_is_actors_turn = or_(
    among(Case.waiting_role, "roles"),
    and_(Case.waiting_role == "leader", among(Case.group_id, "led")),
)
_waits_for_actor = (Case.state == "open", Case.requester_id != bindparam("me"), _is_actors_turn)
_case_count = select(func.count()).where(*_waits_for_actor)
_notice_count = select(func.count()).where(Notice.user_id == bindparam("user"), Notice.read_at.is_(None))


@cache
def _counts(more: tuple[Any, ...]) -> Select[Any]:
    """Return the query that counts cases, notices, and by `more` what features add."""
    return select(_case_count.scalar_subquery(), _notice_count.scalar_subquery(), *more)


def waiting_for(actor: Actor, limit: int) -> Select[Any]:
    """Return the query for ids of open cases that the actor may decide, oldest first."""
    return (
        select(Case.id)
        .where(*_waits_for_actor)
        .order_by(Case.opened_at, Case.id)
        .limit(limit)
        .params(_actor_params(actor))
    )


def _actor_params(actor: Actor) -> dict[str, Any]:
    return {"me": actor.id, "roles": sorted(actor.roles - GROUP_ROLES), "led": sorted(actor.leads)}


def counts(actor: Actor) -> tuple[int, ...]:
    """Return the number of cases that wait for the actor, of unread notices, and of what features add. One query."""
    query, params = _counts(inbox_count_queries(actor)), {**_actor_params(actor), "user": actor.id}
    return tuple(db.session.execute(query, params).one())


def inbox_count(actor: Actor) -> int:
    """Return the number of entries in the actor's inbox: cases, notices, and what features add."""
    return sum(counts(actor))


def case_for(kind: str, record: str) -> Case | None:
    """Return the latest case of a record, or None."""
    return cases_of(kind, [record]).get(record)


def cases_of(kind: str, records: Sequence[str]) -> dict[str, Case]:
    """Return the latest case of each record, by record id."""
    if not records:
        return {}
    query = select(Case).where(Case.subject_type == kind, Case.subject_id.in_(list(records))).order_by(Case.round)
    return {case.subject_id: case for case in db.session.scalars(query)}


@dataclass(frozen=True)
class LoadedCase:
    """A case with requester's name, its steps in order, and the round before it."""

    case: Case
    requester: str
    steps: list[Step]
    before: Case | None = None


def load_cases(case_ids: Any) -> list[LoadedCase]:
    """Return the cases with the given ids, oldest first. One query."""
    before = aliased(Case)
    same = and_(before.subject_type == Case.subject_type, before.subject_id == Case.subject_id)
    query = (
        select(Case, Step, name_by(Case.requester_id), before)
        .join(Step, Step.case_id == Case.id)
        .outerjoin(before, and_(same, before.round == Case.round - 1))
        .where(Case.id.in_(case_ids))
        .order_by(Case.opened_at, Case.id, Step.position)
    )
    cases: dict[str, LoadedCase] = {}
    for case, step, requester, earlier in db.session.execute(query):
        cases.setdefault(case.id, LoadedCase(case, requester, [], earlier)).steps.append(step)
    return list(cases.values())


def history_of(kind: str, record: str) -> list[tuple[Case, list[Step]]]:
    """Return every round of a record with its steps, oldest first."""
    query = (
        select(Case, Step)
        .join(Step, Step.case_id == Case.id)
        .where(Case.subject_type == kind, Case.subject_id == record)
        .order_by(Case.round, Step.position)
    )
    rounds: dict[str, tuple[Case, list[Step]]] = {}
    for case, step in db.session.execute(query):
        rounds.setdefault(case.id, (case, []))[1].append(step)
    return list(rounds.values())


class Returned(NamedTuple):
    """Who returned a record to its author, and why."""

    by: str
    reason: str


def last_returns(kind: str, records: Sequence[str]) -> dict[str, Returned]:
    """Return the last return of each record that was ever returned, by record id."""
    if not records:
        return {}
    query = (
        select(Case.subject_id, name_by(Step.decided_by), Step.reason)
        .join(Step, Step.case_id == Case.id)
        .where(Case.subject_type == kind, Case.subject_id.in_(list(records)), Step.state == "returned")
        .order_by(Case.round)
    )
    return {record: Returned(name or "", reason or "") for record, name, reason in db.session.execute(query)}


def may_decide_now(actor: Actor, case: Case | None) -> bool:
    """Return whether the case is open and the actor may decide it."""
    return (
        case is not None
        and case.state == "open"
        and may_decide(actor, case.requester_id, case.waiting_role, case.group_id)
    )
