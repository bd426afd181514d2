"""Who changed a field of a record last, without its value: what the comparison by field asks (ADR 17, ADR 36).

The audit log is no source for this: its contents may be erased.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from fieldapp.platform.commandbus.command import Command, Data
from fieldapp.platform.commandbus.models import FieldChange
from fieldapp.platform.commandbus.names import actor_name, with_actor
from fieldapp.platform.database.statements import Asking, Prepared
from fieldapp.platform.extensions import AppValue

#: Names of compared fields by record type.
ComparedFields = Mapping[str, frozenset[str]]
#: Record type, id of the record, name of the field.
FieldKey = tuple[str, str, str]

#: Fields that any command compares. Changes of other fields are not stored.
COMPARED: AppValue[ComparedFields] = AppValue("compared_fields")

_table: Any = FieldChange.__table__


@dataclass(frozen=True)
class LastChange:
    """Who changed a field last: the actor, their name, when, by which command, and the record's version after it."""

    actor_id: int | None
    who: str
    at: datetime
    op: str | None = None
    ver: int | None = None


def compared_fields(commands: Iterable[Command]) -> dict[str, frozenset[str]]:
    """Return the names of the fields that any of `commands` compares, by record type."""
    found: dict[str, frozenset[str]] = {}
    for command in commands:
        for agg_type in command.agg_types if command.merges else ():
            found[agg_type] = found.get(agg_type, frozenset()).union(command.merges.fields if command.merges else ())
    return found


def changed_fields(compared: ComparedFields, agg_type: str, before: Data | None, after: Data | None) -> list[str]:
    """Return the names of compared fields that differ between the two sides of an audit entry."""
    if not before or not after or agg_type not in compared:
        return []
    names = compared[agg_type].intersection(before, after)
    return sorted(name for name in names if before[name] != after[name])


def storing(dialect: str, changes: Mapping[FieldKey, LastChange]) -> list[Asking[int]]:
    """Return the statement that stores these changes, each in place of the one before; none for no changes."""
    if not changes:
        return []
    # In one order, so that two transactions never wait for each other.
    rows = [
        {
            "agg_type": agg_type,
            "agg_id": agg_id,
            "field": field,
            "ver": one.ver,
            "actor_id": one.actor_id,
            "at": one.at,
            "op": one.op,
        }
        for (agg_type, agg_id, field), one in sorted(changes.items(), key=lambda item: item[0])
    ]
    return [_replacing(dialect).writing(*rows)]


@cache
def _replacing(dialect: str) -> Prepared:
    maker: Any = postgresql.insert if dialect == "postgresql" else sqlite.insert
    statement = maker(_table)
    columns = {name: statement.excluded[name] for name in ("ver", "actor_id", "at", "op")}
    return Prepared(statement.on_conflict_do_update(index_elements=list(_table.primary_key), set_=columns))


def last_changes(session: Session, agg: tuple[str, str], names: Sequence[str]) -> dict[str, LastChange]:
    """Return the last change of each of these fields that was ever changed, by its name; one question by the key."""
    columns = (FieldChange.field, FieldChange.actor_id, FieldChange.at, FieldChange.op, FieldChange.ver)
    wanted = (FieldChange.agg_type == agg[0], FieldChange.agg_id == agg[1], FieldChange.field.in_(names))
    changes: Any = select(*columns).where(*wanted)
    query = with_actor(changes, FieldChange.actor_id)
    return {
        field: LastChange(actor, actor_name(kind, name), at, op, ver)
        for field, actor, at, op, ver, kind, name in session.execute(query)
    }
