"""The search index follows its records, whoever writes them; the check reports differences."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from fieldapp.field.customers import Asset, Customer
from fieldapp.kernel import ids
from fieldapp.kernel.findable import plain
from fieldapp.platform.commandbus import writing
from fieldapp.platform.extensions import db
from fieldapp.platform.search import SearchKey, SearchText, hits, index_rows, refresh
from fieldapp.platform.search.index import faults


@pytest.fixture
def inside(app: Any) -> Iterator[None]:
    with app.app_context():
        yield
        db.session.remove()


def hits_of(text: str) -> set[tuple[str, str]]:
    rows = {tuple(row) for row in db.session.execute(hits(plain(text)))}
    db.session.rollback()
    return rows


def wrong() -> list[str]:
    sentences = list(faults(db.session.connection()))
    db.session.rollback()
    return sentences


def new_customer(name: str, phone: str = "13800000000") -> str:
    customer = str(ids.uuid7())
    with writing() as session:
        session.add(Customer(id=customer, name=name, kind="company", phone=phone))
    return customer


@pytest.mark.usefixtures("inside")
def test_record_is_found_from_insert_to_delete() -> None:
    customer = new_customer("郑州华豫物流")
    for text in ("华豫", "豫", "郑州华豫物流", "物流", "138 0000"):
        assert hits_of(text) == {("customer", customer)}, text
    assert hits_of("流物") == hits_of("0000") == set()
    with writing() as session:
        session.get(Customer, customer).name = "洛阳快运"
    assert hits_of("华豫") == set()
    assert hits_of("快运") == hits_of("1380000") == {("customer", customer)}
    assert wrong() == []
    with writing() as session:
        session.delete(session.get(Customer, customer))
    assert hits_of("快运") == set()
    assert db.session.scalars(select(SearchText.record)).all() == []
    assert wrong() == []


@pytest.mark.usefixtures("inside")
def test_what_is_rolled_back_is_not_found() -> None:
    with suppress(ZeroDivisionError), writing() as session:
        session.add(Customer(id=str(ids.uuid7()), name="Nobody", kind="company", phone="1"))
        session.flush()
        raise ZeroDivisionError
    assert hits_of("nobody") == set()


@pytest.mark.usefixtures("inside")
def test_a_change_of_something_else_writes_nothing_into_the_index(queries: Any) -> None:
    customer = new_customer("Huayu")
    with queries() as counted, writing() as session:
        session.get(Customer, customer).note = "Ring twice."
    assert [statement for statement in counted.statements if "search_" in statement] == []


@pytest.mark.usefixtures("inside")
def test_bulk_inserts_are_indexed_explicitly_and_the_index_can_be_rebuilt(make_job: Any) -> None:
    make_job()
    rows = [
        {"id": str(ids.uuid7()), "name": f"Firm {number}", "kind": "company", "phone": f"139{number}"}
        for number in range(3)
    ]
    with writing() as session:
        session.execute(insert(Customer), rows)
    assert len(wrong()) == 5  # three customers, and both counts
    with writing() as session:
        index_rows(session.connection(), Customer, rows)
    assert wrong() == []
    with writing() as session:
        session.execute(delete(SearchKey).where(SearchKey.kind == "asset"))
        session.execute(update(SearchText).values(inside="\nx"))
    assert wrong()
    with writing() as session:
        refresh(session.connection())
    assert wrong() == []
    assert {record for _, record in hits_of("firm")} == {row["id"] for row in rows}
    assert len(hits_of("ha8k321")) == len(hits_of("a8k")) == len(hits_of("8832")) == 1


def test_reindex_command_rebuilds_the_index(app: Any, make_job: Any) -> None:
    make_job()
    with app.app_context():
        with writing() as session:
            session.execute(delete(SearchKey))
        db.session.remove()
    assert app.test_cli_runner().invoke(args=["check"]).exit_code == 1
    assert app.test_cli_runner().invoke(args=["reindex"]).exit_code == 0
    assert app.test_cli_runner().invoke(args=["check"]).exit_code == 0


@pytest.mark.usefixtures("inside")
@pytest.mark.parametrize("what", ["a key is missing", "a key is left over", "a text is another", "a record is gone"])
def test_check_reports_wrong_index_entries(make_job: Any, what: str) -> None:
    make_job()
    assert wrong() == []
    asset = db.session.scalars(select(Asset.id)).one()
    db.session.rollback()
    with writing() as session:
        if what == "a key is missing":
            session.execute(delete(SearchKey).where(SearchKey.key == "k321"))
        elif what == "a key is left over":
            session.add(SearchKey(key="old", kind="asset", record=asset))
        elif what == "a text is another":
            session.execute(update(SearchText).where(SearchText.record == asset).values(start="\n1"))
        else:
            session.add(SearchText(record=str(ids.uuid7()), kind="asset", inside="", start="\n9"))
    assert "search index" in wrong()[0]
