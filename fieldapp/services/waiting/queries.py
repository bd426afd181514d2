"""Queries for expired held records, for the people who decide about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from flask import g
from sqlalchemy import ScalarSelect, Select, func, literal_column, select

from fieldapp.kernel import clock
from fieldapp.kernel.actor import Actor
from fieldapp.platform.commandbus import Command, format_value, label_of, parse
from fieldapp.platform.commandbus.command import COMMANDS
from fieldapp.platform.commandbus.models import Receipt
from fieldapp.platform.extensions import db
from fieldapp.services.accounts import memberships_of, name_by, people_under
from fieldapp.services.waiting.models import ExpiredRecord
from fieldapp.services.waiting.policy import Author

#: Largest number of records listed.
MAX_LISTED = 50
#: Largest number of fields shown of one record.
MAX_FIELDS = 8


@dataclass(frozen=True)
class Needed:
    """Dependency of a held record: label of its kind and its outcome, if it arrived."""

    label: Any
    outcome: str | None


@dataclass(frozen=True)
class Waiting:
    """Held record as shown on its card."""

    op: str
    label: Any
    who: str
    received_at: datetime
    facts: list[tuple[str, str]]
    needs: list[Needed]


def authors(user_ids: Iterable[int]) -> dict[int, Author]:
    """Return the policy's view of these people by user id, in two queries."""
    memberships = memberships_of(user_ids, on=clock.today())
    return {
        user: Author(
            user,
            frozenset(groups),
            frozenset(group for group in groups if memberships.leaders.get(group, set()) - {user}),
        )
        for user, groups in memberships.groups.items()
    }


class _Row(NamedTuple):
    op: str
    kind: str
    user_id: int
    name: str
    received_at: datetime
    body: str
    detail: dict[str, Any]


def _expired(*columns: Any, manager: bool) -> Select[Any]:
    # A literal, so that the planner may use the partial index of held records.
    held = Receipt.outcome == literal_column("'held'")
    return (
        select(*columns)
        .select_from(ExpiredRecord)
        .join(Receipt, Receipt.op == ExpiredRecord.op)
        .where(held, ExpiredRecord.user_id.in_(people_under(manager)))
        .limit(MAX_LISTED)
    )


def _list_query(manager: bool) -> Select[Any]:
    columns = (Receipt.op, Receipt.kind, Receipt.user_id, name_by(Receipt.user_id), Receipt.received_at)
    listed = _expired(*columns, Receipt.body, Receipt.detail, manager=manager)
    return listed.order_by(Receipt.received_at, Receipt.op)


def _count_query(manager: bool) -> ScalarSelect[int]:
    listed = _expired(ExpiredRecord.op, manager=manager).subquery()
    return select(func.count()).select_from(listed).scalar_subquery()


# Built once: every page of the people who decide shows the count.
_counts = {manager: _count_query(manager) for manager in (False, True)}


def _decides(actor: Actor) -> bool:
    return bool(actor.leads) or "manager" in actor.roles


def count_query(actor: Actor) -> ScalarSelect[int] | None:
    """Return the number of `overdue` as a subquery with the parameters `me`, `led`, `on`; None for others."""
    return _counts["manager" in actor.roles] if _decides(actor) else None


def overdue(actor: Actor) -> list[_Row]:
    """Return the records this person decides about (the rule of `may_decide`), the oldest first."""
    cache: dict[int, list[_Row]] = g.setdefault("overdue_records", {})
    if actor.id not in cache:
        cache[actor.id] = _read_overdue(actor)
    return cache[actor.id]


def _read_overdue(actor: Actor) -> list[_Row]:
    if not _decides(actor):
        return []
    params = {"me": actor.id, "led": sorted(actor.leads), "on": clock.today()}
    return [_Row(*row) for row in db.session.execute(_list_query("manager" in actor.roles), params)]


def cards(actor: Actor) -> list[Waiting]:
    """Return `overdue` as cards, with one more query for the dependencies."""
    rows = overdue(actor)
    needed_ops = {op for row in rows for op in row.detail.get("needs", [])}
    arrived = _arrived(sorted(needed_ops))
    commands: dict[str, Command] = COMMANDS()
    return [
        Waiting(
            row.op,
            commands[row.kind].label,
            row.name,
            row.received_at,
            _shown_fields(commands[row.kind], parse(row.body).data),
            [arrived.get(op, Needed(None, None)) for op in row.detail.get("needs", [])],
        )
        for row in rows
    ]


def _arrived(ops: Sequence[str]) -> dict[str, Needed]:
    if not ops:
        return {}
    commands: dict[str, Command] = COMMANDS()
    rows = db.session.execute(select(Receipt.op, Receipt.kind, Receipt.outcome).where(Receipt.op.in_(ops)))
    return {op: Needed(commands[kind].label if kind in commands else kind, outcome) for op, kind, outcome in rows}


def _shown_fields(command: Command, data: dict[str, Any]) -> list[tuple[str, str]]:
    """Return `(label, value)` of the record's fields, without references and signatures."""
    pairs = []
    for name, field in command.schema.load_fields.items():
        value, widget = data.get(name), field.metadata.get("widget", "text")
        if isinstance(value, str | int) and widget not in {"none", "hidden", "signature"}:
            pairs.append((label_of(command, name), format_value(command, name, value)))
    return pairs[:MAX_FIELDS]
