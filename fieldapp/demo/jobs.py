"""The jobs of the demo: who goes where when, how far they are, and what they tapped on the way."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from fieldapp.demo.book import BadDemo, Book
from fieldapp.field.jobs import Job, JobAsset, Visit, VisitEvent, VisitMember, job_state, number_of
from fieldapp.kernel import clock

ON_THE_WAY = timedelta(minutes=25)
ARRIVED_AGO = timedelta(minutes=8)


def add_jobs(book: Book) -> None:
    """All jobs with their visits, people and taps; numbers follow the order in which they were received."""
    jobs = book.data("jobs")
    numbers = _numbers(book, jobs)
    for one in jobs:
        _add_job(book, one, numbers[one["key"]])
    book.session.flush()
    for one in jobs:
        for position, key in enumerate(one["assets"]):
            asset = book.known(f"jobs.json, {one['key']}", book.assets, key)
            book.session.add(JobAsset(job_id=book.jobs[one["key"]], asset_id=asset, position=position))
        for index, visit in enumerate(one["visits"]):
            _add_visit(book, one, index, visit)
    book.session.flush()


def _received(book: Book, one: dict[str, Any]) -> datetime:
    return book.past(book.at(one["received"]["days"], one["received"]["time"]))


def _numbers(book: Book, jobs: list[dict[str, Any]]) -> dict[str, str]:
    taken: dict[Any, int] = {}
    numbers = {}
    for one in sorted(jobs, key=lambda job: (_received(book, job), job["key"])):
        day = clock.local(_received(book, one)).date()
        taken[day] = taken.get(day, 0) + 1
        numbers[one["key"]] = number_of(day, taken[day])
    return numbers


def _add_job(book: Book, one: dict[str, Any], number: str) -> None:
    where = f"jobs.json, {one['key']}"
    book.jobs[one["key"]] = book.id("job", one["key"])
    results = [(visit["state"], (visit["report"] or {}).get("result")) for visit in one["visits"]]
    book.session.add(
        Job(
            id=book.jobs[one["key"]],
            number=number,
            customer_id=book.known(where, book.customers, one["customer"]),
            site_id=book.known(where, book.sites, one["site"]),
            contact_id=book.known(where, book.contacts, one["contact"]) if one["contact"] else None,
            group_id=book.known(where, book.groups, one["group"]),
            title=one["title"],
            fault_description=one["said"],
            category=one["category"],
            service_class=one["service_class"],
            urgency=one["urgency"],
            is_complex=one["complex"],
            channel=one["channel"],
            state=job_state(results),
            received_at=_received(book, one),
        )
    )


def _add_visit(book: Book, job: dict[str, Any], index: int, one: dict[str, Any]) -> None:
    where = f"jobs.json, {job['key']}"
    visit = book.visits[job["key"], index] = book.id("visit", job["key"], index)
    technician = book.known(where, book.users, one["technician"])
    planned = book.at(one["planned"]["days"], one["planned"]["time"])
    book.session.add(
        Visit(
            id=visit,
            job_id=book.jobs[job["key"]],
            technician_id=technician,
            planned_start=planned,
            planned_minutes=one["planned"]["minutes"],
            state=one["state"],
            result=(one["report"] or {}).get("result"),
        )
    )
    book.session.flush()
    for position, name in enumerate([one["technician"], *one["others"]]):
        person = book.known(where, book.users, name)
        book.session.add(VisitMember(visit_id=visit, user_id=person, in_charge=position == 0))
    for kind, at in _taps(book, job, one, planned):
        leader = kind == "approved"
        person = book.known(where, book.users, _leader_of(book, job["group"])) if leader else technician
        book.session.add(
            VisitEvent(
                id=book.id("event", job["key"], index, kind),
                visit_id=visit,
                user_id=person,
                kind=kind,
                happened_at=book.past(at),
                received_at=book.past(at),
                arrival_check="at_site" if kind == "arrive" else None,
            )
        )


def _leader_of(book: Book, group: str) -> str:
    people = book.data("people")["users"]
    leaders = [one["username"] for one in people if "leader" in one["roles"] and one["group"] == group]
    if not leaders:
        raise BadDemo(f"people.json: group {group} has no leader")
    return str(leaders[0])


def _taps(book: Book, job: dict[str, Any], one: dict[str, Any], planned: datetime) -> list[tuple[str, datetime]]:
    """What was tapped to come to this state, in order. What is under way is so as of now, at any hour of the day."""
    state, received = one["state"], _received(book, job)
    if state == "assigned":
        return []
    confirmed = ("accept", min(received + timedelta(minutes=12), planned - 2 * ON_THE_WAY))
    if state == "en_route":
        return [confirmed, ("set_out", min(planned - ON_THE_WAY, book.now - timedelta(minutes=12)))]
    if state == "on_site":
        arrived = min(planned, book.now - ARRIVED_AGO)
        return [confirmed, ("set_out", arrived - ON_THE_WAY), ("arrive", arrived)]
    if one["report"] is None:
        return [confirmed]
    done = planned + timedelta(minutes=15 + one["report"]["labour_minutes"])
    taps = [
        confirmed,
        ("set_out", planned - ON_THE_WAY),
        ("arrive", planned + timedelta(minutes=3)),
        ("start", planned + timedelta(minutes=8)),
        ("report", done),
    ]
    return [*taps, ("approved", done + timedelta(hours=2))] if state == "accepted_by_leader" else taps
