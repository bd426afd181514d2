"""Keeping the index: a record's texts go in with the record, in its own transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import Connection, delete, event, func, insert, inspect, select

from fieldapp.kernel.findable import Findable
from fieldapp.platform.search.models import SearchKey, SearchText

CHUNK = 2000

# Into the tables and not the entities: nothing here needs what the session does for records.
_keys = insert(SearchKey.__table__)  # type: ignore[arg-type]
_texts = insert(SearchText.__table__)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Searchable:
    """A table whose records are found by text."""

    model: Any
    columns: tuple[str, ...]
    texts: Callable[..., Findable]

    @property
    def kind(self) -> str:
        """The table's name."""
        return str(self.model.__tablename__)


_known: dict[str, Searchable] = {}


def searchable(model: Any, columns: tuple[str, ...], texts: Callable[..., Findable]) -> None:
    """Declares that records of `model` are found by what `texts` makes of these columns.

    From then on every record that the session writes goes into the index, changes there and leaves it. What is
    written past the session, as a bulk insert is, has to be `entered`.
    """
    one = _known[str(model.__tablename__)] = Searchable(model, columns, texts)
    event.listen(model, "after_insert", lambda _, connection, record: _enter(connection, one, record))
    event.listen(model, "after_update", lambda _, connection, record: _change(connection, one, record))
    event.listen(model, "after_delete", lambda _, connection, record: _leave(connection, record.id))


def entered(connection: Any, model: Any, rows: Iterable[Mapping[str, Any]]) -> None:
    """Enters records that were just inserted in bulk, given as the rows that were inserted."""
    one = _known[str(model.__tablename__)]
    _write(connection, one, ((row["id"], [row.get(column) for column in one.columns]) for row in rows))


def refresh(connection: Connection) -> None:
    """Makes the whole index anew from the records."""
    connection.execute(delete(SearchKey))
    connection.execute(delete(SearchText))
    for one in _known.values():
        _write(connection, one, _records(connection, one))


def faults(connection: Connection) -> Iterator[str]:
    """A sentence for every record whose texts or keys are not those that it should have."""
    kept = {
        "keys": dict(connection.execute(select(SearchKey.kind, func.count()).group_by(SearchKey.kind)).all()),
        "texts": dict(connection.execute(select(SearchText.kind, func.count()).group_by(SearchText.kind)).all()),
    }
    for kind, one in _known.items():
        keys = texts = 0
        for rows in _chunks(_records(connection, one)):
            yield from _differing(connection, one, rows)
            keys += sum(len(set(one.texts(*values).beginnings())) for _, values in rows)
            texts += len(rows)
        for name, count in (("keys", keys), ("texts", texts)):
            if kept[name].get(kind, 0) != count:
                yield f"the search index holds {kept[name].get(kind, 0)} {name} of {kind} records instead of {count}"


def _differing(connection: Connection, one: Searchable, rows: list[tuple[str, Any]]) -> Iterator[str]:
    records = [record for record, _ in rows]
    words = {
        record: (inside, start)
        for record, inside, start in connection.execute(
            select(SearchText.record, SearchText.inside, SearchText.start).where(SearchText.record.in_(records))
        )
    }
    wanted = {(key, record) for record, values in rows for key in one.texts(*values).beginnings()}
    kept = set()
    # Each key by its whole name: the index begins with the key, and reading all of it would take the largest table.
    for some in _chunks(sorted({key for key, _ in wanted})):
        found = select(SearchKey.key, SearchKey.record).where(SearchKey.key.in_(some), SearchKey.kind == one.kind)
        kept |= {(key, record) for key, record in connection.execute(found)} & wanted
    lacking = {record for _, record in wanted - kept}
    for record, values in rows:
        if words.get(record) != one.texts(*values).words() or record in lacking:
            yield f"{one.kind} {record} is not in the search index as it is written"


def _records(connection: Connection, one: Searchable) -> Iterator[tuple[str, Any]]:
    table = one.model.__table__
    query = select(table.c.id, *(table.c[column] for column in one.columns)).order_by(table.c.id).limit(CHUNK)
    last = ""
    while rows := connection.execute(query.where(table.c.id > last)).all():
        yield from ((row[0], row[1:]) for row in rows)
        last = rows[-1][0]


def _chunks(rows: Iterable[Any]) -> Iterator[list[Any]]:
    left = iter(rows)
    while some := list(islice(left, CHUNK)):
        yield some


def _write(connection: Any, one: Searchable, records: Iterable[tuple[str, Any]]) -> None:
    for rows in _chunks(records):
        texts = [(record, one.texts(*values)) for record, values in rows]
        keys = sorted((key, record) for record, found in texts for key in found.beginnings())
        if keys:
            connection.execute(_keys, [{"key": key, "kind": one.kind, "record": record} for key, record in keys])
        words = [(record, *found.words()) for record, found in texts]
        connection.execute(
            _texts,
            [{"record": record, "kind": one.kind, "inside": i, "start": s} for record, i, s in words],
        )


def _enter(connection: Connection, one: Searchable, record: Any) -> None:
    _write(connection, one, [(record.id, [getattr(record, column) for column in one.columns])])


def _change(connection: Connection, one: Searchable, record: Any) -> None:
    fields = inspect(record).attrs
    if any(fields[column].history.has_changes() for column in one.columns):
        _leave(connection, record.id)
        _enter(connection, one, record)


def _leave(connection: Connection, record: str) -> None:
    query = select(SearchText.kind, SearchText.inside, SearchText.start).where(SearchText.record == record)
    kept = connection.execute(query).one_or_none()
    if kept is None:
        return
    kind, inside, start = kept
    keys = list(Findable(tuple(inside.split("\n")[1:]), tuple(start.split("\n")[1:])).beginnings())
    for some in _chunks(keys):
        connection.execute(
            delete(SearchKey).where(SearchKey.key.in_(some), SearchKey.kind == kind, SearchKey.record == record)
        )
    connection.execute(delete(SearchText).where(SearchText.record == record))
