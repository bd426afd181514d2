"""A customer with sites, contacts and assets, for those who serve it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from fieldapp.field.customers.extension_points import serves
from fieldapp.field.customers.models import Asset, Contact, Customer, Site
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


def customer_of(actor: Actor, customer_id: str) -> Customer | None:
    """The customer, or None for those who see it neither by role nor by their work (D-AUD-2)."""
    if not actor.sees_all_groups and not serves(actor, customer_id):
        return None
    return db.session.get(Customer, customer_id)


def sites_of(customer_id: str) -> list[SiteLine]:
    """Its sites by name; three queries."""
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
