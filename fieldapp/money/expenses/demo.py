"""Demo data: expenses and claims by the command bus, with the leaders' approvals."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from fieldapp.kernel import clock
from fieldapp.money.expenses.models import ExpenseItem
from fieldapp.money.expenses.policy import home_group
from fieldapp.services.accounts import actor_of, leaders_of


def fill_money(book: Any) -> None:
    """Capture the expenses and submit the claims of money.json, each at its own day."""
    data = book.data("money")
    items = [_item(book, number, row) for number, row in enumerate(data["items"])]
    approved = [number for number, row in enumerate(data["claims"]) if row["state"] == "approved"]
    for number, row in enumerate(data["claims"]):
        record = book.id("expense_claim", number)
        agg = ("expense_claim", record)
        item_ids = [items[index] for index in row["items"]]
        book.run(
            row["user"], "expense_claim.submit", agg, {"id": record, "items": item_ids}, book.at(row["days"], "18:20")
        )
        if row["state"] == "approved":
            at = _decided_at(book, row["days"], last=number == approved[-1])
            book.run(_leader(book, row["user"]), "expense_claim.approve", agg, {}, at)


def _decided_at(book: Any, days: int, last: bool) -> datetime:
    """Return the next day; for the last claim at the earliest this month, so that the current list is not empty."""
    at: datetime = book.not_after_now(book.at(days + 1, "09:10"))
    if last:
        month_start = clock.day_bounds(book.today.replace(day=1))[0] + timedelta(minutes=1)
        at = book.not_after_now(max(at, month_start))
    return at


def _item(book: Any, number: int, row: Mapping[str, Any]) -> str:
    record = str(book.id("expense_item", number))
    fapiao = row["fapiao"] or {}
    job_id = book.jobs[row["job"]] if row["job"] else None
    at = book.not_after_now(book.at(row["days"], "17:40"))
    if row["kind"] == "per_diem":
        _add_per_diem(book, record, row, job_id, at)
        return record
    data = {
        "id": record,
        "kind": row["kind"],
        "amount": row["amount"],
        "spent_on": clock.local(at).date().isoformat(),
        "note": row["note"],
        "job_id": job_id,
        "fapiao_number": fapiao.get("number"),
        "fapiao_code": fapiao.get("code"),
        "fapiao_amount": row["amount"] if fapiao else None,
    }
    filled = {key: value for key, value in data.items() if value}
    book.run(row["user"], "expense_item.capture", ("expense_item", record), filled, at)
    return record


def _add_per_diem(book: Any, record: str, row: Mapping[str, Any], job_id: str | None, at: datetime) -> None:
    """Add a per diem, which is computed and never typed (D-EXP-2)."""
    session = book.session
    owner = book.users[row["user"]]
    session.add(
        ExpenseItem(
            id=record,
            owner_id=owner,
            group_id=home_group(actor_of(owner)),
            kind="per_diem",
            amount=Decimal(row["amount"]),
            spent_on=clock.local(at).date(),
            note=row["note"],
            job_id=job_id,
            state="open",
            captured_at=at,
            received_at=at,
        )
    )


def _leader(book: Any, username: str) -> str:
    group = home_group(actor_of(book.users[username]))
    names = {user: name for name, user in book.users.items()}
    return names[leaders_of(group or 0, on=clock.today())[0]]
