"""How rows are typed and how both databases are opened (docs/architecture.md, ADR 9)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

import msgspec
from sqlalchemy import (
    JSON,
    BigInteger,
    Connection,
    DateTime,
    Engine,
    MetaData,
    bindparam,
    event,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

from fieldapp.kernel import money

from_json = msgspec.json.decode


def to_json(value: Any) -> str:
    """How a value lies in a JSON column."""
    return msgspec.json.encode(value).decode()


class _TableOnce:
    """Says whose a table is that two features declare."""

    def __init_subclass__(cls, **how: Any) -> None:
        tables = cls.metadata.tables if hasattr(cls, "metadata") else {}
        name = cls.__dict__.get("__tablename__")
        if name in tables:
            raise RuntimeError(f"{tables[name].info['module']} and {cls.__module__} both declare the table {name}")
        super().__init_subclass__(**how)
        if name:
            tables[name].info["module"] = cls.__module__


class Base(_TableOnce, DeclarativeBase):
    """Every table. Constraint names are fixed so that migrations can name them on both databases."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Money(TypeDecorator[Decimal]):
    """Yuan as Decimal in Python, whole fen in the database, so that sums are exact on both."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Any) -> int | None:
        return None if value is None else money.fen(Decimal(value))

    def process_result_value(self, value: int | None, dialect: Any) -> Decimal | None:
        return None if value is None else money.yuan(value)


class Moment(TypeDecorator[datetime]):
    """An instant: aware UTC in Python, without zone in SQLite, `timestamptz` in PostgreSQL."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        value = _in_utc(value)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def bind_processor(self, dialect: Any) -> Any:
        """On SQLite to its text in one step: a record carries half a dozen."""
        return _moment_text if dialect.name == "sqlite" else super().bind_processor(dialect)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

    def result_processor(self, dialect: Any, coltype: Any) -> Any:
        """On SQLite from its text in one step: lists read hundreds."""
        return _moment if dialect.name == "sqlite" else super().result_processor(dialect, coltype)


def _in_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("an instant needs a zone")
    return value.astimezone(UTC)


@lru_cache(maxsize=256)
def _moment_text(value: datetime | None) -> str | None:
    """Made once for the columns of a record that hold the same instant."""
    # What the zone adds to the text is cut off.
    return None if value is None else _in_utc(value).isoformat(" ", "microseconds")[:26]


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(f"{text}+00:00")


def insert_ignoring(connection: Connection, model: Any) -> Any:
    """INSERT … ON CONFLICT DO NOTHING into a table or entity, for the connection's database."""
    return ignoring(connection.dialect.name, model)


@cache
def ignoring(dialect: str, model: Any) -> Any:
    """The same by the name of the database."""
    maker: Any = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return maker(model).on_conflict_do_nothing()


class _Among(FunctionElement[bool]):
    # Without a type: what is Boolean is compared with 1 on SQLite, and then no index is used.
    inherit_cache = True


def among(column: Any, name: str) -> _Among:
    """`column IN` the list that is given for the parameter `name`, empty or not.

    The list travels as one parameter. An `IN` with a place for each member is put into words anew for every number
    of them, which costs more than asking.
    """
    return _Among(column, bindparam(name, type_=JSON().with_variant(postgresql.ARRAY(column.type), "postgresql")))


@compiles(_Among, "sqlite")
def _among_json(element: _Among, compiler: Any, **how: Any) -> str:
    column, members = (compiler.process(one, **how) for one in element.clauses)
    return f"({column} IN (SELECT value FROM json_each({members})))"  # noqa: S608 - both by the compiler


@compiles(_Among, "postgresql")
def _among_array(element: _Among, compiler: Any, **how: Any) -> str:
    column, members = (compiler.process(one, **how) for one in element.clauses)
    return f"({column} = ANY ({members}))"


class _DaysApart(FunctionElement[float]):
    inherit_cache = True


def days_apart(one: Any, other: Any) -> _DaysApart:
    """Return the days between two instants, never negative, as an SQL expression."""
    return _DaysApart(one, other)


@compiles(_DaysApart, "sqlite")
def _days_apart_sqlite(element: _DaysApart, compiler: Any, **how: Any) -> str:
    one, other = (compiler.process(part, **how) for part in element.clauses)
    return f"abs(julianday({one}) - julianday({other}))"


@compiles(_DaysApart, "postgresql")
def _days_apart_postgresql(element: _DaysApart, compiler: Any, **how: Any) -> str:
    one, other = (compiler.process(part, **how) for part in element.clauses)
    return f"(abs(extract(epoch FROM {one} - {other})) / 86400)"


@event.listens_for(Engine, "connect")
def _open(connection: Any, record: Any) -> None:
    if "sqlite" not in type(connection).__module__:
        return
    # The driver's own BEGIN comes too late and is never IMMEDIATE; we begin ourselves.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=15000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


@event.listens_for(Engine, "handle_error")
def _without_values(context: Any) -> None:
    # SQLAlchemy has put the words into an error of its own already.
    strip_values(context.original_exception)
    strip_values(context.sqlalchemy_exception)


def strip_values(error: BaseException | None) -> None:
    """Cut the values of rows from a driver's error, before anybody writes it to a log.

    PostgreSQL quotes them behind the first line (`DETAIL: Key (name)=(…)`, `Failing row contains (…)`), and in the
    first line behind `: "`.
    """
    if error is not None and len(error.args) == 1 and isinstance(error.args[0], str):
        error.args = (error.args[0].partition("\n")[0].partition(': "')[0],)


def look_after(engine: Engine) -> None:
    """What belongs to the one database or the other.

    On SQLite transactions begin when SQLAlchemy says so; the driver would first wait for a write. Not by the event for
    it: one listener, and every connection looks for listeners at each of its steps. A server may be gone, a file not.
    """
    if engine.dialect.name == "sqlite":
        engine.dialect.do_begin = _begin  # type: ignore[method-assign, assignment]
    else:
        event.listen(engine, "checkin", _rests)
        event.listen(engine, "checkout", _still_there)


#: Where a connection notes that the transaction it is about to begin is going to write.
WRITES = "writes"


def _begin(connection: Any) -> None:
    connection.dbapi_connection.execute("BEGIN IMMEDIATE" if connection.info.pop(WRITES, False) else "BEGIN")


def begin_writing(connection: Connection) -> None:
    """Begins a transaction, on SQLite as its one writer, or after waiting for its turn.

    Raises OperationalError where that takes too long, or where the database takes no writes.
    """
    if connection.dialect.name == "sqlite":
        connection.info[WRITES] = True
    connection.begin()


@contextmanager
def alone(engine: Engine) -> Iterator[PoolProxiedConnection]:
    """A driver's connection for one query that needs no transaction around it: nothing to begin or to roll back."""
    borrowed = engine.raw_connection()
    driver: Any = borrowed.dbapi_connection
    waits = engine.dialect.name == "postgresql"
    if waits and driver.closed:
        borrowed.invalidate()
        borrowed = engine.raw_connection()
        driver = borrowed.dbapi_connection
    try:
        if waits:
            driver.autocommit = True
        yield borrowed
    finally:
        if waits and not driver.closed:
            driver.autocommit = False
        borrowed.close()


#: Seconds after which a connection from the pool is asked whether it is still there.
IDLE = 5.0


def _rests(connection: Any, record: Any) -> None:
    record.info["rests_since"] = time.monotonic()


def _still_there(connection: Any, record: Any, proxy: Any) -> None:
    """Asking each time costs a round trip a transaction; a server that was there a moment ago is believed."""
    since = record.info.get("rests_since")
    if since is None or time.monotonic() - since < IDLE:
        return
    try:
        connection.execute("SELECT 1")
        connection.rollback()
    except Exception as error:
        raise InvalidatePoolError from error
