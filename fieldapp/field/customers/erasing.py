"""Erase customers: names, numbers, addresses; the rows stay, because records refer to them (D-AUD-4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from fieldapp.field.customers.models import Asset, Contact, Customer, Site
from fieldapp.platform.commandbus import Erasure

#: What is left blank, by table.
_BLANKS: dict[Any, dict[str, Any]] = {
    Customer: {"name": "", "phone": "", "note": ""},
    Site: {"name": "", "address": "", "lat": None, "lon": None},
    Contact: {"name": "", "title": "", "phone": ""},
    Asset: {"plate": None, "sim_no": None, "mounted_at": None, "note": ""},
}


def erase_customers(session: Session, erasure: Erasure) -> Iterator[tuple[str, str]]:
    """Blank customers and what belongs to them; yield sites, contacts and assets of the erased customers."""
    for kind, record in list(erasure.records):
        for model in _BLANKS:
            if kind == model.__tablename__:
                yield from _blank(session, model, record)


def _blank(session: Session, model: Any, record: str) -> Iterator[tuple[str, str]]:
    row = session.get(model, record)
    if row is None:
        return
    for name, value in _BLANKS[model].items():
        setattr(row, name, value)
    if model is Customer:
        yield from (("site", one) for one in session.scalars(select(Site.id).where(Site.customer_id == record)))
    if model is Site:
        yield from (("contact", one) for one in session.scalars(select(Contact.id).where(Contact.site_id == record)))
        yield from (("asset", one) for one in session.scalars(select(Asset.id).where(Asset.site_id == record)))
