"""A list is the same on its page, in XLSX and in CSV."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from typing import Any

import pytest
from openpyxl import load_workbook
from sqlalchemy import select

from fieldapp.kernel import clock
from fieldapp.platform.audit.models import AuditEntry
from fieldapp.platform.extensions import db
from tests.support.audit import logged


def read_csv(answer: Any) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.status_code
    return list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"), newline="")))


def read_xlsx(answer: Any) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.status_code
    titles, *rows = list(load_workbook(io.BytesIO(answer.data)).worksheets[0].iter_rows(min_row=2, values_only=True))
    return [dict(zip(titles, row, strict=True)) for row in rows]


@pytest.fixture
def jobs(bench: Any, cast: Any) -> list[str]:
    """Jobs of two groups."""
    now = clock.now()
    for number in range(4):
        bench.make_job(cast.tech, title=f"Ours {number}", received_at=now - timedelta(minutes=number))
    bench.make_job(cast.other_tech, title="Theirs", group=cast.other_group)
    return [f"Ours {number}" for number in range(4)]


def test_page_and_files_hold_the_same_rows(client_of: Any, cast: Any, jobs: list[str]) -> None:
    client = client_of(cast.leader)
    page = client.get("/jobs").text
    text, book = read_csv(client.get("/lists/jobs.csv")), read_xlsx(client.get("/lists/jobs.xlsx"))
    assert [row["Job"] for row in text] == [row["Job"] for row in book] == jobs
    assert re.findall(r"Ours \d", page) == jobs
    assert "Theirs" not in page
    assert [row["Job number"] for row in text] == [row["Job number"] for row in book]
    assert f"{len(jobs)} entries" in page
    everything = read_csv(client_of(cast.manager).get("/lists/jobs.csv"))
    assert {row["Job"] for row in everything} == {*jobs, "Theirs"}


def test_the_group_is_a_column_only_for_who_has_several(client_of: Any, cast: Any, jobs: list[str]) -> None:
    for person, shown in ((cast.leader, False), (cast.manager, True)):
        client = client_of(person)
        assert ('data-label="Group"' in client.get("/jobs").text) is shown
        assert ("Group" in read_csv(client.get("/lists/jobs.csv"))[0]) is shown


def test_files_carry_the_filters_and_the_order(client_of: Any, cast: Any, jobs: list[str]) -> None:
    client = client_of(cast.leader)
    found = read_csv(client.get("/lists/jobs.csv?q=Ours&state=all&sort=oldest"))
    assert [row["Job"] for row in found] == ([] if not found else jobs[::-1])
    assert [row["Job"] for row in read_csv(client.get("/lists/jobs.csv?sort=oldest"))] == jobs[::-1]
    assert read_csv(client.get("/lists/jobs.csv?state=solved")) == []
    page = client.get("/jobs?sort=oldest").text
    assert re.findall(r"Ours \d", page) == jobs[::-1]
    # The button sends the filter form as it is filled in, with the order that the page has.
    assert '<input type="hidden" name="sort" value="oldest">' in page
    assert 'form="filters" formaction="/lists/jobs.csv"' in page


def test_a_download_is_in_the_audit_log(client_of: Any, cast: Any, bench: Any, jobs: list[str]) -> None:
    client_of(cast.leader).get("/lists/jobs.csv?state=all")
    with bench.app.app_context():
        entry = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "list.export")).one()
        assert (entry.actor_id, entry.agg_type) == (cast.leader.id, "jobs")
        (contents,) = logged(AuditEntry.action == "list.export")
        assert (contents.after or {})["query"] == {"state": "all"}
        db.session.remove()


def test_who_may_not_see_or_download_gets_nothing(client_of: Any, cast: Any, anonymous: Any) -> None:
    assert client_of(cast.tech).get("/lists/jobs.csv").status_code == 403
    assert "/lists/jobs" not in client_of(cast.tech).get("/jobs").text
    assert client_of(cast.manager).get("/lists/reimbursement.csv").status_code == 403
    assert client_of(cast.leader).get("/lists/nothing.csv").status_code == 404
    assert client_of(cast.leader).get("/lists/jobs.exe").status_code == 404
    assert anonymous.get("/lists/jobs.csv").status_code == 302


@pytest.mark.parametrize("name", ["jobs", "reports", "parts", "phones"])
def test_every_list_opens_empty_and_downloads(client_of: Any, cast: Any, name: str) -> None:
    client = client_of(cast.leader)
    assert client.get(f"/{name}").status_code == 200
    assert read_csv(client.get(f"/lists/{name}.csv")) == []
    assert read_xlsx(client.get(f"/lists/{name}.xlsx")) == []
