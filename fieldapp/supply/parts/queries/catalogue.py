"""The catalogue as options of forms."""

from __future__ import annotations

from typing import Any

from flask import g
from sqlalchemy import select

from fieldapp.field.customers import Asset
from fieldapp.field.jobs import Job
from fieldapp.platform.extensions import db
from fieldapp.supply.parts.models import Part

#: Most options in a form; a part beyond them can be requested by its name.
MAX_CHOICES = 400

Choice = tuple[str, str, dict[str, str]]


def _catalogue() -> list[Any]:
    """Return the active parts by category and number; read once per request."""
    if "parts_catalogue" not in g:
        query = (
            select(Part.id, Part.number, Part.name, Part.price, Part.category, Part.models)
            .where(Part.active)
            .order_by(Part.category, Part.number)
            .limit(MAX_CHOICES)
        )
        g.parts_catalogue = list(db.session.execute(query))
    rows: list[Any] = g.parts_catalogue
    return rows


def _choice(row: Any) -> Choice:
    return row.id, f"{row.number} {row.name}", {"unit_price": f"{row.price:.2f}", "name": row.name}


def part_choices() -> list[Choice]:
    """Return `(id, "number name", values that the choice fills in)` of every active part."""
    return [_choice(row) for row in _catalogue()]


def grouped_choices(job_id: str | None) -> list[tuple[str, list[Choice]]]:
    """Return the choices in groups `(key, choices)`: first `fits`, parts for the job's devices, then by category."""
    models = _models_of(job_id) if job_id else set()
    groups: dict[str, list[Choice]] = {"fits": []}
    for row in _catalogue():
        key = "fits" if models & set(row.models or ()) else row.category
        groups.setdefault(key, []).append(_choice(row))
    return [(key, choices) for key, choices in groups.items() if choices]


def _models_of(job_id: str) -> set[str]:
    """Return the models of devices of the job's category at its site."""
    at_site = (Asset.site_id == Job.site_id) & (Asset.category == Job.category)
    return set(db.session.scalars(select(Asset.model).join(Job, at_site).where(Job.id == job_id)))
