"""List the jobs of a customer for its page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.sql.elements import ColumnElement

from fieldapp.field.customers import Customer
from fieldapp.field.jobs import words
from fieldapp.field.jobs.models import Job, Visit, VisitMember
from fieldapp.field.jobs.queries.board import within
from fieldapp.kernel.actor import Actor
from fieldapp.kernel.manifest import Panel
from fieldapp.platform.extensions import db
from fieldapp.platform.web.lists import list_page


def visible_jobs(actor: Actor) -> ColumnElement[bool]:
    """Return the rule of `may_see_job` as a condition on jobs."""
    own = (
        select(Visit.job_id)
        .join(VisitMember, VisitMember.visit_id == Visit.id)
        .where(VisitMember.user_id == actor.id, Visit.job_id == Job.id)
    )
    return or_(within(actor), own.exists())


def serves_customer(actor: Actor, customer_id: str) -> bool:
    """Whether the customer has a job that the person may see."""
    query = select(Job.id).where(Job.customer_id == customer_id, visible_jobs(actor))
    return db.session.scalar(select(query.exists())) is True


def jobs_of(actor: Actor, customer_id: str) -> Any:
    """The customer's jobs that the person may see."""
    columns = (Job.received_at, Job.id, Job.number, Job.title, Job.state, Job.service_class)
    query: Any = select(*columns)
    return query.where(Job.customer_id == customer_id, visible_jobs(actor))


def customer_panels(actor: Actor, customer: Customer) -> Iterator[Panel]:
    """The customer's jobs, the latest first, a page at a time."""
    page = list_page(jobs_of(actor, customer.id), keys=(Job.received_at, Job.id), size=20)
    yield Panel("field/jobs/_of_customer.html", {"page": page, "words": words})
