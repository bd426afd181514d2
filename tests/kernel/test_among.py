"""A list as one parameter, on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import Integer, Text, cast, literal, not_, select, text, union_all

from fieldapp.platform.commandbus.models import Receipt
from fieldapp.platform.database import among
from fieldapp.platform.extensions import db
from tests.support.bench import Bench

_things = union_all(
    *(
        select(cast(literal(number), Integer).label("number"), cast(literal(name), Text).label("name"))
        for number, name in [(1, "a"), (2, "b'\"\\"), (3, "\u6c34")]
    )
).subquery()


@pytest.mark.parametrize(
    ("column", "given", "found"),
    [
        ("number", [], []),
        ("number", [2], [2]),
        ("number", [3, 1, 1, 40], [1, 3]),
        ("name", [], []),
        ("name", ["b'\"\\", "\u6c34", "nobody"], [2, 3]),
        ("name", ["1"], []),
    ],
)
def test_finds_what_in_would_find(bench: Bench, column: str, given: list[object], found: list[int]) -> None:
    with bench.app.app_context():
        numbers, kept = _things.c.number, among(_things.c[column], "given")
        connection = db.session.connection()
        assert list(connection.scalars(select(numbers).where(kept).order_by(numbers), {"given": given})) == found
        others = select(numbers).where(not_(kept)).order_by(numbers)
        assert list(connection.scalars(others, {"given": given})) == [n for n in (1, 2, 3) if n not in found]


def test_the_index_of_the_column_is_used(bench: Bench) -> None:
    asked = select(Receipt.body).where(among(Receipt.op, "ops"))
    with bench.app.app_context():
        connection = db.session.connection()
        statement = asked.compile(connection)
        if connection.dialect.name == "postgresql":
            # A table this small would be read as a whole; without that, an index has to do.
            connection.execute(text("SET LOCAL enable_seqscan = off"))
            plan = connection.exec_driver_sql(f"EXPLAIN {statement}", {"ops": ["x"]})
            wanted = "Index Scan"
        else:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", ('["x"]',))
            wanted = "SEARCH receipt USING INDEX"
        lines = [str(row[-1]) for row in plan]
    assert any(wanted in line for line in lines), lines
    assert not any("Seq Scan" in line or line.startswith("SCAN receipt") for line in lines), lines
