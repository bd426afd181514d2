"""Queries for expired held records, for the people who decide about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from flask import g
from sqlalchemy import Select, bindparam, literal_column, select

from fieldapp.kernel import clock
from fieldapp.kernel.actor import Actor
from fieldapp.platform.commandbus import Command, format_value, label_of, parse
from fieldapp.platform.commandbus.command import COMMANDS
from fieldapp.platform.commandbus.models import Receipt
from fieldapp.platform.database import Moment
from fieldapp.platform.extensions import db
from fieldapp.services.accounts import memberships_of, name_by, people_under
from fieldapp.services.settings import value_column, value_from
from fieldapp.services.waiting.policy import Author
from fieldapp.services.waiting.settings import DAYS

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
    memberships = memberships_of(user_ids)
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
    days: str | None


def _expired_query(manager: bool) -> Select[Any]:
    columns = (Receipt.op, Receipt.kind, Receipt.user_id, name_by(Receipt.user_id), Receipt.received_at)
    return (
        select(*columns, Receipt.body, Receipt.detail, value_column("waiting.days"))
        .where(Receipt.user_id.in_(people_under(manager)), Receipt.outcome == literal_column("'held'"))
        .where(Receipt.received_at < bindparam("before", type_=Moment))
        .order_by(Receipt.received_at, Receipt.op)
        .limit(MAX_LISTED)
    )


def overdue(actor: Actor) -> list[_Row]:
    """Return the records this person decides about (the rule of `may_decide`), the oldest first.

    One query per request: the badge and the page share the result.
    """
    cache: dict[int, list[_Row]] = g.setdefault("overdue_records", {})
    if actor.id not in cache:
        cache[actor.id] = _read_overdue(actor)
    return cache[actor.id]


def _read_overdue(actor: Actor) -> list[_Row]:
    if not actor.leads and "manager" not in actor.roles:
        return []
    now, query = clock.now(), _expired_query("manager" in actor.roles)
    params = {
        "me": actor.id,
        "led": sorted(actor.leads),
        "before": now - timedelta(days=int(DAYS.low)),
        "on": clock.today(),
    }
    rows = [_Row(*row) for row in db.session.execute(query, params)]
    return [row for row in rows if row.received_at < now - timedelta(days=int(value_from("waiting.days", row.days)))]


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
