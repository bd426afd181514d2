"""The main job, end to end: a technician's day without signal, an approval, a reimbursement list.

One story in a real Chromium at 360 × 780; the README's tour follows it.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import openpyxl
from playwright.sync_api import expect

from tests.e2e import steps
from tests.e2e.conftest import Phone, Server
from tests.e2e.steps import eventually, rows

#: Whether the draft in the phone's database is what the form holds, the signature included.
SIGNATURE_KEPT = """async () => {
    const drawn = document.querySelector('[name=signature]').value;
    const db = await new Promise((yes, no) => {
        const asked = indexedDB.open(`fieldapp-u-${document.documentElement.dataset.user}`);
        asked.onsuccess = () => yes(asked.result); asked.onerror = () => no(asked.error);
    });
    const drafts = await new Promise((yes, no) => {
        const asked = db.transaction('drafts').objectStore('drafts').getAll();
        asked.onsuccess = () => yes(asked.result); asked.onerror = () => no(asked.error);
    });
    db.close();
    return drawn !== '' && drafts.some((draft) => draft.fields.signature === drawn);
}"""


def fill_report(phone: Phone, folder: Path) -> None:
    page = phone.page
    steps.choose(page, "result", "another_visit")
    page.fill("[name=fault]", steps.FAULT)
    page.fill("[name=cause]", steps.CAUSE)
    page.fill("[name=work]", steps.WORK)
    steps.add_photos(page, "photo", steps.picture(folder, "old.jpg"), steps.picture(folder, "new.jpg"))


def finish_report(phone: Phone) -> None:
    page = phone.page
    if not page.locator("[name=labour_minutes]").is_visible():
        page.locator("details:has([name=labour_minutes]) > summary").click()
    page.fill("[name=labour_minutes]", "45")
    row = page.locator('[data-repeat="parts"]')
    if not row.is_visible():
        page.locator('details:has([data-repeat="parts"]) > summary').click()
    if row.locator("[data-row]").count() == 0:
        row.locator("xpath=..").locator("[data-add-row]").first.click()
    page.locator("[name='parts.0.part_id']").select_option(index=1)
    page.fill("[name='parts.0.qty']", "1")
    page.fill("[name='parts.0.old_serial']", "8832019")
    page.fill("[name='parts.0.new_serial']", "8840177")
    page.fill("[name=customer_name]", steps.CUSTOMER)
    steps.choose(page, "satisfaction", "5")


def plan_next_visit(phone: Phone) -> None:
    page = phone.page
    page.fill("[name=reason]", steps.CAUSE)
    page.fill("[name=plan_at]", (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%dT09:00"))
    page.fill("[name=plan_people]", "tech1")
    page.fill("[name=plan_tools]", "heat gun")


def test_the_main_job(phone: Phone, another_phone: Phone, desk: Phone, server: Server, tmp_path: Path) -> None:
    page = phone.page

    # 2. tech1 signs in, sees today's jobs in order, opens the next one.
    phone.sign_in("tech1")
    phone.ready_for_offline()
    # Chromium writes cookies to disk only every half minute: closed and opened once, as over a night.
    phone.close()
    page = phone.open()
    phone.go("/jobs")
    expect(page.locator(".card.next")).to_have_count(1)
    job = steps.next_job(phone)
    expect(page.locator('a[href^="tel:"]').first).to_be_visible()

    # 3. The signal goes. The page reloads all the same; taps move the screen on.
    phone.offline()
    page.reload()
    expect(page.locator("h1")).to_be_visible()
    for kind in ("visit.set_out", "visit.arrive", "visit.start"):
        steps.tap(page, kind)
    page.reload()
    expect(page.locator(f'a[href="{job}/report"]:visible').first).to_be_visible()

    # 4. The report; half-way the browser is killed; draft, photos and strokes come back.
    page.locator(f'a[href="{job}/report"]:visible').first.click()
    expect(page).to_have_url(re.compile("/report$"))
    fill_report(phone, tmp_path)
    steps.sign(page)
    steps.until(page, SIGNATURE_KEPT)
    phone.kill()
    page = phone.open()
    phone.offline()
    phone.go(f"{job}/report")
    expect(page.locator("[name=fault]")).to_have_value(steps.FAULT)
    expect(page.locator('[data-photos][data-role="photo"] [data-photo-list] > li')).to_have_count(2)
    expect(page.locator("[name=signature]")).not_to_have_value("")
    finish_report(phone)

    # D-JOB-7: "needs another visit" demands the plan.
    page.locator("form[data-op='service_report.submit'] .dock button").click()
    expect(page.locator("#err-plan_at")).to_be_visible()
    expect(page.locator("[name=fault]")).to_have_value(steps.FAULT)
    plan_next_visit(phone)
    page.locator("form[data-op='service_report.submit'] .dock button").click()
    expect(page).to_have_url(re.compile(re.escape(job) + "$"))
    report_ref = steps.wait_saved(page)

    # 5. A parts request of two lines (186.00 yuan) and an expense with the photo of the ticket.
    phone.go(f"/parts/new?job={job.rsplit('/', 1)[1]}")
    antenna = page.locator("[name='lines.0.part_id'] option", has_text="GPS-ANT-02").get_attribute("value")
    feeder = page.locator("[name='lines.0.part_id'] option", has_text="GPS-FDR-03").get_attribute("value")
    page.select_option("[name='lines.0.part_id']", antenna)
    page.fill("[name='lines.0.qty']", "2")
    page.locator("[data-add-row]").first.click()
    page.select_option("[name='lines.1.part_id']", feeder)
    page.fill("[name='lines.1.qty']", "2")
    page.locator("form[data-op='parts_request.submit'] .dock button").click()
    steps.wait_saved(page)

    phone.go("/expenses/new")
    steps.add_photos(page, "receipt", steps.picture(tmp_path, "ticket.jpg"))
    page.fill("[name=amount]", "46.00")
    steps.choose(page, "kind", "local_transport")
    page.locator("form[data-op='expense_item.capture'] .dock button").click()
    steps.wait_saved(page)

    # The outbox lists all; a reload, a second tab and a restart change nothing.
    phone.go("/outbox")
    expect(page.locator('[data-outbox-group="unsent"] li')).to_have_count(6)
    before = steps.outbox_items(phone, "unsent")
    assert report_ref in {one["ref"] for one in before}
    assert {one["state"] for one in before} == {"saved"}
    page.reload()
    expect(page.locator('[data-outbox-group="unsent"] li')).to_have_count(6)
    second = phone.new_tab()
    second.goto(server.url + "/outbox")
    expect(second.locator('[data-outbox-group="unsent"] li')).to_have_count(6)
    phone.close()
    page = phone.open()
    phone.offline()
    phone.go("/outbox")
    expect(page.locator('[data-outbox-group="unsent"] li')).to_have_count(6)
    assert steps.outbox_items(phone, "unsent") == before
    frozen = {one["op"]: one for one in steps.ops_on_phone(page)}
    assert not any(rows(server, "SELECT op FROM receipt WHERE op=?", op) for op in frozen)

    # 6. The signal returns: everything is sent by itself, once.
    phone.offline(False)
    expect(page.locator('[data-outbox-group="delivered"] li')).to_have_count(6, timeout=60_000)
    steps.wait_all_received(phone)
    for op, one in frozen.items():
        assert rows(server, "SELECT sha256, outcome FROM receipt WHERE op=?", op) == [(one["sha256"], "accepted")]
        for note in json.loads(one["body"])["atts"]:
            state = rows(server, "SELECT state, sha256 FROM attachment WHERE id=?", note["id"])
            assert state == [("stored", note["sha256"])]
            digest = note["sha256"]
            kept = server.folder / "files" / digest[:2] / digest[2:4] / digest
            assert hashlib.sha256(kept.read_bytes()).hexdigest() == digest
    assert rows(
        server,
        "SELECT count(*) FROM expense_item WHERE amount=4600 AND owner_id=(SELECT id FROM user WHERE username='tech1')",
    ) == [(1,)]
    assert rows(
        server, "SELECT total FROM parts_request WHERE requester_id=(SELECT id FROM user WHERE username='tech1')"
    ) == [(18600,)]

    # The claim made from the item.
    phone.go("/expenses/claims/new")
    page.locator("input[name='items[]']").first.check(force=True)
    page.locator("form[data-op='expense_claim.submit'] button").last.click()
    steps.wait_saved(page)
    steps.wait_all_received(phone)

    # 7. lead1 sees the inbox: returns the report; it comes back, is corrected and sent again as version 2.
    lead = another_phone
    lead.sign_in("lead1")
    lead.go("/inbox")
    report_id = rows(
        server,
        "SELECT id FROM service_report WHERE author_id=(SELECT id FROM user WHERE "
        "username='tech1') ORDER BY received_at DESC LIMIT 1",
    )[0][0]
    card = lead.page.locator(f"#case-{report_id}")
    card.locator("summary").first.click()
    card.locator("textarea").first.fill("photo of the label missing")
    card.locator("form[data-op='service_report.return'] button").click()
    eventually(server, "SELECT state FROM service_report WHERE id=?", report_id, expected="returned")
    expect(lead.page.locator(f"#case-{report_id} form")).to_have_count(0)
    phone.go("/inbox")
    page.locator(f'#notices form[data-done="/reports/{report_id}/correct"] button').first.click()
    expect(page.locator("[name=fault]")).to_have_value(steps.FAULT)
    page.fill("[name=work]", steps.WORK + "!")
    steps.sign(page, depth=0.6)
    page.locator("form[data-op='service_report.resubmit'] .dock button").click()
    steps.wait_saved(page)
    eventually(server, "SELECT version FROM service_report WHERE id=?", report_id, expected=2)

    lead.go("/inbox")
    for kind in ("service_report.accept", "parts_request.approve", "expense_claim.approve"):
        mine = lead.page.locator("#_inbox li", has=lead.page.locator(f'form[data-op="{kind}"]'))
        tech1 = rows(server, "SELECT name FROM user WHERE username='tech1'")[0][0]
        mine.filter(has_text=tech1).locator(f'form[data-op="{kind}"] button').first.click()
        expect(mine.filter(has_text=tech1).locator(f'form[data-op="{kind}"]')).to_have_count(0)
    eventually(server, "SELECT state FROM service_report WHERE id=?", report_id, expected="accepted")
    eventually(server, "SELECT state FROM parts_request WHERE total=18600", expected="approved_by_leader")
    eventually(server, "SELECT state FROM expense_claim WHERE total=4600", expected="approved")

    # 8. finance opens the month's list on a wide screen; XLSX and CSV hold the same figures to the fen.
    desk.sign_in("finance")
    desk.go("/reimbursements")
    tech1 = rows(server, "SELECT name FROM user WHERE username='tech1'")[0][0]
    expect(desk.page.locator("table").first).to_contain_text(tech1)
    expect(desk.page.locator("table").first).to_contain_text("46.00")
    files = {}
    for kind in ("xlsx", "csv"):
        with desk.page.expect_download() as waiting:
            desk.page.locator(f'button[formaction$="/reimbursements/list.{kind}"]').click()
        files[kind] = Path(waiting.value.path()).read_bytes()
    book = openpyxl.load_workbook(io.BytesIO(files["xlsx"]), read_only=True)
    sheet = book.worksheets[1]
    in_book = sorted(
        Decimal(str(cell)).quantize(Decimal("0.01"))
        for row in sheet.iter_rows(values_only=True)
        for cell in row
        if isinstance(cell, float | int) and not isinstance(cell, bool)
    )
    text = files["csv"].decode("utf-8-sig")
    in_csv = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    assert Decimal("46.00") in in_book
    assert "46.00" in in_csv
    assert server.flask("check").returncode == 0
    assert phone.problems == lead.problems == desk.problems == []
