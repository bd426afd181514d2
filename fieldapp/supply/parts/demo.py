"""Demo data: the catalogue, and requests in different states."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from fieldapp.field.jobs import facts_of
from fieldapp.kernel import clock
from fieldapp.services.accounts import leaders_of
from fieldapp.services.settings import value
from fieldapp.supply.parts.models import Part
from fieldapp.supply.parts.policy import Line, chain_roles, final_approval_state
from fieldapp.supply.parts.schemas import NOT_IN_CATALOGUE

_URGENCY = {"emergency": "urgent"}


def fill_catalogue(book: Any) -> None:
    """Add all parts; `book.parts` maps their numbers to ids."""
    for row in book.data("parts"):
        part_id = str(book.id("part", row["number"]))
        book.parts[row["number"]] = part_id
        book.session.add(
            Part(
                id=part_id,
                number=row["number"],
                name=row["name"],
                unit=row["unit"],
                price=Decimal(row["price"]),
                category=row["category"],
                models=row["for_models"],
            )
        )


def fill_requests(book: Any) -> None:
    """Submit the requests by the command bus, with the approvals that lead to their states."""
    for number, row in enumerate(book.data("requests")):
        record = str(book.id("parts_request", number))
        job_id = str(book.jobs[row["job"]])
        data = {
            "id": record,
            "job_id": job_id,
            "urgency": _URGENCY.get(row["urgency"], row["urgency"]),
            "wanted_on": (book.today + timedelta(days=row["wanted_days"])).isoformat(),
            "reason": row["reason"],
            "lines": [_line(book, line) for line in row["lines"]],
        }
        agg = ("parts_request", record)
        book.run(row["user"], "parts_request.submit", agg, data)
        for username in _approvers(book, row, job_id):
            book.run(username, "parts_request.approve", agg, {})


def _line(book: Any, line: dict[str, Any]) -> dict[str, Any]:
    part = str(book.parts[line["part"]]) if line["part"] else NOT_IN_CATALOGUE
    return {"part_id": part, "name": line["name"], "qty": str(line["qty"]), "unit_price": line["price"]}


def _approvers(book: Any, row: dict[str, Any], job_id: str) -> list[str]:
    """Return who has to approve to reach the row's state; `approved` is the whole chain."""
    lines = [Line(line["name"], line["qty"], Decimal(line["price"])) for line in row["lines"]]
    roles = chain_roles(lines, Decimal(value("parts.leader_limit", clock.now())))
    facts = facts_of(job_id)
    leader = leaders_of(facts.group_id)[0] if facts else 0
    usernames = {user: name for name, user in book.users.items()}
    chain = {"leader": usernames.get(leader, ""), "purchasing": "purchasing", "executive": "executive"}
    final_state = final_approval_state(len(roles) > 1) if row["state"] == "approved" else row["state"]
    approvals = {"approved_by_leader": 1, "approved_by_purchasing": 2, "approved_by_executive": 3}.get(final_state, 0)
    return [chain[role] for role in roles[:approvals]]
