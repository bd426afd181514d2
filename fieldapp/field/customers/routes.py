"""`/customers/<id>`: a customer's sites, assets and jobs (D-DESK-4)."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response

from fieldapp.errors import NotFound
from fieldapp.field.customers import links, words
from fieldapp.field.customers.extension_points import customer_panels
from fieldapp.field.customers.queries import customer_of, sites_of
from fieldapp.platform.web.guards import actor, needs
from fieldapp.platform.web.render import render

bp = Blueprint("customers", __name__)


@bp.get("/customers/<uuid:customer>")
@needs("customer.view")
def show(customer: UUID) -> Response:
    """Show sites, contacts, assets and the panels of other features. Raise NotFound for others' customers."""
    record = customer_of(actor(), str(customer))
    if record is None:
        raise NotFound("customer.not_found")
    return render(
        "field/customers/customer.html",
        customer=record,
        sites=sites_of(record.id),
        panels=customer_panels(actor(), record),
        words=words,
        map_url=links.map_url,
        call_url=links.call_url,
    )
