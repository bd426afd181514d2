"""A list as one parameter, on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, Text, cast, literal, not_, select, union_all

from fieldapp.database import among
from fieldapp.extensions import db
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


def test_uses_the_index_of_its_column(bench: Bench) -> None:
    if bench.app.config["SQLALCHEMY_DATABASE_URI"].startswith("postgresql"):
        pytest.skip("PostgreSQL reads a table this small as a whole")
    table = Table("among_probe", MetaData(), Column("id", String(36), primary_key=True), Column("note", Text))
    with bench.app.app_context(), db.engine.connect() as connection:
        table.create(connection)
        asked = select(table.c.note).where(among(table.c.id, "ids")).compile(connection)
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked}", ('["x"]',)).all()
        connection.rollback()
    lines = [row[3] for row in plan]
    assert any(line.startswith("SEARCH among_probe USING INDEX") for line in lines), lines
