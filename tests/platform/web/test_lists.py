"""Declared lists: order and pages, cursors, columns, templates that name what they show."""

from __future__ import annotations

import base64
import json
import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select

from fieldapp.kernel import clock, ids
from fieldapp.platform.commandbus import writing
from fieldapp.platform.extensions import db
from fieldapp.platform.web.lists import Col, Filter, Key, ListDef, Sort, list_page
from fieldapp.platform.web.lists.files import as_csv
from fieldapp.services.devices.models import Device

ROOT = Path(__file__).resolve().parents[3]
NAMES = ["王芳", "李伟", "张敏", "单晓", "仇宁", "Zhao", "zhao", "", "赵一", "王芳2"]
ROWS = 1001


@pytest.fixture
def many(bench: Any) -> None:
    """1,001 phones with ties, NULLs and Chinese names in three columns."""
    dice = random.Random(5)
    now = clock.now().replace(microsecond=0)
    with bench.app.app_context():
        with writing() as session:
            session.add_all(
                Device(
                    dev=str(ids.uuid7()),
                    ep=f"{number:08x}",
                    user_id=bench.cast.tech.id,
                    build=dice.choice(NAMES),
                    display_mode="",
                    unsent=dice.randint(0, 5),
                    oldest_at=dice.choice([None, None, now - timedelta(hours=dice.randint(0, 4))]),
                    first_seen_at=now,
                    last_seen_at=now - timedelta(minutes=dice.randint(0, 3)),
                )
                for number in range(ROWS)
            )
        db.session.remove()


ORDERS = {
    "one direction": (Key(Device.last_seen_at, True), Key(Device.id, True)),
    "mixed": (Key(Device.unsent, True), Key(Device.build), Key(Device.id, True)),
    "nulls ascending": (Key(Device.oldest_at, nullable=True), Key(Device.build, True), Key(Device.id)),
    "nulls descending": (Key(Device.oldest_at, True, nullable=True), Key(Device.unsent), Key(Device.id, True)),
    "personal": (Key(Device.build, personal=True), Key(Device.oldest_at, nullable=True), Key(Device.id)),
}
QUERY: Any = select(Device.id, Device.build, Device.unsent, Device.oldest_at)


@contextmanager
def asked(bench: Any, address: str) -> Iterator[None]:
    with bench.app.test_request_context(address):
        yield
        db.session.remove()


def pages(bench: Any, sort: Sort, size: int = 50) -> Iterator[list[Any]]:
    """Every page, each by the address that the one before gave."""
    url: str | None = "/phones"
    while url:
        with asked(bench, url):
            page = list_page(QUERY, keys=sort, size=size)
            rows, url = page.rows, page.next_url
        yield rows


@pytest.mark.parametrize("order", ORDERS)
def test_pages_together_are_one_sorted_query(bench: Any, many: None, order: str) -> None:
    sort = Sort(order, order, ORDERS[order])
    walked = [row.id for rows in pages(bench, sort) for row in rows]
    with bench.app.app_context():
        whole = [row.id for row in db.session.execute(QUERY.order_by(*sort.order_by()))]
        nulls = [row.oldest_at is None for row in db.session.execute(QUERY.order_by(*sort.order_by()))]
        db.session.remove()
    assert len(walked) == ROWS
    assert walked == whole
    if order.startswith("nulls"):
        assert nulls == sorted(nulls)


def test_rows_changed_between_pages_show_no_unchanged_row_twice(bench: Any, many: None) -> None:
    sort = Sort("mixed", "", ORDERS["mixed"])
    seen: list[int] = []
    touched: set[int] = set()
    for number, rows in enumerate(pages(bench, sort, size=100)):
        seen += [row.id for row in rows]
        with bench.app.app_context():
            with writing() as session:
                changed = session.scalars(select(Device).where(Device.id % 97 == number).limit(5)).all()
                for phone in changed:
                    phone.unsent = (phone.unsent + 3) % 6
                    touched.add(phone.id)
            db.session.remove()
    unchanged = [one for one in seen if one not in touched]
    assert len(unchanged) == len(set(unchanged)) == ROWS - len(touched)


def cursor_of(address: str) -> list[Any]:
    text = parse_qs(urlsplit(address).query)["after"][0]
    parts: list[Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return parts


def packed(parts: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def test_a_cursor_of_another_list_order_or_type_gives_the_first_page(bench: Any, many: None) -> None:
    sort = Sort("nulls", "", ORDERS["nulls descending"])
    with asked(bench, "/phones"):
        url = list_page(QUERY, keys=sort, name="one").next_url
        assert url
        name, oldest, unsent, row = cursor_of(url)
        other = list_page(QUERY, keys=sort, name="other").next_url
        turned = list_page(QUERY, keys=Sort("mixed", "", ORDERS["mixed"]), name="one").next_url
        assert other
        assert turned
    wrong = [
        [name, oldest, unsent, 2**63],
        [name, oldest, 2**31, row],
        [name, oldest, None, row],
        [name, oldest, "1", row],
        [name, "a\0b", unsent, row],
        [name, oldest, unsent],
        [name, oldest, unsent, row, row],
        cursor_of(other),
        cursor_of(turned),
        {"a": 1},
        [],
    ]
    for parts in wrong:
        with asked(bench, f"/phones?after={packed(parts)}"):
            assert list_page(QUERY, keys=sort, name="one").first, parts
    for text in ("%00", "x" * 3000, "a\\", "=" * 9):
        with asked(bench, f"/phones?after={text}"):
            assert list_page(QUERY, keys=sort, name="one").first, text
    with asked(bench, url):
        assert not list_page(QUERY, keys=sort, name="one").first


def test_a_wrong_cursor_is_said_above_the_list(bench: Any, client_of: Any, cast: Any) -> None:
    page = client_of(cast.leader).get("/phones?after=" + packed(["x", 1])).text
    assert "This link leads to no place in this list." in page


def test_a_personal_key_does_not_stand_in_the_address(bench: Any, many: None) -> None:
    sort = Sort("personal", "", ORDERS["personal"])
    with asked(bench, "/phones"):
        page = list_page(QUERY, keys=sort)
        assert page.next_url
        parts = cursor_of(page.next_url)
    assert parts[1:] == [page.rows[-1].id]
    with bench.app.app_context():
        with writing() as session:
            session.delete(session.get(Device, page.rows[-1].id))
        db.session.remove()
    with asked(bench, page.next_url):
        assert list_page(QUERY, keys=sort).first


# -- columns -----------------------------------------------------------------------------------------------------


def declared(*columns: Col) -> ListDef:
    return ListDef(
        name="test",
        title="Test",
        address="/phones",
        verb="device.oversee",
        base=lambda actor: QUERY,
        columns=columns,
        sorts=(Sort("id", "", (Key(Device.id),)),),
        filters=lambda actor: [Filter("state", "", lambda query, value: query.where(Device.unsent == value))],
    )


ID, BUILD, UNSENT = Col("id", "Number", "number"), Col("build", "Build"), Col("unsent", "Unsent", "number", total=True)


def test_a_column_in_the_middle_moves_no_value_below_another_heading(bench: Any, many: None) -> None:
    with asked(bench, "/phones"):
        actor: Any = None
        narrow, wide = declared(ID, UNSENT), declared(ID, BUILD, Col("nth", "Nth", value=lambda row: "n"), UNSENT)
        tables = []
        for shown in (narrow, wide):
            text = b"".join(as_csv(shown.shown(actor, in_file=True), shown.rows(actor))).decode("utf-8-sig")
            titles, *lines = [line.split(",") for line in text.splitlines()]
            tables.append([dict(zip(titles, line, strict=True)) for line in lines])
    assert [(row["Number"], row["Unsent"]) for row in tables[0]] == [
        (row["Number"], row["Unsent"]) for row in tables[1]
    ]
    assert len(tables[0]) == ROWS
    assert {row["Nth"] for row in tables[1]} == {"n"}


def test_a_column_of_others_is_neither_on_the_page_nor_in_a_file() -> None:
    secret = Col("pay", "Pay", who=lambda actor: False)
    only, never = Col("code", "Code", export="only"), Col("acts", "Do", export="no")
    shown = declared(ID, secret, only, never)
    actor: Any = None
    assert [col.key for col in shown.shown(actor)] == ["id", "acts"]
    assert [col.key for col in shown.shown(actor, in_file=True)] == ["id", "code"]


def test_a_list_says_at_start_what_is_wrong_with_it() -> None:
    with pytest.raises(ValueError, match="declared twice"):
        declared(ID, ID)
    with pytest.raises(ValueError, match="no such kind"):
        Col("id", "Number", "figure")


# -- templates ---------------------------------------------------------------------------------------------------

UNPACKED = re.compile(r"\{% (?:for|set|with) \w+(?:, *\w+){3,} (?:in|=) ")


def test_templates_name_what_they_show() -> None:
    """Four and more values taken by their places move below another heading as soon as one is inserted."""
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in sorted((ROOT / "templates").rglob("*.html"))
        for match in UNPACKED.finditer(path.read_text())
    ]
    assert found == []
