"""Finding jobs by what people have at hand: customer, number, plate, serial number, telephone."""

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
#: So many found jobs, or records that lead to them, are gone through; of more the list meets enough on its way.
MANY = 3000
#: So many records are looked at for their kinds. Each kind is another look at every job that the list meets; where even
#: more are found, a page is full before that tells.
SEEN = 20_000


def found(query: Select[Any], text: str) -> Select[Any]:
    """The query (which reads from jobs) narrowed to what `text` names.

    Customers and plates match anywhere in the name; numbers, serial numbers and telephones from their start; case,
    width, spaces and punctuation do not matter. Asks first how much is found. Little is read job by job. Where it
    is much, the list goes through its own order and looks at each job, since the page is soon full.
    """
    key = plain(text)
    if not key:
        return query.where(false())
    ids = _ids(key)
    count, kinds = _count(key, ids)
    if count > MANY:
        return query.where(_told(key, kinds))
    jobs = select(Job.received_at, Job.id).where(Job.id.in_(ids))
    # Together with its moment, which every index in the list's order ends with: so each job is met at once. By its
    # id alone a database may pass every job of the group to find these.
    return query.where(tuple_(Job.received_at, Job.id).in_(jobs))


def _ids(key: str) -> CompoundSelect[Any]:
    """The ids of all jobs that the key leads to; a job may come more than once."""
    some = hits(key).limit(MANY + 1).cte("hits")

    def of(model: Any) -> Select[Any]:
        return select(some.c.record).where(some.c.kind == model.__tablename__)

    # Jobs are indexed by their customers, which leads to those of a site.
    sites = (
        select(Site.id, Site.customer_id).join(Contact, Contact.site_id == Site.id).where(Contact.id.in_(of(Contact)))
    )
    there = sites.subquery("sites")
    return union_all(
        of(Job),
        select(Job.id).where(Job.customer_id.in_(of(Customer))),
        select(Job.id).join(there, (there.c.customer_id == Job.customer_id) & (there.c.id == Job.site_id)),
        select(JobAsset.job_id).where(JobAsset.asset_id.in_(of(Asset))),
    )


def _count(key: str, ids: CompoundSelect[Any]) -> tuple[int, frozenset[str]]:
    """How many records are found, or jobs they lead to if that is more, not counted beyond `MANY`; of which kinds.

    Where there are more records than `SEEN`, they may be of any kind.
    """
    some = hits(key).limit(SEEN + 1).subquery()
    records = func.sum(func.count()).over()
    # Asked only where it decides.
    jobs = select(func.count()).select_from(ids.limit(MANY + 1).subquery()).scalar_subquery()
    query = select(some.c.kind, records, case((records > MANY, records), else_=jobs)).group_by(some.c.kind)
    rows = db.session.connection().execute(query).all()
    if not rows:
        return 0, frozenset()
    _, found, count = rows[0]
    return count, KINDS if found > SEEN else frozenset(kind for kind, _, _ in rows)


def _told(key: str, kinds: frozenset[str]) -> ColumnElement[bool]:
    """Whether the job, its customer, somebody at its site or one of its assets is found; only `kinds` are looked at."""
    it = matches(key)
    ways = {
        "customer": it.where(SearchText.record == Job.customer_id),
        "job": it.where(SearchText.record == Job.id),
        "contact": it.where(SearchText.record == Contact.id, Contact.site_id == Job.site_id),
        "asset": it.where(SearchText.record == JobAsset.asset_id, JobAsset.job_id == Job.id),
    }
    return or_(*(way.correlate(Job).scalar_subquery() == 1 for kind, way in ways.items() if kind in kinds))
