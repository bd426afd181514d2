"""Demo data: accepted reports of past visits as rows, and what was just handed in through the door."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from math import cos, sin, tau
from typing import Any

from fieldapp.field.reports.commands.keep import seal
from fieldapp.field.reports.models import NextVisitPlan, ReportPart, ReportVersion, ServiceReport
from fieldapp.field.reports.policy import content_of
from fieldapp.services.approvals.models import Case, Step

#: From the planned start to the report: getting in, the work, the words with the customer.
AROUND_THE_WORK = timedelta(minutes=15)
UNTIL_ACCEPTED = timedelta(hours=2)


def fill_demo(book: Any) -> None:
    """Every visit of jobs.json that has a report: those still to be accepted wait in the leader's inbox."""
    for job in book.data("jobs"):
        for index, visit in enumerate(job["visits"]):
            if visit["report"] is None:
                continue
            data = _data(book, job, index, visit)
            if visit["state"] == "reported":
                agg = ("service_report", data["id"])
                book.run(visit["technician"], "service_report.submit", agg, _wire(data), at=_sent(book, visit))
            else:
                _history(book, job, index, data)


def _sent(book: Any, visit: Mapping[str, Any]) -> datetime:
    planned: datetime = book.at(visit["planned"]["days"], visit["planned"]["time"])
    moment: datetime = book.past(planned + AROUND_THE_WORK + timedelta(minutes=visit["report"]["labour_minutes"]))
    return moment


def _data(book: Any, job: Mapping[str, Any], index: int, visit: Mapping[str, Any]) -> dict[str, Any]:
    """A report as the form would send it; one that was not finished plans the job's next visit."""
    report = dict(visit["report"])
    names = {row["number"]: row["name"] for row in book.data("parts")}
    parts = [
        {
            "part_id": book.known(f"jobs.json, {job['key']}", book.parts, row["part"]),
            "name": names[row["part"]],
            **{name: row[name] for name in ("qty", "old_serial", "new_serial") if row[name] is not None},
        }
        for row in report.pop("parts")
    ]
    data = {
        **report,
        "id": book.id("service_report", job["key"], index),
        "visit_id": book.visits[job["key"], index],
        "parts": parts,
        "signature": strokes(book.id("signature", job["key"], index)),
    }
    if report["result"] == "another_visit":
        data |= _plan(book, job, index)
    return data


def _plan(book: Any, job: Mapping[str, Any], index: int) -> dict[str, Any]:
    following = job["visits"][index + 1]
    names = {one["username"]: one["name"] for one in book.data("people")["users"]}
    return {
        "plan_at": book.at(following["planned"]["days"], following["planned"]["time"]),
        "plan_people": names[following["technician"]],
        "plan_tools": "—",
    }


def _wire(data: Mapping[str, Any]) -> dict[str, Any]:
    """As a form sends it: parts named by their catalogue entry alone."""
    parts = [{name: one for name, one in row.items() if name != "name"} for row in data["parts"]]
    return {**data, "parts": parts}


def _history(book: Any, job: Mapping[str, Any], index: int, data: dict[str, Any]) -> None:
    """A report that was accepted long ago: its row, its version, its closed case."""
    visit = job["visits"][index]
    sent, group = _sent(book, visit), book.groups[job["group"]]
    content = content_of(data, [])
    digest = seal(data["id"], 1, content)
    author = book.users[visit["technician"]]
    columns = ("result", "fault", "cause", "work", "labour_minutes", "satisfaction", "customer_name", "explained")
    report = ServiceReport(
        id=data["id"],
        visit_id=data["visit_id"],
        job_id=book.jobs[job["key"]],
        group_id=group,
        author_id=author,
        ref=f"R{sent:%y%m%d}-{data['id'][-4:].upper()}",
        state="accepted",
        signature=data["signature"],
        signed_hash=digest,
        submitted_at=sent,
        received_at=sent,
        **{name: data[name] for name in columns},
    )
    book.session.add(report)
    book.session.flush()
    book.session.add_all(_lines(book, job, index, data))
    book.session.add(
        ReportVersion(
            report_id=report.id,
            version=1,
            content=content,
            content_hash=digest,
            signature=data["signature"],
            submitted_at=sent,
            received_at=sent,
        )
    )
    _accepted(book, job, report)


def _lines(book: Any, job: Mapping[str, Any], index: int, data: Mapping[str, Any]) -> Iterator[Any]:
    for position, row in enumerate(data["parts"]):
        yield ReportPart(report_id=data["id"], position=position, **row)
    if data["result"] == "another_visit":
        yield NextVisitPlan(
            report_id=data["id"],
            planned_at=data["plan_at"],
            people=data["plan_people"],
            tools=data["plan_tools"],
            visit_id=book.visits[job["key"], index + 1],
        )


def _accepted(book: Any, job: Mapping[str, Any], report: ServiceReport) -> None:
    people = book.data("people")["users"]
    leader = next(one for one in people if "leader" in one["roles"] and one["group"] == job["group"])
    decided = book.past(report.submitted_at + UNTIL_ACCEPTED)
    case = Case(
        id=book.id("case", report.id),
        subject_type="service_report",
        subject_id=report.id,
        round=1,
        requester_id=report.author_id,
        group_id=report.group_id,
        state="approved",
        opened_at=report.submitted_at,
        closed_at=decided,
    )
    book.session.add(case)
    book.session.flush()
    by = book.users[leader["username"]]
    book.session.add(
        Step(case_id=case.id, position=0, role="leader", state="approved", decided_by=by, decided_at=decided)
    )


def strokes(seed: str) -> list[list[int]]:
    """A name as a hand writes it: a few connected loops, the same for the same seed."""
    numbers = [int(digit, 16) for digit in seed.replace("-", "")]
    made = []
    for word in range(2 + numbers[0] % 2):
        wide, high, turns = 30 + numbers[word + 1] * 2, 22 + numbers[word + 4] * 2, 2 + numbers[word + 7] % 3
        left, stroke = 110 + word * 145, []
        for step in range(turns * 12):
            turn = step / 12 * tau
            x = left + step * (70 / (turns * 12)) + wide * (1 - cos(turn)) / 2
            y = 100 + high * sin(turn + numbers[word + 10]) * (1 - step / (turns * 24))
            stroke += [round(x), round(y)]
        made.append(stroke)
    return made
