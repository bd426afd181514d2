"""Records that have waited too long, as those who decide see them."""

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
from fieldapp.services.settings import figure_by, figure_from
from fieldapp.services.waiting.figures import DAYS
from fieldapp.services.waiting.policy import Author

#: More than anybody decides at a sitting.
SHOWN = 50
#: As many of a record's fields as fit on its card.
FACTS = 8


@dataclass(frozen=True)
class Needed:
    """What a record waits for: its kind in words where it arrived at all, and what became of it."""

    label: Any
    outcome: str | None


@dataclass(frozen=True)
class Waiting:
    """A waiting record on its card."""

    op: str
    label: Any
    who: str
    received_at: datetime
    facts: list[tuple[str, str]]
    needs: list[Needed]


def authors(user_ids: Iterable[int]) -> dict[int, Author]:
    """What the policy asks of these people, by id; two queries."""
    found = memberships_of(user_ids)
    return {
        user: Author(
            user, frozenset(groups), frozenset(one for one in groups if found.leaders.get(one, set()) - {user})
        )
        for user, groups in found.groups.items()
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


def _asked(manager: bool) -> Select[Any]:
    columns = (Receipt.op, Receipt.kind, Receipt.user_id, name_by(Receipt.user_id), Receipt.received_at)
    return (
        select(*columns, Receipt.body, Receipt.detail, figure_by("waiting.days"))
        .where(Receipt.user_id.in_(people_under(manager)), Receipt.outcome == literal_column("'held'"))
        .where(Receipt.received_at < bindparam("before", type_=Moment))
        .order_by(Receipt.received_at, Receipt.op)
        .limit(SHOWN)
    )


def overdue(actor: Actor) -> list[_Row]:
    """The records this person decides about (the rule of `may_decide`), the oldest first.

    One query, once a request: the badge and the page ask for the same.
    """
    known: dict[int, list[_Row]] = g.setdefault("overdue_records", {})
    if actor.id not in known:
        known[actor.id] = _read(actor)
    return known[actor.id]


def _read(actor: Actor) -> list[_Row]:
    if not actor.leads and "manager" not in actor.roles:
        return []
    now, query = clock.now(), _asked("manager" in actor.roles)
    given = {
        "me": actor.id,
        "led": sorted(actor.leads),
        "before": now - timedelta(days=int(DAYS.low)),
        "on": clock.today(),
    }
    rows = [_Row(*row) for row in db.session.execute(query, given)]
    return [row for row in rows if row.received_at < now - timedelta(days=int(figure_from("waiting.days", row.days)))]


def cards(actor: Actor) -> list[Waiting]:
    """The same as cards; one query more for what they wait for."""
    rows = overdue(actor)
    wanted = {op for row in rows for op in row.detail.get("needs", [])}
    arrived = _arrived(sorted(wanted))
    commands: dict[str, Command] = COMMANDS()
    return [
        Waiting(
            row.op,
            commands[row.kind].label,
            row.name,
            row.received_at,
            _facts(commands[row.kind], parse(row.body).data),
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


def _facts(command: Command, data: dict[str, Any]) -> list[tuple[str, str]]:
    """What the record says, field by field, as far as it is more than references."""
    shown = []
    for name, one in command.schema.load_fields.items():
        value, widget = data.get(name), one.metadata.get("widget", "text")
        if isinstance(value, str | int) and widget not in {"none", "hidden", "signature"}:
            shown.append((label_of(command, name), format_value(command, name, value)))
    return shown[:FACTS]
