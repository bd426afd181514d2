"""A customer's page: whom we serve, what stands there, and what features add (D-AUD-2, D-DESK-4)."""

from __future__ import annotations

from typing import Any

from fieldapp.field.customers import CUSTOMER_PANELS, Customer
from fieldapp.platform.extensions import db


def address(client: Any, job: str) -> str:
    page: str = client.get(f"/jobs/{job}").text
    return "/customers/" + page.partition('href="/customers/')[2].partition('"')[0]


def test_who_sees_a_customer(cast: Any, client_of: Any, make_job: Any) -> None:
    """Those who serve it, and those who see all groups."""
    job, _ = make_job(cast.tech)
    url = address(client_of(cast.tech), job)
    for person in (cast.tech, cast.leader, cast.agent):
        answer = client_of(person).get(url)
        assert answer.status_code == 200
        assert "8832019" in answer.text
        assert f'href="/jobs/{job}"' in answer.text
    for person in (cast.tech2, cast.other_leader):
        assert client_of(person).get(url).status_code == 404
    for person in (cast.hr, cast.purchasing):
        assert client_of(person).get(url).status_code == 403


def test_a_customer_without_jobs_is_there_for_who_sees_all_groups(bench: Any, cast: Any, client_of: Any) -> None:
    record = "01930000-0000-7000-8000-000000000777"
    with bench.app.app_context():
        db.session.add(Customer(id=record, name="New", kind="company", phone="19900000009"))
        db.session.commit()
        db.session.remove()
    assert "No jobs yet." in client_of(cast.manager).get(f"/customers/{record}").text
    assert client_of(cast.leader).get(f"/customers/{record}").status_code == 404


def test_jobs_stand_on_the_page_as_a_panel_of_their_own_feature(bench: Any, cast: Any, make_job: Any) -> None:
    make_job(cast.tech)
    leader = bench.actor(cast.leader)
    with bench.app.test_request_context("/"):
        customer = db.session.scalars(db.select(Customer)).one()
        panels = {
            feature: [panel.template for panel in of_feature(leader, customer)]
            for feature, of_feature in CUSTOMER_PANELS.by_feature()
        }
        db.session.remove()
    assert panels == {"fieldapp.field.jobs": ["field/jobs/_of_customer.html"]}
