"""`/customers/<id>`: a customer's sites, assets and jobs (D-DESK-4)."""

from __future__ import annotations

from uuid import UUID

from flask import Response

from fieldapp.errors import NotFound
from fieldapp.field.jobs import links, words
from fieldapp.field.jobs.models import Job
from fieldapp.field.jobs.queries.customer import customer_of, jobs_of, sites_of
from fieldapp.field.jobs.routes import bp
from fieldapp.platform.web.guards import actor, needs
from fieldapp.platform.web.lists import list_page
from fieldapp.platform.web.render import render


@bp.get("/customers/<uuid:customer>")
@needs("customer.view")
def customer(customer: UUID) -> Response:
    """Show the customer with the jobs that the actor may see. Raise NotFound for customers the actor may not see."""
    record = customer_of(actor(), str(customer))
    if record is None:
        raise NotFound("customer.not_found")
    return render(
        "field/customers/customer.html",
        customer=record,
        sites=sites_of(record.id),
        page=list_page(jobs_of(actor(), record.id), keys=(Job.received_at, Job.id), size=20),
        words=words,
        map_url=links.map_url,
        call_url=links.call_url,
    )
