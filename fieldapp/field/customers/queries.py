"""A customer with sites, contacts and assets, for those who serve it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import select

from fieldapp.field.customers.extension_points import serves
from fieldapp.field.customers.models import Asset, Contact, Customer, Site
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


def customer_of(actor: Actor, customer_id: str) -> Customer | None:
    """The customer, or None for those who see it neither by role nor by their work (D-AUD-2)."""
    if not actor.sees_all_groups and not serves(actor, customer_id):
        return None
    return db.session.get(Customer, customer_id)


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
