"""The same day with a signal all the time: everything becomes received by itself, and the screens follow."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import expect

from tests.e2e import steps
from tests.e2e.conftest import Phone, Server
from tests.e2e.steps import eventually, rows

TAPS = ("visit.set_out", "visit.arrive", "visit.start")
RECORDS = ("service_report.submit", "parts_request.submit", "expense_item.capture", "expense_claim.submit")


def stay(phone: Phone) -> None:
    """Marks this page; a reload would take the mark away."""
    phone.page.evaluate("() => { window.stayed = true; }")


def stayed(phone: Phone) -> bool:
    return bool(phone.page.evaluate("() => window.stayed === true"))


def mine(server: Server) -> int:
    return int(rows(server, "SELECT id FROM user WHERE username='tech1'")[0][0])


def receipts(server: Server, user: int, kind: str) -> list[tuple]:
    return rows(server, "SELECT outcome FROM receipt WHERE user_id=? AND kind=?", user, kind)


def test_a_day_with_a_signal(phone: Phone, server: Server, tmp_path: Path) -> None:
    """Taps, a report with a photo, a request, an expense and its claim; each received once, and shown so without a
    reload (failure modes 5, 53, 62, 70, 72).
    """
    phone.sign_in("tech1")
    page, user, job = phone.page, mine(server), steps.next_job(phone)
    stay(phone)
    for kind in TAPS:
        steps.tap(page, kind)
        eventually(server, "SELECT outcome FROM receipt WHERE user_id=? AND kind=?", user, kind, expected="accepted")
    # Only the server's own steps carry the times it keeps; what the phone lays over them is gone again.
    expect(page.locator("#_visit_steps ol.steps li.done time[datetime]")).to_have_count(2)
    expect(page.locator("#_visit_steps [data-pending-clone]")).to_have_count(0)
    expect(page.locator("#sync-chip")).not_to_have_class(re.compile("wait|bad"))
    assert stayed(phone)

    page.locator(f'#_visit_steps a[href="{job}/report"]').click()
    expect(page).to_have_url(re.compile("/report$"))
    steps.choose(page, "result", "solved")
    page.fill("[name=fault]", steps.FAULT)
    page.fill("[name=work]", steps.WORK)
    steps.add_photos(page, "photo", steps.picture(tmp_path, "after.jpg"))
    steps.sign(page)
    page.locator("form[data-op='service_report.submit'] .dock button").click()
    expect(page).to_have_url(re.compile(re.escape(job) + "$"))
    stay(phone)
    report_ref = steps.wait_saved(page)
    own = page.locator("#reports-of-job a[href^='/reports/']")
    expect(own).to_have_count(1)
    expect(page.locator("#_job_reports [data-pending-clone]")).to_have_count(0)
    assert stayed(phone)

    phone.go(f"/parts/new?job={job.rsplit('/', 1)[1]}")
    page.locator("[name='lines.0.part_id']").select_option(index=1)
    page.locator("form[data-op='parts_request.submit'] .dock button").click()
    steps.wait_saved(page)
    expect(page.locator("#parts-rows a[href^='/parts/'], #parts-of-job a[href^='/parts/']").first).to_be_visible()
    expect(page.locator("#main [data-pending-clone]")).to_have_count(0)

    phone.go("/expenses/new")
    steps.add_photos(page, "receipt", steps.picture(tmp_path, "ticket.jpg"))
    page.fill("[name=amount]", "17.35")
    steps.choose(page, "kind", "parking")
    page.locator("form[data-op='expense_item.capture'] .dock button").click()
    expect(page).to_have_url(re.compile("/expenses$"))
    stay(phone)
    expect(page.locator("#open-items li[id^='item-']", has_text="17.35")).to_have_count(1)
    expect(page.locator("#open-items [data-pending-clone]")).to_have_count(0)
    assert stayed(phone)

    phone.go("/expenses/claims/new")
    page.locator("form[data-op='expense_claim.submit'] button").last.click()
    expect(page).to_have_url(re.compile("/expenses$"))
    claim = page.locator("#my-claims a[href^='/expenses/claims/']", has_text="17.35")
    expect(claim).to_have_count(1)
    expect(page.locator("#my-claims [data-pending-clone]")).to_have_count(0)

    # The outbox says so for each, photos included, and the server has each once.
    steps.wait_all_received(phone)
    phone.go("/outbox")
    delivered = page.locator('[data-outbox-group="delivered"] li')
    expect(delivered).to_have_count(len(TAPS) + len(RECORDS))
    assert {one["state"] for one in steps.outbox_items(phone, "delivered")} == {"accepted"}
    expect(delivered.filter(has_text=report_ref)).to_contain_text("1/1")
    expect(page.locator('[data-outbox-group="unsent"]')).to_be_hidden()
    expect(page.locator('[data-outbox-group="attention"]')).to_be_hidden()
    for kind in TAPS + RECORDS:
        assert receipts(server, user, kind) == [("accepted",)]
    assert server.flask("check").returncode == 0
    assert phone.problems == []
