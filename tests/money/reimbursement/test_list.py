"""The reimbursement list: who sees it, its figures, its pages, its files (D-EXP-6, D-AUD-1, D-AUD-2)."""

from __future__ import annotations

import csv
import io
import random
import re
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import pytest
from openpyxl import load_workbook
from sqlalchemy import func, insert, select

from fieldapp.kernel import clock, ids
from fieldapp.money.expenses.models import ExpenseClaim, ExpenseItem
from fieldapp.platform.audit.models import AuditEntry
from fieldapp.platform.commandbus import writing
from fieldapp.platform.extensions import db
from fieldapp.platform.web.lists.files import plain
from tests.support.audit import logged

FAPIAO = "26412000000000010317"
NASTY = ["=1+1", "+86 1", "-5", "@SUM(A1)", "\t=1", '=HYPERLINK("http://x","y")', "{=1}", "http://example.com", "007"]
NASTY += ["\uff1d1+1", "\uff20x", "\u200b=1+1"]


def read_csv(data: bytes) -> list[dict[str, str]]:
    assert data.startswith(b"\xef\xbb\xbf")
    assert data.count(b"\r\n") == data.count(b"\n")
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def read_xlsx(data: bytes, sheet: int) -> list[dict[str, Any]]:
    page = load_workbook(io.BytesIO(data)).worksheets[sheet]
    rows = list(page.iter_rows(values_only=True))
    return [dict(zip(rows[1], row, strict=True)) for row in rows[2:]]


def fen(value: Any) -> int:
    return int((Decimal(repr(value) if isinstance(value, float) else str(value)) * 100).to_integral_exact())


@pytest.mark.parametrize("who", ["tech", "leader", "agent", "purchasing", "executive", "hr", "quality", "admin"])
def test_it_is_nobody_elses(client_of: Any, cast: Any, who: str) -> None:
    client = client_of(getattr(cast, who))
    for path in ("/reimbursements", "/reimbursements/list.xlsx", "/reimbursements/list.csv"):
        assert client.get(path).status_code == 403
    assert "/reimbursements" not in client.get("/me").text


def test_who_it_is_for(client_of: Any, cast: Any, anonymous: Any) -> None:
    assert client_of(cast.finance).get("/reimbursements").status_code == 200
    assert client_of(cast.finance).get("/").location == "/reimbursements"
    assert "Download XLSX</button>" in client_of(cast.finance).get("/reimbursements").text
    manager = client_of(cast.manager).get("/reimbursements")
    assert manager.status_code == 200
    assert "list.xlsx" not in manager.text
    assert client_of(cast.manager).get("/reimbursements/list.csv").status_code == 403
    assert "/reimbursements" in client_of(cast.manager).get("/me").text
    assert anonymous.get("/reimbursements").status_code == 302


def test_sums_and_rows(client_of: Any, cast: Any, approved: Any, make_job: Any) -> None:
    job, _ = make_job(technician=cast.tech)
    approved(
        cast.tech,
        {"amount": "46.00", "job_id": job},
        {"amount": "0.30"},
        {"amount": "12.34", "kind": "taxi", "fapiao_number": FAPIAO},
        by=cast.leader,
    )
    approved(cast.other_tech, {"amount": "100.10", "kind": "parts"}, by=cast.other_leader)
    approved(cast.tech2, {"amount": "999.00"})
    page = client_of(cast.finance).get("/reimbursements").text
    for words in (
        "46.30",
        "12.34",
        "100.10",
        "58.64",
        "158.74",
        "Tech Person",
        f"W-{job[-10:]}",
        FAPIAO,
        "No receipt.",
    ):
        assert words in page, words
    assert "999.00" not in page


def test_filters(client_of: Any, cast: Any, approved: Any) -> None:
    approved(cast.tech, {"amount": "11.00"}, by=cast.leader)
    approved(cast.tech2, {"amount": "22.00"}, by=cast.leader)
    approved(cast.other_tech, {"amount": "35.00"}, by=cast.other_leader)
    approved(cast.tech, {"amount": "44.00"})
    client = client_of(cast.finance)

    def shown(query: str) -> set[str]:
        page = client.get(f"/reimbursements?{query}").text
        return {one for one in ("11.00", "22.00", "35.00", "44.00") if f">{one}<" in page}

    everything = {"11.00", "22.00", "35.00"}
    assert shown("") == everything
    assert shown(f"group={cast.group}") == {"11.00", "22.00"}
    assert shown(f"person={cast.tech2.id}") == {"22.00"}
    assert shown("state=all") >= {"44.00"}
    assert shown("month=2020-01") == set()
    assert shown("month=nonsense") == shown("month=") == everything
    for nonsense in ("group=x", "person=-1", "state=paid", "person=1;DROP", "group=99999999999999999999"):
        assert shown(nonsense) == set(), nonsense


def test_a_rejected_claim_costs_nothing(client_of: Any, cast: Any, approved: Any, send: Any) -> None:
    claim = approved(cast.tech, {"amount": "77.00"})
    send(cast.leader, "expense_claim.reject", ("expense_claim", claim), {"reason": "no"})
    data = client_of(cast.finance).get("/reimbursements/list.csv?state=all").data
    [row] = read_csv(data)
    assert (row["Claimed"], row["Allowed"], row["Reason for the cut"]) == ("77.00", "0.00", "no")
    summary = read_xlsx(client_of(cast.finance).get("/reimbursements/list.xlsx?state=all").data, 0)
    assert summary[-1]["Total"] == 0


def test_the_files_agree_to_the_fen(client_of: Any, cast: Any, approved: Any, bench: Any) -> None:
    dice = random.Random(7)
    kinds = ["local_transport", "taxi", "parts", "other"]
    for person, leader in ((cast.tech, cast.leader), (cast.tech2, cast.leader), (cast.other_tech, cast.other_leader)):
        rows = [{"amount": f"{dice.randint(1, 99999) / 100:.2f}", "kind": dice.choice(kinds)} for _ in range(12)]
        approved(person, *rows, by=leader)
    client = client_of(cast.finance)
    text, book = client.get("/reimbursements/list.csv"), client.get("/reimbursements/list.xlsx")
    assert text.mimetype == "text/csv"
    assert "spreadsheetml" in book.mimetype
    of_csv = [fen(row["Allowed"]) for row in read_csv(text.data)]
    of_xlsx = [fen(row["Allowed"]) for row in read_xlsx(book.data, 1)]
    assert of_csv == of_xlsx
    assert [row["Claim number"] for row in read_csv(text.data)] == [
        row["Claim number"] for row in read_xlsx(book.data, 1)
    ]
    with bench.app.app_context():
        stored = sum(fen(one) for one in db.session.scalars(select(ExpenseItem.amount)))
        db.session.remove()
    assert sum(of_csv) == stored
    sums = read_xlsx(book.data, 0)
    assert fen(sums[-1]["Total"]) == stored == sum(fen(row["Total"]) for row in sums[:-1])
    kinds_shown = [
        name for name in sums[0] if name not in {"Person", "Group", "Total", "Number of expenses", "Exceptions"}
    ]
    for row in sums[:-1]:
        assert sum(fen(row[kind] or 0) for kind in kinds_shown) == fen(row["Total"])
    page = client.get("/reimbursements").text
    assert f"{stored / 100:,.2f}" in page


def test_exceptions_are_on_a_sheet_of_their_own(client_of: Any, cast: Any, approved: Any, bench: Any) -> None:
    approved(cast.tech, {"amount": "46.00"}, {"amount": "600.00", "kind": "taxi"}, by=cast.leader)
    book = client_of(cast.finance).get("/reimbursements/list.xlsx").data
    rows = read_xlsx(book, 2)
    assert [row["Claimed"] for row in rows] == [46, 600]
    assert "No approved trip." in rows[1]["Remarks"]


def test_text_never_becomes_a_formula(client_of: Any, cast: Any, approved: Any) -> None:
    approved(cast.tech, *({"amount": f"{n}.00", "note": note} for n, note in enumerate(NASTY, start=1)), by=cast.leader)
    client = client_of(cast.finance)
    book = load_workbook(io.BytesIO(client.get("/reimbursements/list.xlsx").data))
    cells = [cell for sheet in book.worksheets for row in sheet.iter_rows() for cell in row]
    assert not [cell for cell in cells if cell.data_type == "f" or cell.hyperlink]
    assert {note.strip() for note in NASTY} <= {str(cell.value) for cell in cells}
    for row in read_csv(client.get("/reimbursements/list.csv").data):
        for value in row.values():
            assert not value.strip("\u200b").startswith(("=", "+", "-", "@", "\t=", "\uff1d", "\uff20")), value


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("=1", "'=1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@x", "'@x"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("\uff1d1", "'\uff1d1"),
        ("\uff0b86", "'\uff0b86"),
        ("\uff0d1", "'\uff0d1"),
        ("\uff20SUM(A1)", "'\uff20SUM(A1)"),
        ("\ufe62\uff1d1", "'\ufe62\uff1d1"),
        ("\u200b=1", "'\u200b=1"),
        ("\ufeff\u202e\u2066=1", "'\ufeff\u202e\u2066=1"),
        ("\u00ad\u0000@x", "'\u00ad\u0000@x"),
        (" \u3000\u00a0=1", "' \u3000\u00a0=1"),
        ("\n=1", "'\n=1"),
        ("\u200bplain", "\u200bplain"),
        ("\u7535\u7f06-2", "\u7535\u7f06-2"),
        ("a=1", "a=1"),
        ("", ""),
        (None, ""),
        (Decimal("-1.50"), "-1.50"),
        (3, "3"),
        ("26412000000000010317", "\t26412000000000010317"),
        ("04100318", "\t04100318"),
        ("12345678", "12345678"),
        ("12345678E12", "\t12345678E12"),
        ("1.5e400", "\t1.5e400"),
        ("12E", "12E"),
    ],
)
def test_cells_of_the_csv(cell: Any, expected: str) -> None:
    assert plain(cell) == expected


def test_names_with_commas_quotes_and_line_ends(client_of: Any, cast: Any, approved: Any) -> None:
    approved(cast.tech, {"note": 'a, "b"\nc \u7535\u7f06'}, by=cast.leader)
    [row] = read_csv(client_of(cast.finance).get("/reimbursements/list.csv").data.replace(b"\nc", b"\r\nc"))
    assert row["Note"].replace("\r\n", "\n") == 'a, "b"\nc \u7535\u7f06'


def test_the_same_list_is_the_same_file(client_of: Any, cast: Any, approved: Any) -> None:
    approved(cast.tech, {"amount": "46.00"}, by=cast.leader)
    client = client_of(cast.finance)
    first = client.get("/reimbursements/list.xlsx").data
    text = client.get("/reimbursements/list.csv").data
    with clock.standing_at(clock.now() + timedelta(minutes=7)):
        assert client.get("/reimbursements/list.xlsx").data == first
        assert client.get("/reimbursements/list.csv").data == text
    approved(cast.tech2, {"amount": "1.00"}, by=cast.leader)
    assert client.get("/reimbursements/list.xlsx").data != first


def test_it_says_who_made_it_and_is_on_the_trail(client_of: Any, cast: Any, approved: Any, bench: Any) -> None:
    approved(cast.tech, {"amount": "46.00"}, by=cast.leader)
    client = client_of(cast.finance)
    answer = client.get(f"/reimbursements/list.xlsx?group={cast.group}")
    book = load_workbook(io.BytesIO(answer.data))
    for sheet in book.worksheets:
        assert "Finance Person (finance)" in sheet["A1"].value
        # The newest decision, not the hour of the download: the same list is the same file.
        assert "latest claim or approval in this list: 2" in sheet["A1"].value
        assert sheet.freeze_panes == "C3"
    assert book.properties.creator == "Finance Person (finance)"
    assert "finance" in answer.headers["Content-Disposition"]
    number, _, digest = answer.headers["X-Audit-Head"].partition(":")
    assert (int(number), len(digest)) == (_last_entry(bench), 64)
    client.get("/reimbursements/list.csv")
    with bench.app.app_context():
        exported = AuditEntry.action == "reimbursement.export"
        actors = list(db.session.scalars(select(AuditEntry.actor_id).where(exported)))
        entries = [one.after or {} for one in logged(exported)]
        from fieldapp.integrity import faults

        assert list(faults()) == []
        db.session.remove()
    assert actors == [cast.finance.id] * 2
    assert [one["format"] for one in entries] == ["xlsx", "csv"]
    assert entries[0]["query"]["group"] == str(cast.group)
    assert (entries[0]["items"], entries[0]["total"]) == (1, "46.00")


def _last_entry(bench: Any) -> int:
    with bench.app.app_context():
        number = db.session.scalar(select(func.max(AuditEntry.id))) or 0
        db.session.remove()
    return number


def test_an_empty_list(client_of: Any, cast: Any) -> None:
    client = client_of(cast.finance)
    assert "Nothing was approved" in client.get("/reimbursements").text
    assert read_csv(client.get("/reimbursements/list.csv").data) == []
    assert read_xlsx(client.get("/reimbursements/list.xlsx").data, 1) == []


def fill(bench: Any, person: Any, count: int) -> None:
    """Many approved items at once, for paging."""
    claim = str(ids.uuid7())
    now = clock.now()
    with bench.app.app_context():
        with writing() as session:
            session.add(
                ExpenseClaim(
                    id=claim,
                    number=f"EC-{claim[-8:]}",
                    owner_id=person.id,
                    group_id=1,
                    state="approved",
                    total=Decimal(count),
                    month=clock.today().strftime("%Y-%m"),
                    submitted_at=now,
                    approved_at=now,
                )
            )
            session.flush()
            rows = [
                {
                    "id": str(ids.uuid7()),
                    "owner_id": person.id,
                    "group_id": 1,
                    "kind": "other",
                    "amount": Decimal("1.00"),
                    "allowed_amount": Decimal("1.00"),
                    "spent_on": clock.today(),
                    "state": "approved",
                    "claim_id": claim,
                    "captured_at": now,
                    "received_at": now,
                }
                for _ in range(count)
            ]
            session.execute(insert(ExpenseItem), rows)
        db.session.remove()


def test_pages_follow_each_other(bench: Any, client_of: Any, cast: Any) -> None:
    fill(bench, cast.tech, 120)
    client = client_of(cast.finance)
    url, seen = "/reimbursements", 0
    for _ in range(3):
        page = client.get(url).text
        seen += page.count('href="/expenses/claims/')
        if "after=" not in page:
            break
        url = page.split('href="/reimbursements?')[-1].split('"')[0]
        url = "/reimbursements?" + url.replace("&amp;", "&")
    assert seen == 120
    assert len(read_csv(client.get("/reimbursements/list.csv").data)) == 120


def test_queries_do_not_grow(bench: Any, client_of: Any, cast: Any, queries: Any) -> None:
    client = client_of(cast.finance)
    for once in ("/reimbursements", "/reimbursements/list.csv"):
        assert client.get(once).data
    counts = []
    for count in (2, 600):
        fill(bench, cast.tech, count)
        made = []
        for path in ("/reimbursements", "/reimbursements/list.csv", "/reimbursements/list.xlsx"):
            with queries() as counted:
                assert client.get(path).data
            assert counted.count <= (12 if path == "/reimbursements" else 20), counted.statements
            made.append(counted.count)
        counts.append(made)
    assert counts[0] == counts[1]


def test_no_heading_of_a_count_names_what_is_counted(client_of: Any, cast: Any, approved: Any) -> None:
    """A number below *Expenses* reads as an amount of money."""
    approved(cast.tech, {"amount": "46.00"}, by=cast.leader)
    client = client_of(cast.finance)
    sheet = read_xlsx(client.get("/reimbursements/list.xlsx").data, 0)
    assert {"Number of expenses", "Exceptions"} < set(sheet[0])
    assert "Claim number" in read_csv(client.get("/reimbursements/list.csv").data)[0]


def test_the_downloads_are_buttons_of_the_filters(client_of: Any, cast: Any, approved: Any) -> None:
    """So they bring what the filters say now, also before they were applied, with and without scripts."""
    approved(cast.tech, {"amount": "46.00"}, by=cast.leader)
    text = client_of(cast.finance).get("/reimbursements").text
    form = re.search(r'<form [^>]*method="get"[^>]*id="([\w-]+)"', text)
    assert form is not None
    for ending in ("xlsx", "csv"):
        assert f'form="{form[1]}" formaction="/reimbursements/list.{ending}"' in text
    assert not re.search(r'href="/reimbursements/list\.', text)


def test_the_file_is_called_by_the_language_of_its_reader(client_of: Any, cast: Any) -> None:
    client = client_of(cast.finance)
    client.post("/me/language", data={"language": "zh_Hans", "next": "/me"})
    for ending in ("xlsx", "csv"):
        said = client.get(f"/reimbursements/list.{ending}?month=2026-11").headers["Content-Disposition"]
        plain, star = re.fullmatch(r"attachment; filename=\"([^\"]+)\"; filename\*=UTF-8''(\S+)", said).groups()  # type: ignore[union-attr]
        assert plain.isascii()
        assert unquote(star).startswith("\u62a5\u9500\u6e05\u5355-2026-11-")
        assert unquote(star).endswith(f".{ending}")
