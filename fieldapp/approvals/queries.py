"""Reading cases: the inbox, and what became of a record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, and_, bindparam, func, or_, select

from fieldapp.approvals.models import Case, Step
from fieldapp.approvals.policy import OF_A_GROUP, may_decide
from fieldapp.commandbus.models import Notice
from fieldapp.extensions import db
from fieldapp.kernel.actor import Actor

# Put together once: every page asks for the count.
_turn = or_(
    Case.waiting_role.in_(bindparam("roles", expanding=True)),
    and_(Case.waiting_role == "leader", Case.group_id.in_(bindparam("led", expanding=True))),
)
_mine = (Case.state == "open", Case.requester_id != bindparam("me"), _turn)
_waiting = select(func.count()).where(*_mine)
_unread = select(func.count()).where(Notice.user_id == bindparam("user"), Notice.read_at.is_(None))
_counts = select(_waiting.scalar_subquery(), _unread.scalar_subquery())


def waiting_for(actor: Actor) -> Select[Any]:
    """Open cases in which it is this person's turn."""
    return select(Case).where(*_mine).params(_asked(actor))


def _asked(actor: Actor) -> dict[str, Any]:
    return {"me": actor.id, "roles": sorted(actor.roles - OF_A_GROUP), "led": sorted(actor.leads)}


def counts(actor: Actor) -> tuple[int, int]:
    """How many decisions wait for this person, and how many notices they have not ticked off; one query."""
    row = db.session.connection().execute(_counts, {**_asked(actor), "user": actor.id}).one()
    return row[0], row[1]


def case_for(kind: str, record: str) -> Case | None:
    """The latest case of a record."""
    return cases_of(kind, [record]).get(record)


def cases_of(kind: str, records: Sequence[str]) -> dict[str, Case]:
    """The latest case of each record, by record id."""
    if not records:
        return {}
    query = select(Case).where(Case.subject_type == kind, Case.subject_id.in_(list(records))).order_by(Case.round)
    return {case.subject_id: case for case in db.session.scalars(query)}


def steps_of(case_ids: Sequence[str]) -> dict[str, list[Step]]:
    """The steps of cases, in order, by case id."""
    found: dict[str, list[Step]] = {}
    if case_ids:
        query = select(Step).where(Step.case_id.in_(list(case_ids))).order_by(Step.case_id, Step.position)
        for step in db.session.scalars(query):
            found.setdefault(step.case_id, []).append(step)
    return found


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


def may_decide_now(actor: Actor, case: Case | None) -> bool:
    """Whether the case is open and it is this person's turn."""
    return (
        case is not None
        and case.state == "open"
        and may_decide(actor, case.requester_id, case.waiting_role, case.group_id)
    )
