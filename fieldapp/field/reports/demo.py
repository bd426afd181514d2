"""Demo data: accepted reports of past visits as rows, and reports waiting for acceptance by the command bus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from math import cos, sin, tau
from typing import Any

from fieldapp.field.reports.commands.keep import hash_of_version
from fieldapp.field.reports.models import NextVisitPlan, ReportPart, ReportVersion, ServiceReport
from fieldapp.field.reports.policy import content_of
from fieldapp.services.approvals.models import Case, Step

#: Added to the working time to get from the planned start to the report.
TIME_BESIDES_WORK = timedelta(minutes=15)
UNTIL_ACCEPTED = timedelta(hours=2)


def fill_demo(book: Any) -> None:
    """Add the report of every visit in jobs.json that has one; `reported` visits wait in the leader's inbox."""
    for job in book.data("jobs"):
        for index, visit in enumerate(job["visits"]):
            if visit["report"] is None:
                continue
            data = _data(book, job, index, visit)
            if visit["state"] == "reported":
                agg = ("service_report", data["id"])
                book.run(visit["technician"], "service_report.submit", agg, _form_data(data), at=_sent_at(book, visit))
            else:
                _add_accepted_report(book, job, index, data)


def _sent_at(book: Any, visit: Mapping[str, Any]) -> datetime:
    planned: datetime = book.at(visit["planned"]["days"], visit["planned"]["time"])
    moment: datetime = book.not_after_now(
        planned + TIME_BESIDES_WORK + timedelta(minutes=visit["report"]["labour_minutes"])
    )
    return moment


def _data(book: Any, job: Mapping[str, Any], index: int, visit: Mapping[str, Any]) -> dict[str, Any]:
    """Return the report's form data; an unfinished one plans the job's next visit."""
    report = dict(visit["report"])
    names = {row["number"]: row["name"] for row in book.data("parts")}
    parts = [
        {
            "part_id": book.resolve(f"jobs.json, {job['key']}", book.parts, row["part"]),
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
        "signature": signature_strokes(book.id("signature", job["key"], index)),
    }
    if report["result"] == "another_visit":
        data |= _plan(book, job, index)
    return data


def _plan(book: Any, job: Mapping[str, Any], index: int) -> dict[str, Any]:
    following = job["visits"][index + 1]
    names = {user["username"]: user["name"] for user in book.data("people")["users"]}
    return {
        "plan_at": book.at(following["planned"]["days"], following["planned"]["time"]),
        "plan_people": names[following["technician"]],
        "plan_tools": "—",
    }


def _form_data(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data as a form sends it: parts by id, without their names."""
    parts = [{name: value for name, value in row.items() if name != "name"} for row in data["parts"]]
    return {**data, "parts": parts}


def _add_accepted_report(book: Any, job: Mapping[str, Any], index: int, data: dict[str, Any]) -> None:
    """Add a report that was accepted in the past: its row, its version and its closed case."""
    visit = job["visits"][index]
    sent, group = _sent_at(book, visit), book.groups[job["group"]]
    content = content_of(data, [])
    digest = hash_of_version(data["id"], 1, content)
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
    _add_closed_case(book, job, report)


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


def _add_closed_case(book: Any, job: Mapping[str, Any], report: ServiceReport) -> None:
    people = book.data("people")["users"]
    leader = next(user for user in people if "leader" in user["roles"] and user["group"] == job["group"])
    decided = book.not_after_now(report.submitted_at + UNTIL_ACCEPTED)
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
    leader_id = book.users[leader["username"]]
    book.session.add(
        Step(case_id=case.id, position=0, role="leader", state="approved", decided_by=leader_id, decided_at=decided)
    )


def signature_strokes(seed: str) -> list[list[int]]:
    """Return handwriting-like strokes (x1, y1, x2, y2, …), the same for the same seed."""
    numbers = [int(digit, 16) for digit in seed.replace("-", "")]
    drawn = []
    for word in range(2 + numbers[0] % 2):
        wide, high, turns = 30 + numbers[word + 1] * 2, 22 + numbers[word + 4] * 2, 2 + numbers[word + 7] % 3
        left, stroke = 110 + word * 145, []
        for step in range(turns * 12):
            turn = step / 12 * tau
            x = left + step * (70 / (turns * 12)) + wide * (1 - cos(turn)) / 2
            y = 100 + high * sin(turn + numbers[word + 10]) * (1 - step / (turns * 24))
            stroke += [round(x), round(y)]
        drawn.append(stroke)
    return drawn
