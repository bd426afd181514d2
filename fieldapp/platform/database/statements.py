"""Statements of the busiest paths: put into the driver's words once, then asked without what else stands around it.

What SQLAlchemy does for one asking (finding the statement again, a context, a result, a row of every row) costs
several times what SQLite does for it. Statements stay written in its language; types, parameters, transactions and
errors stay what they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Generic, TypeVar, cast

from blinker import Signal
from sqlalchemy import Connection, Dialect, Engine, Table, insert
from sqlalchemy.exc import DBAPIError

from fieldapp.platform.database import alone, ignoring, strip_values

#: Sent before each asking, with the statement's words.
asked = Signal()

Process = Callable[[Any], Any] | None


class Prepared:
    """A statement in the words of each database it meets.

    Parameters that it does not fix must be given at every asking. An insert writes the columns of its rows, and of the
    defaults that Python puts in those that are the same for all.
    """

    def __init__(self, statement: Any) -> None:
        self._statement = statement
        self._words: dict[Any, _Words] = {}

    def rows(self, connection: Connection, **given: Any) -> list[tuple[Any, ...]]:
        """What it finds, as plain tuples. Raises DBAPIError."""
        return self.asking(**given).of(connection, connection.connection, connection.dialect)

    def rows_alone(self, engine: Engine, **given: Any) -> list[tuple[Any, ...]]:
        """The same on a connection of its own, in no transaction: nothing to begin, nothing to roll back."""
        with alone(engine) as borrowed:
            return self.asking(**given).of(borrowed, borrowed, engine.dialect)

    def write(self, connection: Connection, *rows: Mapping[str, Any]) -> int:
        """Writes with the parameters of each row, all of them alike, and tells how many rows it met.

        Raises DBAPIError.
        """
        return self.writing(*rows).of(connection, connection.connection, connection.dialect)

    def asking(self, **given: Any) -> Asking[list[tuple[Any, ...]]]:
        """The same for `together`."""
        return Asking(self, (given,), None)

    def writing(self, *rows: Mapping[str, Any]) -> Asking[int]:
        """The same for `together`."""
        return Asking(self, rows, tuple(rows[0]))

    def words(self, dialect: Dialect, columns: tuple[str, ...] | None) -> _Words:
        """It in the words of a database; `columns` are those of the rows that are written."""
        key = (dialect.name, columns)
        words = self._words.get(key)
        if words is None:
            words = self._words[key] = _Words(self._statement, dialect, columns)
        return words


Answer = TypeVar("Answer")


class Asking(Generic[Answer]):
    """A statement with its parameters, once or for several rows, on its way to the database."""

    def __init__(self, statement: Prepared, rows: Sequence[Mapping[str, Any]], columns: tuple[str, ...] | None) -> None:
        self.statement, self.rows, self.columns = statement, rows, columns

    def of(self, holder: Any, borrowed: Any, dialect: Any) -> Answer:
        """Asks on the driver's connection; `holder` gives it up where it is gone."""
        words = self.statement.words(dialect, self.columns)
        try:
            return self.answered(self.asked(words, borrowed), words, dialect)
        except dialect.loaded_dbapi.Error as error:
            raise _known(holder, borrowed, dialect, words.text, error) from error

    def asked(self, words: _Words, borrowed: Any) -> Any:
        """A cursor with the statement under way."""
        values = [words.bound(row) for row in self.rows]
        if asked.receivers:
            asked.send(words.text)
        cursor = borrowed.cursor()
        if len(values) == 1:
            cursor.execute(words.text, values[0])
        else:
            cursor.executemany(words.text, values)
        return cursor

    def answered(self, cursor: Any, words: _Words, dialect: Dialect) -> Answer:
        """What came of it: the rows that were found, or how many were met."""
        answer: Any = words.read(cursor, dialect) if self.columns is None else int(cursor.rowcount)
        cursor.close()
        return cast(Answer, answer)


def together(connection: Connection, *askings: Asking[Any], along: Callable[[], None] | None = None) -> list[Any]:
    """The answers to several statements, each carried out after the one before; all in one journey where there is one.

    On SQLite nothing travels. To PostgreSQL and back takes longer than most of these statements do. `along` asks the
    driver for what is to travel behind them; where nothing travels it is not called. Raises DBAPIError.
    """
    dialect, borrowed = connection.dialect, connection.connection
    if dialect.name != "postgresql" or len(askings) < (1 if along else 2):
        return [one.of(connection, borrowed, dialect) for one in askings]
    words = [one.statement.words(dialect, one.columns) for one in askings]
    driver: Any = borrowed.dbapi_connection
    try:
        with driver.pipeline():
            cursors = [one.asked(said, borrowed) for one, said in zip(askings, words, strict=True)]
            if along:
                along()
        under_way = zip(askings, cursors, words, strict=True)
        return [one.answered(cursor, said, dialect) for one, cursor, said in under_way]
    except dialect.loaded_dbapi.Error as error:
        text = "; ".join(said.text for said in words)
        raise _known(connection, borrowed, dialect, text, error) from error


@cache
def inserting(table: Table) -> Prepared:
    """INSERT into a table."""
    return Prepared(insert(table))


def inserting_new(connection: Connection, table: Table) -> Prepared:
    """INSERT into a table where the key is not there yet."""
    return _inserting_new(connection.dialect.name, table)


@cache
def _inserting_new(dialect: str, table: Table) -> Prepared:
    return Prepared(ignoring(dialect, table))


class _Words:
    """A statement as a driver takes it, and how values go in and come out."""

    def __init__(self, statement: Any, dialect: Dialect, columns: tuple[str, ...] | None) -> None:
        into = {"column_keys": list(columns)} if columns and statement.is_insert else {}
        compiled = statement.compile(dialect=dialect, **into)
        defaults = {column.key: column.default for column in getattr(compiled, "insert_prefetch", ())}
        if not all(default.is_scalar for default in defaults.values()):
            raise TypeError("a column of this insert has a default that is made anew for each row")
        wanted = {bind.key for bind in compiled.binds.values() if bind.required}
        # Lists that stand in the statement get their places for good.
        state = compiled.construct_expanded_state(dict.fromkeys(wanted))
        self.text: str = state.statement
        self.names: list[str] = list(state.positiontup if compiled.positional else state.parameters)
        self.by_place = compiled.positional
        #: The values in their order: what is fixed stands there, the others are put in their places.
        self.fixed: list[Any] = [None] * len(self.names)
        self.called: list[tuple[int, Callable[[], Any], Process]] = []
        self.wanted: list[tuple[int, str, Process]] = []
        for place, name in enumerate(self.names):
            bind, process = compiled.binds.get(name), state.processors.get(name)
            if bind is not None:
                process = bind.type.dialect_impl(dialect).bind_processor(dialect)
            if bind is not None and bind.key in wanted:
                self.wanted.append((place, bind.key, process))
            elif bind is not None and bind.callable is not None:
                self.called.append((place, bind.callable, process))
            else:
                value = defaults[name].arg if name in defaults else state.parameters[name]
                self.fixed[place] = process(value) if process else value
        self.types = [column.type for column in getattr(statement, "selected_columns", ())]
        self.taken: list[tuple[int, Callable[[Any], Any]]] | None = None

    def bound(self, given: Mapping[str, Any]) -> Any:
        """The parameters of one asking."""
        values = self.fixed.copy()
        for place, key, process in self.wanted:
            values[place] = process(given[key]) if process else given[key]
        for place, call, process in self.called:
            values[place] = process(call()) if process else call()
        return values if self.by_place else dict(zip(self.names, values, strict=True))

    def read(self, cursor: Any, dialect: Dialect) -> list[tuple[Any, ...]]:
        """The rows of a cursor as the types of their columns mean them."""
        if self.taken is None:
            # The driver's own types are known with the first answer. Of a text's columns it knows no more than they.
            pairs = zip(self.types, cursor.description, strict=bool(self.types))
            taken = [one.dialect_impl(dialect).result_processor(dialect, column[1]) for one, column in pairs]
            self.taken = [(place, process) for place, process in enumerate(taken) if process]
        if not self.taken:
            return list(cursor.fetchall())
        read = []
        for row in cursor:
            values = list(row)
            for place, process in self.taken:
                values[place] = process(values[place])
            read.append(tuple(values))
        return read


def _known(holder: Any, borrowed: Any, dialect: Any, text: str, error: Exception) -> Exception:
    """An error of the driver as SQLAlchemy names it; a connection that is gone is given up."""
    strip_values(error)
    base = dialect.loaded_dbapi.Error
    gone = dialect.is_disconnect(error, borrowed.dbapi_connection, None)
    if gone:
        holder.invalidate(error)
    known: Exception = DBAPIError.instance(text, None, error, base, connection_invalidated=gone, dialect=dialect)
    return known
