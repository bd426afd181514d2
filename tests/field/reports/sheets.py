"""Reports as tests fill them in."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from fieldapp.field.jobs import Visit, VisitMember
from fieldapp.field.reports import ServiceReport
from fieldapp.field.reports.models import ReportVersion
from fieldapp.kernel import clock, ids
from fieldapp.platform.commandbus import Result, writing
from fieldapp.platform.extensions import db
from fieldapp.supply.parts import Part
from tests.support.bench import Bench, Person

STROKES = [[60, 120, 90, 60, 130, 140], [200, 100, 240, 90, 300, 130]]
OTHER_STROKES = [[61, 119, 95, 66, 131, 142], [210, 105, 245, 95]]


def sheet(visit_id: str, /, **over: Any) -> dict[str, Any]:
    """The data of a short, signed report; `None` leaves a field out."""
    data = {
        "id": str(ids.uuid7()),
        "visit_id": visit_id,
        "result": "solved",
        "fault": "Antenna feed aged, no signal",
        "work": "Feed replaced, tested for ten minutes",
        "customer_name": "Liu",
        "signature": STROKES,
        "satisfaction": 5,
        **over,
    }
    return {name: value for name, value in data.items() if value is not None}


def plan(days: int = 2, **over: Any) -> dict[str, Any]:
    """What another visit needs."""
    at = clock.local(clock.now() + timedelta(days=days))
    return {
        "result": "another_visit",
        "reason": "The board must be ordered",
        "plan_at": at.strftime("%Y-%m-%dT09:00"),
        "plan_people": "Tech, Tech2",
        "plan_tools": "Hot air",
        **over,
    }


def submit(bench: Bench, person: Person, visit_id: str, envelope: dict[str, Any] | None = None, **over: Any) -> Result:
    """Sends a report as `person`."""
    data = sheet(visit_id, **over)
    return bench.send(person, "service_report.submit", ("service_report", data["id"]), data, **(envelope or {}))


def corrected(bench: Bench, person: Person, report_id: str, **over: Any) -> Result:
    """Sends a next version, signed anew."""
    data = sheet("-", **{"signature": OTHER_STROKES, **over})
    del data["id"], data["visit_id"]
    return bench.send(person, "service_report.resubmit", ("service_report", report_id), data)


def decide(bench: Bench, person: Person, verb: str, report_id: str, **data: Any) -> Result:
    """Accepts or returns."""
    return bench.send(person, f"service_report.{verb}", ("service_report", report_id), data)


def only_report(bench: Bench) -> ServiceReport:
    """The one report there is."""
    with bench.app.app_context():
        return db.session.query(ServiceReport).one()


def report_of(bench: Bench, person: Person) -> ServiceReport:
    """The one report of an author."""
    with bench.app.app_context():
        return db.session.query(ServiceReport).filter_by(author_id=person.id).one()


def versions(bench: Bench) -> list[ReportVersion]:
    """All versions kept."""
    with bench.app.app_context():
        return db.session.query(ReportVersion).order_by(ReportVersion.version).all()


def visit_of(bench: Bench, visit_id: str) -> Visit:
    """A visit as it stands."""
    with bench.app.app_context():
        return db.session.get_one(Visit, visit_id)


def cancel(bench: Bench, visit_id: str) -> None:
    """The visit is cancelled by somebody else."""
    with bench.app.app_context(), writing() as session:
        session.get_one(Visit, visit_id).state = "cancelled"


def give_away(bench: Bench, visit_id: str, old: Person, new: Person, at: datetime | None = None) -> None:
    """The visit goes to somebody else."""
    with bench.app.app_context(), writing() as session:
        session.get_one(VisitMember, (visit_id, old.id)).removed_at = at or clock.now()
        session.add(VisitMember(visit_id=visit_id, user_id=new.id, in_charge=True))
        session.get_one(Visit, visit_id).technician_id = new.id


def make_part(bench: Bench, number: str = "PCB-1", price: str = "620.00", active: bool = True) -> str:
    """A part of the catalogue."""
    one = str(ids.uuid7())
    with bench.app.app_context(), writing() as session:
        session.add(
            Part(id=one, number=number, name="Main board", unit="pc", price=price, category="other", active=active)
        )
    return one
