"""Jobs of the demo with their visits and events."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from fieldapp.demo.book import BadDemo, Book
from fieldapp.field.jobs import Job, JobAsset, Visit, VisitEvent, VisitMember, job_state, number_of
from fieldapp.kernel import clock

TRAVEL_TIME = timedelta(minutes=25)
TIME_SINCE_ARRIVAL = timedelta(minutes=8)


def add_jobs(book: Book) -> None:
    """Add all jobs with visits, members and events; numbers follow the order of receipt."""
    jobs = book.data("jobs")
    numbers = _numbers(book, jobs)
    for job in jobs:
        _add_job(book, job, numbers[job["key"]])
    book.session.flush()
    for job in jobs:
        for position, key in enumerate(job["assets"]):
            asset = book.resolve(f"jobs.json, {job['key']}", book.assets, key)
            book.session.add(JobAsset(job_id=book.jobs[job["key"]], asset_id=asset, position=position))
        for index, visit in enumerate(job["visits"]):
            _add_visit(book, job, index, visit)
    book.session.flush()


def _received(book: Book, job: dict[str, Any]) -> datetime:
    return book.not_after_now(book.at(job["received"]["days"], job["received"]["time"]))


def _numbers(book: Book, jobs: list[dict[str, Any]]) -> dict[str, str]:
    count_of_day: dict[Any, int] = {}
    numbers = {}
    for job in sorted(jobs, key=lambda job: (_received(book, job), job["key"])):
        day = clock.local(_received(book, job)).date()
        count_of_day[day] = count_of_day.get(day, 0) + 1
        numbers[job["key"]] = number_of(day, count_of_day[day])
    return numbers


def _add_job(book: Book, job: dict[str, Any], number: str) -> None:
    where = f"jobs.json, {job['key']}"
    book.jobs[job["key"]] = book.id("job", job["key"])
    results = [(visit["state"], (visit["report"] or {}).get("result")) for visit in job["visits"]]
    book.session.add(
        Job(
            id=book.jobs[job["key"]],
            number=number,
            customer_id=book.resolve(where, book.customers, job["customer"]),
            site_id=book.resolve(where, book.sites, job["site"]),
            contact_id=book.resolve(where, book.contacts, job["contact"]) if job["contact"] else None,
            group_id=book.resolve(where, book.groups, job["group"]),
            title=job["title"],
            fault_description=job["said"],
            category=job["category"],
            service_class=job["service_class"],
            urgency=job["urgency"],
            is_complex=job["complex"],
            channel=job["channel"],
            state=job_state(results),
            received_at=_received(book, job),
        )
    )


def _add_visit(book: Book, job: dict[str, Any], index: int, row: dict[str, Any]) -> None:
    where = f"jobs.json, {job['key']}"
    visit = book.visits[job["key"], index] = book.id("visit", job["key"], index)
    technician = book.resolve(where, book.users, row["technician"])
    planned = book.at(row["planned"]["days"], row["planned"]["time"])
    book.session.add(
        Visit(
            id=visit,
            job_id=book.jobs[job["key"]],
            technician_id=technician,
            planned_start=planned,
            planned_minutes=row["planned"]["minutes"],
            state=row["state"],
            result=(row["report"] or {}).get("result"),
        )
    )
    book.session.flush()
    for position, name in enumerate([row["technician"], *row["others"]]):
        person = book.resolve(where, book.users, name)
        book.session.add(VisitMember(visit_id=visit, user_id=person, in_charge=position == 0))
    for kind, at in _taps(book, job, row, planned):
        leader = kind == "approved"
        person = book.resolve(where, book.users, _leader_username(book, job["group"])) if leader else technician
        book.session.add(
            VisitEvent(
                id=book.id("event", job["key"], index, kind),
                visit_id=visit,
                user_id=person,
                kind=kind,
                happened_at=book.not_after_now(at),
                received_at=book.not_after_now(at),
                arrival_check="at_site" if kind == "arrive" else None,
            )
        )


def _leader_username(book: Book, group: str) -> str:
    people = book.data("people")["users"]
    leaders = [user["username"] for user in people if "leader" in user["roles"] and user["group"] == group]
    if not leaders:
        raise BadDemo(f"people.json: group {group} has no leader")
    return str(leaders[0])


def _taps(book: Book, job: dict[str, Any], row: dict[str, Any], planned: datetime) -> list[tuple[str, datetime]]:
    """Return the events that lead to the visit's state, in order. A visit under way is so now, at any hour."""
    state, received = row["state"], _received(book, job)
    if state == "assigned":
        return []
    accepted = ("accept", min(received + timedelta(minutes=12), planned - 2 * TRAVEL_TIME))
    if state == "en_route":
        return [accepted, ("set_out", min(planned - TRAVEL_TIME, book.now - timedelta(minutes=12)))]
    if state == "on_site":
        arrived = min(planned, book.now - TIME_SINCE_ARRIVAL)
        return [accepted, ("set_out", arrived - TRAVEL_TIME), ("arrive", arrived)]
    if row["report"] is None:
        return [accepted]
    done = planned + timedelta(minutes=15 + row["report"]["labour_minutes"])
    taps = [
        accepted,
        ("set_out", planned - TRAVEL_TIME),
        ("arrive", planned + timedelta(minutes=3)),
        ("start", planned + timedelta(minutes=8)),
        ("report", done),
    ]
    return [*taps, ("approved", done + timedelta(hours=2))] if state == "accepted_by_leader" else taps
