"""Everything a technician and a leader must be able to do, in a browser that runs no script."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, Playwright, expect

from tests.e2e import steps
from tests.e2e.conftest import PASSWORD, Phone, Server
from tests.e2e.steps import rows

ITEM = "FROM expense_item WHERE amount=1234 AND owner_id=(SELECT id FROM user WHERE username='tech1')"
REPORTS = "SELECT count(*) FROM service_report WHERE visit_id IN (SELECT id FROM visit WHERE job_id=?)"
PHOTOS = (
    "SELECT count(*) FROM attachment WHERE agg_type='service_report' AND state='stored' AND agg_id IN "
    "(SELECT id FROM service_report WHERE visit_id IN (SELECT id FROM visit WHERE job_id=?))"
)
NOT_HERE = "\u5ba2\u6237\u4e0d\u5728\u73b0\u573a"
NOTE = '<b>\u505c\u8f66</b> & "P1"'

#: No script, and *back* as people have it: the page as it was left, which automation switches off by default.
PLAIN = {"java_script_enabled": False, "ignore_default_args": ["--disable-back-forward-cache"]}


@pytest.fixture
def plain(playwright: Playwright, server: Server, tmp_path: Path) -> Iterator[Phone]:
    """A phone whose browser runs no script."""
    phone = Phone(playwright, server, tmp_path / "plain", **PLAIN)
    yield phone
    phone.close()


@pytest.fixture
def plain_desk(playwright: Playwright, server: Server, tmp_path: Path) -> Iterator[Phone]:
    phone = Phone(playwright, server, tmp_path / "plain-desk", **PLAIN)
    yield phone
    phone.close()


def send(page: Page, form: str) -> int:
    """Submits the form; returns the status of what came back, before any redirect was followed."""
    with page.expect_response(lambda answer: answer.request.method == "POST") as waiting:
        page.locator(f"{form} .dock button").click()
    page.wait_for_load_state("load")
    return waiting.value.status


def test_log_in(plain: Phone) -> None:
    """A wrong password says so, keeps the name and lets nobody in (failure mode 39)."""
    page = plain.page
    plain.go("/jobs")
    expect(page).to_have_url(re.compile("/login"))
    page.fill("input[name=username]", "tech1")
    page.fill("input[name=password]", "wrong")
    page.click("main form.login button")
    expect(page.locator("[role=alert]:visible")).to_have_count(1)
    expect(page.locator("input[name=username]")).to_have_value("tech1")
    expect(page.locator("input[name=password]")).to_have_value("")
    page.fill("input[name=password]", PASSWORD)
    page.click("main form.login button")
    expect(page).to_have_url(re.compile("/jobs"))


def test_the_list_and_its_filter(plain: Phone) -> None:
    """The filter is an ordinary form whose state is in the address (failure mode 34)."""
    plain.sign_in("tech1")
    page = plain.page
    plain.go("/jobs")
    everything = page.locator("article.card").count()
    name = page.locator(".card.next h2 a").inner_text()
    page.fill("input[name=q]", name[:4])
    page.locator("form.filters button").click()
    expect(page).to_have_url(re.compile("q="))
    found = page.locator("article.card")
    assert 0 < found.count() < everything
    expect(found.first).to_contain_text(name[:4])
    expect(page.locator("input[name=q]")).to_have_value(name[:4])
    page.fill("input[name=q]", "<b>nothing</b>")
    page.locator("form.filters button").click()
    expect(page.locator("article.card")).to_have_count(0)
    expect(page.locator("input[name=q]")).to_have_value("<b>nothing</b>")


def test_a_visit_from_tap_to_report(plain: Phone, server: Server, tmp_path: Path) -> None:
    """Taps and the report as ordinary posts through the same ledger: first refused with everything typed still there,
    then received, once (failure modes 34, 52).
    """
    plain.sign_in("tech1")
    page, job = plain.page, steps.next_job(plain)
    for kind in ("visit.set_out", "visit.arrive", "visit.start"):
        steps.tap(page, kind)
    page.locator(f'#_visit_steps a[href="{job}/report"]').click()
    form = "form[data-op='service_report.submit']"

    # Nothing is filled in but the fault: each field that is needed says so.
    page.fill("[name=fault]", steps.FAULT)
    assert send(page, form) == 422
    for name in ("result", "work", "signature"):
        expect(page.locator(f"#err-{name}")).not_to_be_empty()
    expect(page.locator("#err-fault")).to_be_empty()
    expect(page.locator("[name=fault]")).to_have_value(steps.FAULT)

    # Another visit without a plan is refused (D-JOB-7), and so is a row without its part.
    steps.choose(page, "result", "another_visit")
    page.fill("[name=work]", f"{steps.WORK} <script>alert(1)</script>")
    page.locator("label:has(> [name=unsigned])").click()
    page.fill("[name=no_signature_reason]", NOT_HERE)
    page.fill("[name=plan_people]", "")
    assert send(page, form) == 422
    for name in ("reason", "plan_at", "plan_people", "plan_tools"):
        expect(page.locator(f"#err-{name}")).to_be_visible()
        expect(page.locator(f"#err-{name}")).not_to_be_empty()
    expect(page.locator("[name=work]")).to_have_value(f"{steps.WORK} <script>alert(1)</script>")
    expect(page.locator("[name=result][value=another_visit]")).to_be_checked()
    expect(page.locator("[name=unsigned]")).to_be_checked()
    expect(page.locator("[name=no_signature_reason]")).to_have_value(NOT_HERE)
    assert rows(server, REPORTS, job.rsplit("/", 1)[1]) == [(0,)]

    # A file that is no picture is refused with its name; what was typed stays.
    page.fill("[name=reason]", steps.CAUSE)
    page.fill("[name=plan_at]", (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%dT09:00"))
    page.fill("[name=plan_people]", "tech1")
    page.fill("[name=plan_tools]", "heat gun")
    page.locator("input[type=file][name=photo]").set_input_files(steps.not_a_picture(tmp_path))
    assert send(page, form) == 422
    expect(page.locator("#err-photos-photo")).to_contain_text("notes.jpg")
    expect(page.locator("[name=plan_tools]")).to_have_value("heat gun")

    page.locator("input[type=file][name=photo]").set_input_files(steps.picture(tmp_path, "label.jpg"))
    other = plain.new_tab()
    other.goto(f"{server.url}{job}/report")
    assert send(page, form) == 303
    expect(page).to_have_url(re.compile(re.escape(job)))
    expect(page.locator("main .strip.ok")).to_be_visible()
    assert rows(server, REPORTS, job.rsplit("/", 1)[1]) == [(1,)]
    assert rows(server, PHOTOS, job.rsplit("/", 1)[1]) == [(1,)]

    # The form of another tab comes too late; what was typed into it is not thrown away.
    steps.choose(other, "result", "solved")
    other.fill("[name=fault]", "typed in another tab")
    other.fill("[name=work]", steps.WORK)
    other.locator("label:has(> [name=unsigned])").click()
    other.fill("[name=no_signature_reason]", NOT_HERE)
    assert send(other, form) == 409
    expect(other.locator("[data-form-error]")).to_be_visible()
    expect(other.locator("[name=fault]")).to_have_value("typed in another tab")
    assert rows(server, REPORTS, job.rsplit("/", 1)[1]) == [(1,)]
    assert server.flask("check").returncode == 0


def test_the_same_expense_sent_twice(plain: Phone, server: Server, tmp_path: Path) -> None:
    """Back and the button again on the same form: the ledger answers with the first receipt (failure mode 6)."""
    plain.sign_in("tech1")
    page = plain.page
    plain.go("/expenses/new")
    form = "form[data-op='expense_item.capture']"
    page.locator("input[type=file][name=receipt]").set_input_files(steps.picture(tmp_path, "ticket.jpg"))
    page.fill("[name=amount]", "12.34")
    steps.choose(page, "kind", "parking")
    page.fill("[name=note]", NOTE)
    assert send(page, form) == 303
    expect(page.locator("#open-items")).to_contain_text(NOTE)
    page.go_back(wait_until="commit")
    expect(page.locator("[name=amount]")).to_have_value("12.34")
    assert send(page, form) == 303
    assert rows(server, f"SELECT count(*) {ITEM}") == [(1,)]
    assert rows(server, f"SELECT note {ITEM}") == [(NOTE,)]


def test_a_leader_decides(plain: Phone, plain_desk: Phone, server: Server) -> None:
    """Approval, return and acceptance with ordinary posts; a return without a reason is refused (failure mode 34)."""
    plain.sign_in("tech2")
    page = plain.page
    plain.go("/parts/new")
    # A row for the first part stands there without a script, too.
    page.locator("[name='lines.0.part_id']").select_option(index=1)
    page.fill("[name=reason]", "plain browser")
    assert send(page, "form[data-op='parts_request.submit']") == 303
    found = rows(server, "SELECT id FROM parts_request WHERE reason='plain browser'")
    assert len(found) == 1

    lead = plain_desk
    lead.sign_in("lead1")
    lead.go("/inbox")
    card = lead.page.locator(f"#case-{found[0][0]}")
    card.locator('form[data-op="parts_request.approve"] button').click()
    expect(lead.page.locator("main .strip.ok")).to_be_visible()
    assert rows(server, "SELECT state FROM parts_request WHERE id=?", found[0][0]) == [("approved_by_leader",)]

    waiting = lead.page.locator("#_inbox li.card", has=lead.page.locator('form[data-op="service_report.return"]'))
    first = str(waiting.first.get_attribute("id")).removeprefix("case-")
    card = lead.page.locator(f"#case-{first}")
    card.locator("details.sheet summary").click()
    with lead.page.expect_response(lambda answer: answer.request.method == "POST") as refused:
        card.locator("textarea").evaluate("node => node.form.setAttribute('novalidate', '')")
        card.locator('form[data-op="service_report.return"] button').click()
    assert refused.value.status == 422
    expect(lead.page.locator("p.error:visible")).to_have_count(1)
    lead.page.locator("textarea[name=reason]").fill("photo of the label missing")
    lead.page.locator('form[data-op="service_report.return"] button').last.click()
    expect(lead.page.locator("main .strip.ok")).to_be_visible()
    assert rows(server, "SELECT state FROM service_report WHERE id=?", first) == [("returned",)]

    # The leader of the other group has one to accept.
    lead.context.clear_cookies()
    lead.sign_in("lead2")
    lead.go("/inbox")
    other = lead.page.locator('form[data-op="service_report.accept"]').first
    agg = str(other.get_attribute("data-agg")).split(":")[1]
    other.locator("button").click()
    expect(lead.page.locator("main .strip.ok")).to_be_visible()
    assert rows(server, "SELECT state FROM service_report WHERE id=?", agg) == [("accepted",)]
    assert server.flask("check").returncode == 0
