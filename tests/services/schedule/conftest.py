"""Due work of tests: a command that writes a note, with the outcome that the key names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import func, select

from fieldapp.errors import Invalid
from fieldapp.kernel import ids
from fieldapp.kernel.extension_points import Provided, Provisions
from fieldapp.platform.audit.models import AuditEntry
from fieldapp.platform.commandbus import (
    DUE_KINDS,
    Context,
    Due,
    DueData,
    DueKind,
    Effect,
    Overtaken,
    command,
    due_work,
    writing,
)
from fieldapp.platform.commandbus.models import Notice, Receipt
from fieldapp.platform.extensions import GRANTS, PROVISIONS, db
from fieldapp.services.schedule.models import DueWork
from tests.support.bench import Bench
from tests.support.provisions import Both


def effect(ctx: Context, record: None, data: dict[str, Any]) -> Effect:
    """Leave a notice for the person 1, or fail as the key says."""
    if data["key"].startswith("fails"):
        raise ZeroDivisionError
    if data["key"].startswith("refused"):
        raise Invalid.field("key", "no")
    if data["key"].startswith("nothing"):
        raise Overtaken
    ctx.notify(1, "job.changed", "/jobs", fields=data["key"], job=ctx.at.isoformat())
    return Effect(after=data)


def declare(kind: str) -> Any:
    may = lambda actor, record: True  # noqa: E731
    return command(kind, label=f"Test {kind}", schema=DueData, may=may, aggs=("test",))(effect)


@dataclass
class Schedule:
    """Verbs of the tests about due work."""

    bench: Bench
    declare: Callable[[str, DueKind], None]

    def write(self, kind: str, *dues: datetime, key: str = "k", **more: Any) -> list[str]:
        """Schedule `kind` at these times, without a cause; return the ids."""
        works = [Due(kind, key, ("test", str(ids.uuid7())), due, **more) for due in dues]
        return self.write_works(*works)

    def write_works(self, *works: Due) -> list[str]:
        with self.bench.app.app_context(), writing() as session:
            due_work.write(session.connection(), works, None)
        return [str(ids.derived_id(one.due_at, one.kind, one.key, one.occurrence)) for one in works]

    def rows(self, *columns: Any) -> list[tuple[Any, ...]]:
        with self.bench.app.app_context():
            return [tuple(row) for row in db.session.execute(select(*columns).order_by(DueWork.due_at, DueWork.op))]

    def states(self) -> list[str]:
        return [state for (state,) in self.rows(DueWork.state)]

    def effects(self) -> list[str]:
        """The keys of the notes in the order in which they were written."""
        with self.bench.app.app_context():
            query = select(Notice.params).where(Notice.kind == "job.changed").order_by(Notice.id)
            return [params["fields"] for params in db.session.scalars(query)]

    def moments(self) -> list[str]:
        """When each note says that it happened."""
        with self.bench.app.app_context():
            query = select(Notice.params).where(Notice.kind == "job.changed").order_by(Notice.id)
            return [params["job"] for params in db.session.scalars(query)]

    def counted(self) -> tuple[int, int]:
        """The numbers of receipts and audit entries of due work."""
        with self.bench.app.app_context():
            receipts = db.session.scalar(select(func.count()).where(Receipt.channel == "clock"))
            entries = db.session.scalar(select(func.count()).where(AuditEntry.op.is_not(None)))
            return receipts or 0, entries or 0


@pytest.fixture
def schedule(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Schedule:
    """Due work of the kind `test.each` and of every kind that a test declares."""
    provided: list[tuple[str, list[Provided[Any]]]] = []
    known = PROVISIONS.of(bench.app)

    def add(kind: str, how: DueKind) -> None:
        monkeypatch.setitem(bench.app.extensions["commands"], kind, declare(kind))
        grants: Any = GRANTS.of(bench.app).by_role
        monkeypatch.setitem(grants, "system", grants["system"] | {kind})
        provided.append(("tests", [DUE_KINDS.by(kind, how)]))
        monkeypatch.setitem(bench.app.extensions, "provisions", Both(known, Provisions(provided)))

    add("test.each", DueKind())
    return Schedule(bench, add)
