"""Queries of cases: the inbox, and the rounds of a record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple

from flask_babel import gettext
from sqlalchemy import ColumnElement, Select, and_, bindparam, exists, func, or_, select
from sqlalchemy.orm import aliased

from fieldapp.kernel import clock
from fieldapp.kernel.actor import Actor, Principal
from fieldapp.platform.commandbus.models import Notice
from fieldapp.platform.database import among
from fieldapp.platform.extensions import db
from fieldapp.services.accounts import name_by
from fieldapp.services.approvals.extension_points import inbox_count_queries
from fieldapp.services.approvals.models import Case, Step
from fieldapp.services.approvals.policy import GROUP_ROLES, Turn, may_decide

#: Most cases on a page; the page says if there are more.
MAX_CASES = 50


def _turn_of(roles: str, led: str) -> ColumnElement[bool]:
    """Return the condition that it is the turn of one of the roles, or of a leader of the groups."""
    return or_(among(Case.waiting_role, roles), and_(Case.waiting_role == "leader", among(Case.group_id, led)))


def _decided_by(person: Any) -> ColumnElement[bool]:
    """Return the condition that a person decided a step of the case, or somebody did on their behalf."""
    by_person = or_(Step.decided_by == person, Step.on_behalf_of == person)
    return exists().where(Step.case_id == Case.id, by_person).correlate(Case)


# Built once: every page needs the count.
_open_for_others = (Case.state == "open", Case.requester_id != bindparam("me"), ~_decided_by(bindparam("me")))
_waits_for_actor = (*_open_for_others, _turn_of("roles", "led"))
_notice_count = select(func.count()).where(Notice.user_id == bindparam("user"), Notice.read_at.is_(None))


def _first_cases(waits: Sequence[ColumnElement[bool]], limit: int) -> Select[Any]:
    return select(Case.id).where(*waits).order_by(Case.opened_at, Case.id).limit(limit)


def _count_statement(waits: Sequence[ColumnElement[bool]], more: Sequence[Any]) -> Select[Any]:
    case_count = select(func.count()).where(*waits)
    return select(case_count.scalar_subquery(), _notice_count.scalar_subquery(), *more)


@cache
def _counts(more: tuple[Any, ...]) -> Select[Any]:
    """Return the query that counts cases, notices, and by `more` what features add; built once."""
    return _count_statement(_waits_for_actor, more)


def _waits(actor: Actor) -> Sequence[ColumnElement[bool]]:
    """Return the conditions that a case waits for the actor, in their own name or as a deputy (D-ROLE-2)."""
    if not actor.principals:
        return _waits_for_actor
    turns = [_turn_of("roles", "led")]
    for number, principal in enumerate(actor.principals):
        turns.append(
            and_(
                Case.requester_id != principal.id,
                Case.subject_type.in_(sorted(principal.decides_about)),
                ~_decided_by(principal.id),
                _turn_of(f"roles_{number}", f"led_{number}"),
            )
        )
    return (*_open_for_others, or_(*turns))


def waiting_for(actor: Actor, limit: int) -> Select[Any]:
    """Return the query for ids of open cases that the actor may decide, oldest first."""
    return _first_cases(_waits(actor), limit).params(_actor_params(actor))


def _actor_params(actor: Actor) -> dict[str, Any]:
    params: dict[str, Any] = {"me": actor.id, "on": clock.today()}
    people: dict[str, Actor | Principal] = {"": actor.in_own_right}
    people |= {f"_{number}": principal for number, principal in enumerate(actor.principals)}
    for suffix, person in people.items():
        params |= {f"roles{suffix}": sorted(person.roles - GROUP_ROLES), f"led{suffix}": sorted(person.leads)}
    return params


def counts(actor: Actor) -> tuple[int, ...]:
    """Return the number of cases that wait for the actor, of unread notices, and of what features add. One query."""
    more = inbox_count_queries(actor)
    statement = _count_statement(_waits(actor), more) if actor.principals else _counts(more)
    return tuple(db.session.execute(statement, {**_actor_params(actor), "user": actor.id}).one())


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


def people_in(rounds: Iterable[tuple[Case, Sequence[Step]]]) -> set[int]:
    """Return the ids of everybody who decided in these rounds, and of those on whose behalf."""
    steps = [step for _, steps in rounds for step in steps]
    return {person for step in steps for person in (step.decided_by, step.on_behalf_of) if person is not None}


def decider_text(step: Step, names: Mapping[int, str]) -> str:
    """Return the name of who decided a step; a deputy's with the principal's."""
    name = names.get(step.decided_by or 0, "")
    if step.on_behalf_of is None:
        return name
    return gettext("%(who)s for %(principal)s", who=name, principal=names.get(step.on_behalf_of, ""))


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
    if case is None or case.state != "open":
        return False
    turn = Turn(case.subject_type, case.requester_id, case.waiting_role, case.group_id)
    return may_decide(actor, turn) and may_decide(actor, replace(turn, deciders=_deciders(case.id)))


def _deciders(case_id: str) -> frozenset[int]:
    query = select(Step.decided_by, Step.on_behalf_of).where(Step.case_id == case_id, Step.decided_by.is_not(None))
    return frozenset(person for row in db.session.execute(query) for person in row if person is not None)
