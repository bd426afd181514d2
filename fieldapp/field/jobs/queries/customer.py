"""A customer with sites, contacts, assets and jobs, for those who serve it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import or_, select
from sqlalchemy.sql.elements import ColumnElement

from fieldapp.field.customers import Asset, Contact, Customer, Site
from fieldapp.field.jobs.models import Job, Visit, VisitMember
from fieldapp.field.jobs.queries.board import within
from fieldapp.kernel.actor import Actor
from fieldapp.platform.extensions import db


class ContactLine(NamedTuple):
    """A person at a site."""

    name: str
    title: str
    phone: str


class SiteAsset(NamedTuple):
    """A device at a site."""

    category: str
    model: str
    serial_no: str
    plate: str | None
    sim_no: str | None
    warranty_until: date | None


@dataclass
class SiteLine:
    """A site with its contacts and assets."""

    id: str
    name: str
    address: str
    lat: float | None
    lon: float | None
    contacts: list[ContactLine] = field(default_factory=list)
    assets: list[SiteAsset] = field(default_factory=list)


def visible_jobs(actor: Actor) -> ColumnElement[bool]:
    """The same rule as `may_see_job`, as a condition on jobs."""
    own = (
        select(Visit.job_id)
        .join(VisitMember, VisitMember.visit_id == Visit.id)
        .where(VisitMember.user_id == actor.id, Visit.job_id == Job.id)
    )
    return or_(within(actor), own.exists())


def customer_of(actor: Actor, customer_id: str) -> Customer | None:
    """The customer, or None for those who see all its jobs neither by role nor by their work (D-AUD-2)."""
    serves = select(Job.id).where(Job.customer_id == customer_id, visible_jobs(actor)).exists()
    query = select(Customer).where(Customer.id == customer_id)
    return db.session.scalar(query if actor.sees_all_groups else query.where(serves))


def sites_of(customer_id: str) -> list[SiteLine]:
    """Its sites by name; three queries."""
    columns = (Site.id, Site.name, Site.address, Site.lat, Site.lon)
    query = select(*columns).where(Site.customer_id == customer_id).order_by(Site.name, Site.id)
    sites = {row.id: SiteLine(*row) for row in db.session.execute(query)}
    people = select(Contact.site_id, Contact.name, Contact.title, Contact.phone).where(Contact.site_id.in_(sites))
    for site, *contact in db.session.execute(people.order_by(Contact.name, Contact.id)):
        sites[site].contacts.append(ContactLine(*contact))
    things = select(
        Asset.site_id,
        Asset.category,
        Asset.model,
        Asset.serial_no,
        Asset.plate,
        Asset.sim_no,
        Asset.warranty_until,
    ).where(Asset.site_id.in_(sites))
    asset: Any
    for site, *asset in db.session.execute(things.order_by(Asset.category, Asset.serial_no, Asset.id)):
        sites[site].assets.append(SiteAsset(*asset))
    return list(sites.values())


def jobs_of(actor: Actor, customer_id: str) -> Any:
    """The customer's jobs that the person may see."""
    columns = (Job.received_at, Job.id, Job.number, Job.title, Job.state, Job.service_class)
    query: Any = select(*columns)
    return query.where(Job.customer_id == customer_id, visible_jobs(actor))
