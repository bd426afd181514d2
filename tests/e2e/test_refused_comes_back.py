"""What the server refuses comes back filled in, with lines, photos and signature, and goes again once (49, 52).

The expense has its own story in test_bad_input.py.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e import steps
from tests.e2e.conftest import Phone, Server
from tests.e2e.steps import eventually, rows
from tests.e2e.test_bad_input import CHINESE, EXPENSE, LONG, PARTS, REPORT, press

CLAIM = "form[data-op='expense_claim.submit']"


@pytest.fixture
def page(phone: Phone) -> Page:
    phone.sign_in("tech1")
    return phone.page


def let_through(page: Page, name: str, words: str) -> None:
    """Typed past the phone's own check, as an older page with other limits would: only the server can refuse it."""
    page.evaluate("name => document.querySelector(`[name='${name}']`).removeAttribute('maxlength')", name)
    page.fill(f"[name='{name}']", words)


def refused(phone: Phone, form: str, name: str) -> None:
    """Sends it, finds it under *needs you* and has it corrected: the form is open with the error at its field."""
    page = phone.page
    press(page, form)
    # The form is still there, and says it first.
    expect(page.locator(f"#err-{name.replace('.', '-')}")).to_be_visible()
    phone.go("/outbox")
    item = page.locator('[data-outbox-group="attention"] li')
    expect(item).to_have_count(1)
    expect(item.locator("[data-slot=problems]")).to_have_text(CHINESE)
    item.locator("[data-act=correct]").click()
    page.wait_for_function("form => document.querySelector(form)?.noValidate", arg=form)
    expect(page.locator(f"#err-{name.replace('.', '-')}")).to_have_text(CHINESE)
    assert page.input_value(f"[name='{name}']").startswith(LONG[:50])


def once(server: Server, kind: str) -> None:
    """Two envelopes, one effect: the corrected one stands for the refused one, about the same record."""
    sql = "SELECT count(*) FROM receipt WHERE kind=? AND outcome='accepted' AND supersedes IS NOT NULL"
    eventually(server, sql, kind, expected=1)
    found = rows(
        server,
        "SELECT a.outcome, a.superseded_by = b.op, a.agg_id = b.agg_id"
        " FROM receipt a JOIN receipt b ON b.supersedes = a.op WHERE a.kind = ?",
        kind,
    )
    assert found == [("rejected", 1, 1)]
    assert server.flask("check").returncode == 0


def test_52_a_parts_request_with_its_lines(page: Page, phone: Phone, server: Server) -> None:
    job = steps.next_job(phone)
    phone.go(f"/parts/new?job={job.rsplit('/', 1)[1]}")
    part = str(page.locator("[name='lines.0.part_id'] option", has_text="GPS-ANT-02").get_attribute("value"))
    page.select_option("[name='lines.0.part_id']", part)
    page.fill("[name='lines.0.qty']", "2")
    page.locator("[data-add-row]").first.click()
    other = str(page.locator("[name='lines.1.part_id'] option", has_text="GPS-FDR-03").get_attribute("value"))
    page.select_option("[name='lines.1.part_id']", other)
    page.fill("[name='lines.1.qty']", "3")
    let_through(page, "reason", LONG)
    refused(phone, PARTS, "reason")
    assert page.input_value("[name='lines.0.part_id']") == part
    assert page.input_value("[name='lines.0.qty']") == "2"
    assert page.input_value("[name='lines.1.part_id']") == other
    assert page.input_value("[name='lines.1.qty']") == "3"
    page.fill("[name=reason]", steps.CAUSE)
    press(page, PARTS)
    steps.wait_all_received(phone)
    once(server, "parts_request.submit")
    assert rows(server, "SELECT count(*) FROM parts_request WHERE reason=?", steps.CAUSE) == [(1,)]


def test_52_a_report_with_signature_and_photos(page: Page, phone: Phone, server: Server, tmp_path: Path) -> None:
    job = steps.next_job(phone)
    phone.go(f"{job}/report")
    steps.choose(page, "result", "solved")
    page.fill("[name=fault]", steps.FAULT)
    steps.add_photos(page, "photo", steps.picture(tmp_path, "a.jpg"), steps.picture(tmp_path, "b.jpg"))
    let_through(page, "work", LONG)
    steps.sign(page)
    signature = page.input_value("[name=signature]")
    refused(phone, REPORT, "work")
    expect(page.locator("[name=fault]")).to_have_value(steps.FAULT)
    expect(page.locator('[data-photos][data-role="photo"] [data-photo-list] > li')).to_have_count(2)
    assert page.input_value("[name=signature]") == signature
    page.fill("[name=work]", steps.WORK)
    press(page, REPORT)
    expect(page).to_have_url(re.compile(re.escape(job) + "$"))
    steps.wait_all_received(phone)
    once(server, "service_report.submit")
    report = rows(server, "SELECT id FROM service_report WHERE work=?", steps.WORK)[0][0]
    here = "SELECT count(*) FROM attachment WHERE state='stored' AND agg_id=?"
    eventually(server, here, report, expected=2)


def test_52_a_claim_made_at_a_desk(desk: Phone, server: Server) -> None:
    page = desk.page
    desk.sign_in("tech2")
    desk.go("/expenses/new")
    page.fill("[name=amount]", "52.52")
    steps.choose(page, "kind", "parking")
    press(page, EXPENSE)
    steps.wait_saved(page)
    steps.wait_all_received(desk)
    desk.go("/expenses/claims/new")
    box = page.locator("#claim-items li", has_text="52.52").locator("input[type=checkbox]")
    value = str(box.get_attribute("value"))
    for one in page.locator("#claim-items input[type=checkbox]").all():
        one.set_checked(one.get_attribute("value") == value)
    let_through(page, "note", LONG)
    refused(desk, CLAIM, "note")
    chosen = page.locator("#claim-items input:checked")
    expect(chosen).to_have_count(1)
    expect(chosen).to_have_value(value)
    page.fill("[name=note]", steps.CAUSE)
    press(page, CLAIM)
    steps.wait_all_received(desk)
    once(server, "expense_claim.submit")
    assert rows(server, "SELECT count(*) FROM expense_item WHERE claim_id IS NOT NULL AND id=?", value) == [(1,)]
