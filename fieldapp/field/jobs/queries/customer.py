"""Load a customer with sites, contacts, assets and jobs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.sql.elements import ColumnElement

from fieldapp.field.customers import Asset, Contact, Customer, Site
from fieldapp.field.jobs.models import Job, Visit, VisitMember
from fieldapp.field.jobs.queries.board import within
from fieldapp.kernel.actor import Actor
from fieldapp.platform.extensions import db


@dataclass
class SiteLine:
    """A site with its contacts `(name, title, phone)` and assets `(category, model, serial, plate, sim, warranty)`."""

    id: str
    name: str
    address: str
    lat: float | None
    lon: float | None
    contacts: list[tuple[str, str, str]] = field(default_factory=list)
    assets: list[tuple[Any, ...]] = field(default_factory=list)


def visible_jobs(actor: Actor) -> ColumnElement[bool]:
    """Return the rule of `may_see_job` as a condition on jobs."""
    own = (
        select(Visit.job_id)
        .join(VisitMember, VisitMember.visit_id == Visit.id)
        .where(VisitMember.user_id == actor.id, Visit.job_id == Job.id)
    )
    return or_(within(actor), own.exists())


def customer_of(actor: Actor, customer_id: str) -> Customer | None:
    """Return the customer, or None for people who may see none of its jobs (D-AUD-2)."""
    serves = select(Job.id).where(Job.customer_id == customer_id, visible_jobs(actor)).exists()
    query = select(Customer).where(Customer.id == customer_id)
    return db.session.scalar(query if actor.sees_all_groups else query.where(serves))


def sites_of(customer_id: str) -> list[SiteLine]:
    """Return the customer's sites by name. Three queries."""
    columns = (Site.id, Site.name, Site.address, Site.lat, Site.lon)
    query = select(*columns).where(Site.customer_id == customer_id).order_by(Site.name, Site.id)
    sites = {row[0]: SiteLine(*row) for row in db.session.execute(query)}
    people = select(Contact.site_id, Contact.name, Contact.title, Contact.phone).where(Contact.site_id.in_(sites))
    for site, *contact in db.session.execute(people.order_by(Contact.name, Contact.id)):
        sites[site].contacts.append((contact[0], contact[1], contact[2]))
    things = select(
        Asset.site_id,
        Asset.category,
        Asset.model,
        Asset.serial_no,
        Asset.plate,
        Asset.sim_no,
        Asset.warranty_until,
    ).where(Asset.site_id.in_(sites))
    for site, *asset in db.session.execute(things.order_by(Asset.category, Asset.serial_no, Asset.id)):
        sites[site].assets.append(tuple(asset))
    return list(sites.values())


def jobs_of(actor: Actor, customer_id: str) -> Any:
    """The customer's jobs that the person may see; received and job id come first."""
    columns = (Job.received_at, Job.id, Job.number, Job.title, Job.state, Job.service_class)
    query: Any = select(*columns)
    return query.where(Job.customer_id == customer_id, visible_jobs(actor))
