"""A day's records of everything, and who may try what on them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import column, select, table

from fieldapp.kernel import ids
from fieldapp.money.expenses.models import ExpenseClaim
from fieldapp.platform.commandbus import writing
from fieldapp.platform.extensions import db
from fieldapp.platform.web.lists import PAGE
from fieldapp.services.accounts.models import User
from fieldapp.services.rescue.models import RescueImport
from tests.support import envelopes
from tests.support.bench import Bench, Person

#: Where the id of an address comes from.
TABLES = {
    "deputy_id": ("deputy", "id"),
    "group_id": ("group", "id"),
    "number": ("membership", "id"),
    "job": ("job", "id"),
    "job_id": ("job", "id"),
    "visit": ("visit", "id"),
    "asset": ("asset", "id"),
    "customer": ("customer", "id"),
    "record": ("approval_case", "subject_id"),
    "attachment_id": ("attachment", "id"),
    "item_id": ("expense_item", "id"),
    "claim_id": ("expense_claim", "id"),
    "request_id": ("parts_request", "id"),
    "report_id": ("service_report", "id"),
    "dev": ("receipt", "dev"),
    "op": ("receipt", "op"),
}
ROLES = ("tech", "leader", "other_leader", "manager", "finance", "admin", "agent")


def fill(bench: Bench) -> dict[str, list[str]]:
    """Everything that phones and desks send on a day, and the ids of what it made."""
    bench.reset()
    moment = datetime.now(UTC).replace(hour=2, minute=0, second=0, microsecond=0)
    accepted = [result for _, result in envelopes.replay(bench, envelopes.freeze(bench, "fuzz", moment), moment)]
    assert any(result.outcome == "accepted" for result in accepted)
    with bench.app.app_context():
        found = {name: _values(*source) for name, source in TABLES.items()}
        db.session.remove()
    return found


def _values(name: str, key: str) -> list[str]:
    """Return up to twenty different values of a column."""
    values = select(column(key)).select_from(table(name)).distinct().order_by(column(key)).limit(20)
    # Records of due work and of form posts have the server's device; no phone has a page under it.
    return [str(value) for value in db.session.scalars(values) if value != ids.SERVER_DEVICE]


def lengthen(bench: Bench) -> None:
    """More jobs, claims, accounts and imports of rescue files than one page of their lists holds."""
    many = range(PAGE + 2)
    for _ in many:
        bench.make_job()
    moment = datetime.now(UTC)
    with bench.app.app_context():
        with writing() as session:
            session.add_all(
                ExpenseClaim(
                    id=str(ids.uuid7()),
                    number=f"EC-{number}",
                    owner_id=bench.cast.tech.id,
                    group_id=1,
                    state="withdrawn",
                    total=0,
                    month="2026-11",
                    submitted_at=moment,
                )
                for number in many
            )
            session.add_all(
                User(username=f"p{number}", name=f"P {number}", password_hash="", active=True, created_at=moment)
                for number in many
            )
            session.add_all(
                RescueImport(
                    id=str(ids.uuid7()),
                    file="0" * 64,
                    imported_by=bench.cast.agent.id,
                    at=moment,
                    record_count=0,
                    contents={"records": [], "photos": []},
                )
                for _ in many
            )
        db.session.remove()


def people(bench: Bench) -> list[Person]:
    """The cast."""
    return [one for one in vars(bench.cast).values() if isinstance(one, Person)]


def holder(bench: Bench, kind: str) -> Person:
    """Somebody who may send this command."""
    actors: list[tuple[Person, Any]] = [(one, bench.actor(one)) for one in people(bench)]
    return next(person for person, actor in actors if actor.can(kind))
