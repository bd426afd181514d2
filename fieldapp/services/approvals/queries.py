"""Reading cases: the inbox, and what became of a record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Select, and_, bindparam, func, or_, select
from sqlalchemy.orm import aliased

from fieldapp.kernel.actor import Actor
from fieldapp.platform.commandbus.models import Notice
from fieldapp.platform.database import among
from fieldapp.platform.extensions import OFFERS, db
from fieldapp.services.accounts import name_by
from fieldapp.services.approvals.models import Case, Step
from fieldapp.services.approvals.policy import OF_A_GROUP, may_decide

#: More than anybody decides at a sitting; the page says when there are more.
SHOWN = 50

# Put together once: every page asks for the count.
_turn = or_(
    among(Case.waiting_role, "roles"),
    and_(Case.waiting_role == "leader", among(Case.group_id, "led")),
)
_mine = (Case.state == "open", Case.requester_id != bindparam("me"), _turn)
_waiting = select(func.count()).where(*_mine)
_unread = select(func.count()).where(Notice.user_id == bindparam("user"), Notice.read_at.is_(None))
_counts = select(_waiting.scalar_subquery(), _unread.scalar_subquery())


def waiting_for(actor: Actor, most: int) -> Select[Any]:
    """Ids of open cases in which it is this person's turn, the oldest first."""
    return select(Case.id).where(*_mine).order_by(Case.opened_at, Case.id).limit(most).params(_asked(actor))


def _asked(actor: Actor) -> dict[str, Any]:
    return {"me": actor.id, "roles": sorted(actor.roles - OF_A_GROUP), "led": sorted(actor.leads)}


def counts(actor: Actor) -> tuple[int, int]:
    """How many decisions wait for this person, and how many notices they have not ticked off; one query."""
    cases, notices = db.session.execute(_counts, {**_asked(actor), "user": actor.id}).one()
    return cases, notices


def inbox_count(actor: Actor) -> int:
    """Return how much waits in this person's inbox: decisions, notices, and what features add."""
    return sum(counts(actor)) + len(OFFERS().inbox_ids(actor))


def case_for(kind: str, record: str) -> Case | None:
    """The latest case of a record."""
    return cases_of(kind, [record]).get(record)


def cases_of(kind: str, records: Sequence[str]) -> dict[str, Case]:
    """The latest case of each record, by record id."""
    if not records:
        return {}
    query = select(Case).where(Case.subject_type == kind, Case.subject_id.in_(list(records))).order_by(Case.round)
    return {case.subject_id: case for case in db.session.scalars(query)}


@dataclass(frozen=True)
class Shown:
    """A case as its card shows it: who asked, its steps in order, and the round before it."""

    case: Case
    requester: str
    steps: list[Step]
    before: Case | None = None


def shown(which: Any) -> list[Shown]:
    """The cases whose ids `which` selects, those opened first in front; one query."""
    before = aliased(Case)
    same = and_(before.subject_type == Case.subject_type, before.subject_id == Case.subject_id)
    query = (
        select(Case, Step, name_by(Case.requester_id), before)
        .join(Step, Step.case_id == Case.id)
        .outerjoin(before, and_(same, before.round == Case.round - 1))
        .where(Case.id.in_(which))
        .order_by(Case.opened_at, Case.id, Step.position)
    )
    found: dict[str, Shown] = {}
    for case, step, requester, earlier in db.session.execute(query):
        found.setdefault(case.id, Shown(case, requester, [], earlier)).steps.append(step)
    return list(found.values())


def history_of(kind: str, record: str) -> list[tuple[Case, list[Step]]]:
    """Every round of a record with its steps, oldest first."""
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
    """Who sent a record back to its author, and why."""

    by: str
    reason: str


def last_returns(kind: str, records: Sequence[str]) -> dict[str, Returned]:
    """The last return of each record that was ever returned."""
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
    """Whether the case is open and it is this person's turn."""
    return (
        case is not None
        and case.state == "open"
        and may_decide(actor, case.requester_id, case.waiting_role, case.group_id)
    )
