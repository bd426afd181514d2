"""Jobs in other features' pages: one line in a list, one option in a form."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from fieldapp.field.customers import Customer
from fieldapp.field.jobs.models import Job, Visit, VisitMember
from fieldapp.kernel import clock
from fieldapp.kernel.actor import Actor
from fieldapp.platform.extensions import db


@dataclass(frozen=True)
class JobLine:
    """The columns of a job that other features show next to their own records."""

    id: str
    number: str
    customer: str
    title: str
    group_id: int

    @property
    def words(self) -> str:
        """Return `customer · title`."""
        return f"{self.customer} · {self.title}"


_LINE: tuple[Any, ...] = (Job.id, Job.number, Customer.name, Job.title, Job.group_id)


def job_lines(job_ids: Iterable[str | None]) -> dict[str, JobLine]:
    """Return the lines of the given jobs by job id. One query; None in `job_ids` is skipped."""
    ids = {job_id for job_id in job_ids if job_id}
    if not ids:
        return {}
    query = select(*_LINE).join(Customer, Customer.id == Job.customer_id).where(Job.id.in_(ids))
    return {row.id: JobLine(*row) for row in db.session.execute(query)}


def with_job(query: Any, job_id: Any) -> Any:
    """Outer-join the job named by the column `job_id` and append its columns to the query; read them with `line_in`."""
    customer = Job.customer_id == Customer.id
    return query.add_columns(*_LINE).outerjoin(Job, Job.id == job_id).outerjoin(Customer, customer)


def line_in(row: Any) -> JobLine | None:
    """Return the job in a row of a query built by `with_job`, or None if the row has no job."""
    columns = row[-len(_LINE) :]
    return None if columns[0] is None else JobLine(*columns)


def my_job_choices(actor: Actor, limit: int = 30) -> list[tuple[str, str]]:
    """Return `(job id, label)` of the actor's jobs, nearest visit first.

    The window is 45 days back to 14 days ahead.
    """
    now = clock.now()
    query = (
        select(Job.id, Customer.name, Job.title, func.max(Visit.planned_start).label("last"))
        .join(Visit, Visit.job_id == Job.id)
        .join(VisitMember, VisitMember.visit_id == Visit.id)
        .join(Customer, Customer.id == Job.customer_id)
        .where(VisitMember.user_id == actor.id, VisitMember.removed_at.is_(None))
        .where(Visit.planned_start.between(now - timedelta(days=45), now + timedelta(days=14)))
        .group_by(Job.id, Customer.name, Job.title)
    )
    rows = sorted(db.session.execute(query).all(), key=lambda row: abs(row.last - now))
    return [(row.id, f"{row.name} · {row.title}") for row in rows[:limit]]
