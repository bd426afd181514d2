"""Holds the ledger of what screens confirmed against the server's database and against screens drawn afresh."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import openpyxl
from playwright.sync_api import Error, Playwright

from tests.e2e import steps
from tests.e2e.conftest import Phone, Server
from tests.e2e.steps import rows
from tests.week.ledger import Entry, Ledger
from tests.week.people import Person

#: Where a record's mark stands.
PLACES = {
    "expense": "SELECT id, amount FROM expense_item WHERE note=?",
    "claim": "SELECT id, total FROM expense_claim WHERE note=?",
    # A correction writes over the mark; what was accepted first has it still.
    "parts": (
        "SELECT id, total FROM parts_request WHERE reason=?1 UNION SELECT p.id, p.total FROM parts_request p "
        "JOIN receipt r ON r.agg_type='parts_request' AND r.agg_id=p.id "
        "WHERE r.outcome='accepted' AND instr(r.body, ?1) > 0"
    ),
}
#: A correction stands in what was accepted; a claim's has no mark of its own.
AGAIN = "SELECT op FROM receipt WHERE outcome='accepted' AND instr(body, ?) > 0"
#: A report's first words stand in its versions, whatever a correction made of them.
REPORT = (
    "SELECT DISTINCT r.id, r.job_id, r.visit_id FROM service_report r WHERE r.fault=? "
    "UNION SELECT r.id, r.job_id, r.visit_id FROM service_report r JOIN report_version v ON v.report_id=r.id "
    "WHERE json_extract(v.content, '$.fault')=?"
)


def faults(server: Server, ledger: Ledger) -> Iterator[str]:
    """Everything that is not as some screen said, a line each."""
    given_up = _given_up(server)
    for entry in ledger.entries:
        yield from _entry(server, entry, given_up)
    for entry in ledger.open:
        if len(_found(server, entry)) > 1:
            yield f"doubled: {entry}"
    yield from _visits(server, ledger)
    yield from _decided_twice(server)
    yield from _receipts(server)
    yield from _claims(server)


def _given_up(server: Server) -> set[str]:
    """Marks of records that came back with a reason and were put away: the server has them as refused."""
    bodies = rows(server, "SELECT body FROM receipt WHERE outcome IN ('rejected', 'conflict')")
    return {mark for (body,) in bodies for mark in re.findall(r"week-\w+-\d{4}", body)}


def _found(server: Server, entry: Entry) -> list[tuple]:
    if entry.what == "report":
        return rows(server, REPORT, entry.mark, entry.mark)
    if entry.what == "again":
        return rows(server, AGAIN, entry.mark)
    if entry.what in PLACES:
        return rows(server, PLACES[entry.what], entry.mark)
    return []


def _entry(server: Server, entry: Entry, given_up: set[str]) -> Iterator[str]:
    if entry.what not in {*PLACES, "report", "again"} or entry.facts.get("kind") == "expense_claim.resubmit":
        return
    found = _found(server, entry)
    if not found and entry.mark not in given_up:
        yield f"lost: {entry}"
    if len(found) > 1:
        yield f"doubled: {entry}"
    if found and entry.what == "expense" and found[0][1] != entry.facts["fen"]:
        yield f"another amount: {entry} is {found[0][1]}"
    if found and entry.what == "report" and found[0][1] != entry.facts["job"]:
        yield f"at the wrong job: {entry} is at {found[0][1]}"


def _visits(server: Server, ledger: Ledger) -> Iterator[str]:
    """A report belongs to the visit of its job that its author had started last, if they had started one."""
    started: dict[tuple[str, str], str] = {}
    for entry in ledger.entries:
        if entry.what == "tap" and entry.mark.startswith("visit.start "):
            started[entry.person, entry.facts["job"]] = entry.mark.rsplit(":", 1)[1]
        if entry.what != "report" or entry.facts["kind"] != "service_report.submit":
            continue
        visit = started.get((entry.person, entry.facts["job"]))
        for _, _, named in rows(server, REPORT, entry.mark, entry.mark):
            if visit is not None and named != visit:
                yield f"at the wrong visit: {entry} is at {named}, started was {visit}"


def _decided_twice(server: Server) -> Iterator[str]:
    twice = (
        "SELECT agg_type, agg_id, kind, count(*) FROM receipt WHERE outcome='accepted' AND "
        "(kind LIKE '%.approve' OR kind LIKE '%.accept') GROUP BY agg_type, agg_id, kind, user_id HAVING count(*) > "
        "(SELECT count(*) FROM approval_case c WHERE c.subject_type=agg_type AND c.subject_id=agg_id)"
    )
    for row in rows(server, twice):
        yield f"decided more often than asked: {row}"


def _receipts(server: Server) -> Iterator[str]:
    for row in rows(server, "SELECT op, outcome FROM receipt WHERE outcome IN ('busy', 'held')"):
        yield f"never decided: {row}"
    checked = server.flask("check")
    if checked.returncode:
        yield f"check: {checked.stdout.strip()[:300]}"


def _claims(server: Server) -> Iterator[str]:
    sums = (
        "SELECT c.number, c.total, coalesce(sum(i.amount), 0), count(i.id) FROM expense_claim c "
        "LEFT JOIN expense_item i ON i.claim_id=c.id "
        "WHERE c.note LIKE 'week-%' AND c.state != 'withdrawn' GROUP BY c.id"
    )
    for number, total, together, count in rows(server, sums):
        if total != together or count == 0:
            yield f"claim {number} says {total}, its {count} items are {together}"


def money(desk: Phone, server: Server) -> Iterator[str]:
    """The lists that finance downloads hold the approved claims to the fen."""
    desk.sign_in("finance")
    desk.go("/reimbursements")
    files = {}
    for kind in ("xlsx", "csv"):
        with desk.page.expect_download() as waiting:
            desk.page.locator(f'a[href*="/reimbursements/list.{kind}"], [formaction*="list.{kind}"]').first.click()
        files[kind] = Path(waiting.value.path()).read_bytes()
    text = files["csv"].decode("utf-8-sig")
    in_csv = Counter(cell for row in csv.reader(io.StringIO(text)) for cell in row if re.fullmatch(r"\d+\.\d\d", cell))
    book = openpyxl.load_workbook(io.BytesIO(files["xlsx"]), read_only=True)
    in_book = Counter(
        f"{Decimal(str(cell)):.2f}"
        for sheet in book.worksheets
        for row in sheet.iter_rows(values_only=True)
        for cell in row
        if isinstance(cell, int | float) and not isinstance(cell, bool)
    )
    approved = (
        "SELECT i.amount, i.note FROM expense_item i JOIN expense_claim c ON c.id=i.claim_id "
        "WHERE c.state='approved' AND c.note LIKE 'week-%'"
    )
    amounts = Counter(f"{Decimal(fen) / 100:.2f}" for fen, _ in rows(server, approved))
    for amount, count in amounts.items():
        if in_csv[amount] < count:
            yield f"{amount} stands {in_csv[amount]} times in the CSV instead of {count}"
        if in_book[amount] < count:
            yield f"{amount} stands {in_book[amount]} times in the XLSX instead of {count}"


#: What a page says, without what is of this moment only.
WORDS = r"""() => {
    const clone = document.querySelector('#main').cloneNode(true);
    clone.querySelectorAll('template,script,time,[hidden],[data-ago]').forEach((node) => node.remove());
    return clone.innerText.replace(/\d+\s*(秒|分钟|小时)(钟)?前/g, '').replace(/\s+/g, ' ').trim();
}"""


def screens(playwright: Playwright, server: Server, people: list[Person], folder: Path) -> Iterator[str]:
    """At rest every phone shows what a browser shows that has never been here."""
    for person in people:
        fresh = Phone(playwright, server, folder / f"fresh-{person.name}")
        try:
            fresh.sign_in(person.name)
            pages = ["/jobs", "/inbox", "/expenses"]
            pages += [str(link) for link in _first_jobs(fresh)]
            for path in pages:
                person.go(path)
                try:
                    steps.wait_all_received(person.phone)
                except Error:
                    chip = person.page.locator("#sync-chip").inner_text()
                    records = steps.ops_on_phone(person.page)
                    left = [(op["kind"], op["state"], op["ref"]) for op in records if op["state"] != "accepted"]
                    yield f"{person.name} {path}: the chip says {chip!r} at rest, {left[:5]}"
                    break
                fresh.go(path)
                # Pages of both may still take in what their phone knows.
                for _ in range(50):
                    old, new = person.page.evaluate(WORDS), fresh.page.evaluate(WORDS)
                    if old == new:
                        break
                    person.page.wait_for_timeout(100)
                else:
                    at = next((n for n, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]), 0)
                    yield f"{person.name} {path}: shows {old[at - 20 : at + 60]!r}, is {new[at - 20 : at + 60]!r}"
        finally:
            fresh.close()


def _first_jobs(phone: Phone) -> list[str | None]:
    phone.go("/jobs")
    links = phone.page.locator("#main h2 a[href^='/jobs/']")
    return [links.nth(n).get_attribute("href") for n in range(min(4, links.count()))]
