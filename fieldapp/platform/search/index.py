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

# On the tables instead of the entities: Core is faster, and nothing here needs the unit of work.
_keys = insert(SearchKey.__table__)  # type: ignore[arg-type]
_texts = insert(SearchText.__table__)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Searchable:
    """Registered table: its columns, and the function that makes the searchable texts from them."""

    model: Any
    columns: tuple[str, ...]
    texts: Callable[..., Findable]

    @property
    def kind(self) -> str:
        """Return the table's name."""
        return str(self.model.__tablename__)


_registered: dict[str, Searchable] = {}


def searchable(model: Any, columns: tuple[str, ...], texts: Callable[..., Findable]) -> None:
    """Register `model`: its records are found by the texts that `texts` makes from these columns.

    From then on the ORM events of the session keep the index up to date. Rows that are written past the session, as by
    a bulk insert, need `index_rows`.
    """
    searched = _registered[str(model.__tablename__)] = Searchable(model, columns, texts)
    event.listen(model, "after_insert", lambda _, connection, record: _insert(connection, searched, record))
    event.listen(model, "after_update", lambda _, connection, record: _update(connection, searched, record))
    event.listen(model, "after_delete", lambda _, connection, record: _delete(connection, record.id))


def index_rows(connection: Any, model: Any, rows: Iterable[Mapping[str, Any]]) -> None:
    """Index rows that were just inserted in bulk."""
    searched = _registered[str(model.__tablename__)]
    _write(connection, searched, ((row["id"], [row.get(column) for column in searched.columns]) for row in rows))


def refresh(connection: Connection) -> None:
    """Rebuild the whole index from the records."""
    connection.execute(delete(SearchKey))
    connection.execute(delete(SearchText))
    for searched in _registered.values():
        _write(connection, searched, _records(connection, searched))


def faults(connection: Connection) -> Iterator[str]:
    """Yield a sentence for every record whose texts or keys in the index are wrong."""
    stored = {
        "keys": dict(connection.execute(select(SearchKey.kind, func.count()).group_by(SearchKey.kind)).all()),
        "texts": dict(connection.execute(select(SearchText.kind, func.count()).group_by(SearchText.kind)).all()),
    }
    for kind, searched in _registered.items():
        keys = texts = 0
        for rows in _chunks(_records(connection, searched)):
            yield from _faulty_records(connection, searched, rows)
            keys += sum(len(set(searched.texts(*values).beginnings())) for _, values in rows)
            texts += len(rows)
        for name, count in (("keys", keys), ("texts", texts)):
            if stored[name].get(kind, 0) != count:
                yield f"the search index holds {stored[name].get(kind, 0)} {name} of {kind} records instead of {count}"


def _faulty_records(connection: Connection, searched: Searchable, rows: list[tuple[str, Any]]) -> Iterator[str]:
    records = [record for record, _ in rows]
    stored_texts = {
        record: (inside, start)
        for record, inside, start in connection.execute(
            select(SearchText.record, SearchText.inside, SearchText.start).where(SearchText.record.in_(records))
        )
    }
    expected = {(key, record) for record, values in rows for key in searched.texts(*values).beginnings()}
    stored = set()
    # By whole keys: the primary key begins with the key, so that no scan of this large table is needed.
    for chunk in _chunks(sorted({key for key, _ in expected})):
        query = select(SearchKey.key, SearchKey.record).where(SearchKey.key.in_(chunk), SearchKey.kind == searched.kind)
        stored |= {(key, record) for key, record in connection.execute(query)} & expected
    incomplete = {record for _, record in expected - stored}
    for record, values in rows:
        if stored_texts.get(record) != searched.texts(*values).words() or record in incomplete:
            yield f"{searched.kind} {record} is not in the search index as it is written"


def _records(connection: Connection, searched: Searchable) -> Iterator[tuple[str, Any]]:
    table = searched.model.__table__
    query = select(table.c.id, *(table.c[column] for column in searched.columns)).order_by(table.c.id).limit(CHUNK)
    last = ""
    while rows := connection.execute(query.where(table.c.id > last)).all():
        yield from ((row[0], row[1:]) for row in rows)
        last = rows[-1][0]


def _chunks(rows: Iterable[Any]) -> Iterator[list[Any]]:
    remaining = iter(rows)
    while chunk := list(islice(remaining, CHUNK)):
        yield chunk


def _write(connection: Any, searched: Searchable, records: Iterable[tuple[str, Any]]) -> None:
    for rows in _chunks(records):
        texts = [(record, searched.texts(*values)) for record, values in rows]
        keys = sorted((key, record) for record, text in texts for key in text.beginnings())
        if keys:
            connection.execute(_keys, [{"key": key, "kind": searched.kind, "record": record} for key, record in keys])
        rows_to_insert = [(record, *text.words()) for record, text in texts]
        connection.execute(
            _texts,
            [{"record": record, "kind": searched.kind, "inside": i, "start": s} for record, i, s in rows_to_insert],
        )


def _insert(connection: Connection, searched: Searchable, record: Any) -> None:
    _write(connection, searched, [(record.id, [getattr(record, column) for column in searched.columns])])


def _update(connection: Connection, searched: Searchable, record: Any) -> None:
    fields = inspect(record).attrs
    if any(fields[column].history.has_changes() for column in searched.columns):
        _delete(connection, record.id)
        _insert(connection, searched, record)


def _delete(connection: Connection, record: str) -> None:
    query = select(SearchText.kind, SearchText.inside, SearchText.start).where(SearchText.record == record)
    stored = connection.execute(query).one_or_none()
    if stored is None:
        return
    kind, inside, start = stored
    keys = list(Findable(tuple(inside.split("\n")[1:]), tuple(start.split("\n")[1:])).beginnings())
    for chunk in _chunks(keys):
        connection.execute(
            delete(SearchKey).where(SearchKey.key.in_(chunk), SearchKey.kind == kind, SearchKey.record == record)
        )
    connection.execute(delete(SearchText).where(SearchText.record == record))
