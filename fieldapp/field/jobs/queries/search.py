"""Find jobs by customer, number, plate, serial number or telephone."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CompoundSelect, Select, case, false, func, or_, select, tuple_, union_all
from sqlalchemy.sql.elements import ColumnElement

from fieldapp.field.customers import Asset, Contact, Customer, Site
from fieldapp.field.jobs.models import Job, JobAsset
from fieldapp.kernel.findable import plain
from fieldapp.platform.extensions import db
from fieldapp.platform.search import SearchText, hits, matches

KINDS = frozenset(model.__tablename__ for model in (Job, Customer, Contact, Asset))
#: Up to this many matching jobs, or records that lead to them, are read by id.
MANY = 3000
#: Up to this many records are examined for their kinds: each kind is one more test of every job that the list reads.
#: With more matches a page is full before the test costs anything.
SEEN = 20_000


def found(query: Select[Any], text: str) -> Select[Any]:
    """Narrow a query that reads from jobs to those that match `text`.

    Customers and plates match anywhere in the name; numbers, serial numbers and telephones from their start. Case,
    width, spaces and punctuation do not matter. The number of matches is counted first: up to `MANY` the jobs are
    read by id; of more, the list goes through its own order and tests each job, since a page is soon full.
    """
    key = plain(text)
    if not key:
        return query.where(false())
    ids = _ids(key)
    count, kinds = _count(key, ids)
    if count > MANY:
        return query.where(_job_matches(key, kinds))
    jobs = select(Job.received_at, Job.id).where(Job.id.in_(ids))
    # By time and id, as every index in the list's order ends with them. By id alone a database may read every job of
    # the group to find these.
    return query.where(tuple_(Job.received_at, Job.id).in_(jobs))


def _ids(key: str) -> CompoundSelect[Any]:
    """Return the query for ids of all jobs that the key leads to; an id may occur more than once."""
    matches = hits(key).limit(MANY + 1).cte("hits")

    def of(model: Any) -> Select[Any]:
        return select(matches.c.record).where(matches.c.kind == model.__tablename__)

    # Jobs are indexed by their customers, which leads to those of a site.
    sites = (
        select(Site.id, Site.customer_id).join(Contact, Contact.site_id == Site.id).where(Contact.id.in_(of(Contact)))
    )
    sites_of_contacts = sites.subquery("sites")
    return union_all(
        of(Job),
        select(Job.id).where(Job.customer_id.in_(of(Customer))),
        select(Job.id).join(
            sites_of_contacts,
            (sites_of_contacts.c.customer_id == Job.customer_id) & (sites_of_contacts.c.id == Job.site_id),
        ),
        select(JobAsset.job_id).where(JobAsset.asset_id.in_(of(Asset))),
    )


def _count(key: str, ids: CompoundSelect[Any]) -> tuple[int, frozenset[str]]:
    """Return the number of matching records, or of their jobs if that is more, and the kinds of the records.

    Counting stops beyond `MANY`. With more records than `SEEN`, all kinds are returned.
    """
    matches = hits(key).limit(SEEN + 1).subquery()
    records = func.sum(func.count()).over()
    # Evaluated only if the number of records does not decide.
    jobs = select(func.count()).select_from(ids.limit(MANY + 1).subquery()).scalar_subquery()
    query = select(matches.c.kind, records, case((records > MANY, records), else_=jobs)).group_by(matches.c.kind)
    rows = db.session.connection().execute(query).all()
    if not rows:
        return 0, frozenset()
    _, record_count, count = rows[0]
    return count, KINDS if record_count > SEEN else frozenset(kind for kind, _, _ in rows)


def _job_matches(key: str, kinds: frozenset[str]) -> ColumnElement[bool]:
    """Return the condition that the job, its customer, a contact at its site or one of its assets matches.

    Only `kinds` are tested.
    """
    entry = matches(key)
    conditions = {
        "customer": entry.where(SearchText.record == Job.customer_id),
        "job": entry.where(SearchText.record == Job.id),
        "contact": entry.where(SearchText.record == Contact.id, Contact.site_id == Job.site_id),
        "asset": entry.where(SearchText.record == JobAsset.asset_id, JobAsset.job_id == Job.id),
    }
    return or_(
        *(condition.correlate(Job).scalar_subquery() == 1 for kind, condition in conditions.items() if kind in kinds)
    )
