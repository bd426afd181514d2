"""Whatever is typed: said at the field in the person's language, nothing typed is lost, and in the end one effect."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.e2e import steps
from tests.e2e.conftest import Phone, Server
from tests.e2e.steps import eventually, rows

MARKUP = "<img src=x onerror=alert(1)>\"'&amp;{{7*7}}"
LONG = "\u957f" * 10_000
CHINESE = re.compile("[\u4e00-\u9fff]")
STORED = "SELECT count(*) FROM attachment WHERE state='stored' AND agg_id=(SELECT id FROM expense_item WHERE amount=?)"
EXPENSE = "form[data-op='expense_item.capture']"
PARTS = "form[data-op='parts_request.submit']"
REPORT = "form[data-op='service_report.submit']"


def today() -> date:
    return datetime.now(timezone(timedelta(hours=8))).date()


def press(page: Page, form: str) -> None:
    # Until the script has taken the form over, the browser would explain itself in bubbles.
    page.wait_for_function("form => document.querySelector(form).noValidate", arg=form)
    page.locator(f"{form} .dock button").click()


def told(page: Page, *names: str) -> None:
    """Each field says in Chinese what is wrong, for eyes and for screen readers; the first one has the focus."""
    for name in names:
        error = page.locator(f"#err-{name.replace('.', '-')}")
        expect(error).to_be_visible()
        expect(error).to_have_text(CHINESE)
        field = page.locator(f'[name="{name}"]').first
        if field.get_attribute("type") != "hidden":
            expect(field).to_have_attribute("aria-invalid", "true")
            assert f"err-{name.replace('.', '-')}" in str(
                field.get_attribute("aria-describedby")
                or field.locator("xpath=ancestor::fieldset[1]").get_attribute("aria-describedby")
            )
    expect(page.locator(f'[name="{names[0]}"]').first).to_be_focused()
    expect(page.locator("p.error:visible:not([id^='err-photos'])")).to_have_count(len(names))


def huge_picture(folder: Path) -> str:
    """50 megapixels and 40 megabytes: bytes after the end of the picture belong to no picture, as some cameras do."""
    path = folder / "huge.jpg"
    Image.new("RGB", (8160, 6120), (90, 120, 60)).save(path, "JPEG", quality=60)
    with path.open("ab") as file:
        file.truncate(40 * 1024 * 1024)
    return str(path)


def unread_picture(page: Page, role: str, path: str) -> None:
    block = page.locator(f'[data-photos][data-role="{role}"]')
    before = block.locator("[data-photo-list] > li").count()
    block.locator("input[type=file]").set_input_files(path)
    said = page.locator(f"#err-photos-{role}")
    expect(said).to_contain_text("notes.jpg")
    expect(said).to_have_text(CHINESE)
    expect(block.locator("[data-photo-list] > li")).to_have_count(before)


@pytest.fixture
def page(phone: Phone) -> Page:
    phone.sign_in("tech1")
    expect(phone.page.locator("html")).to_have_attribute("lang", "zh-Hans")
    phone.page.on("dialog", lambda dialog: phone.problems.append(dialog.message))
    return phone.page


def test_an_expense(page: Page, phone: Phone, server: Server, tmp_path: Path) -> None:
    """Empty, negative, three decimals, too long, a far day, markup, no picture, a huge one (failure modes 52, 65)."""
    phone.go("/expenses/new")
    press(page, EXPENSE)
    told(page, "amount", "kind")

    unread_picture(page, "receipt", steps.not_a_picture(tmp_path))
    steps.add_photos(page, "receipt", huge_picture(tmp_path))
    expect(page.locator("#err-photos-receipt")).to_be_hidden()

    steps.choose(page, "kind", "parking")
    page.fill("[name=note]", LONG)
    typed = page.input_value("[name=note]")
    assert LONG.startswith(typed)
    page.fill("[name=spent_on]", (today() + timedelta(days=40)).isoformat())
    for amount in ("-5", "1.234", "0", "99999999999"):
        page.fill("[name=amount]", amount)
        press(page, EXPENSE)
        wrong = ["amount", "spent_on"] + (["note"] if len(typed) > 200 else [])
        told(page, *wrong)
        assert page.input_value("[name=amount]") == amount
        assert page.input_value("[name=note]") == typed
        expect(page.locator("[data-photo-list] > li")).to_have_count(1)

    page.reload()
    expect(page.locator("[name=amount]")).to_have_value("99999999999")
    assert page.input_value("[name=note]") == typed
    expect(page.locator("[data-photo-list] > li")).to_have_count(1)

    page.fill("[name=amount]", "5.01")
    page.fill("[name=note]", MARKUP)
    page.fill("[name=spent_on]", today().isoformat())
    press(page, EXPENSE)
    expect(page).to_have_url(re.compile("/expenses$"))
    row = page.locator("#open-items li[id^='item-']", has_text="5.01")
    expect(row).to_contain_text(MARKUP)
    steps.wait_all_received(phone)
    assert rows(server, "SELECT note FROM expense_item WHERE amount=501") == [(MARKUP,)]
    assert rows(server, STORED, 501) == [(1,)]
    assert rows(server, "SELECT max(size) < 2000000 FROM attachment") == [(1,)]
    assert phone.problems == []


def test_a_parts_request(page: Page, phone: Phone, server: Server) -> None:
    """Lines that name nothing, cost less than nothing, or count in halves (failure mode 52)."""
    job = steps.next_job(phone)
    phone.go(f"/parts/new?job={job.rsplit('/', 1)[1]}")
    page.fill("[name='lines.0.qty']", "")
    page.fill("[name=wanted_on]", "")
    press(page, PARTS)
    told(page, "lines.0.part_id", "lines.0.qty", "lines.0.unit_price", "wanted_on")

    page.locator("[name='lines.0.part_id']").select_option(value="00000000-0000-0000-0000-000000000000")
    page.fill("[name='lines.0.qty']", "1.5")
    page.fill("[name='lines.0.unit_price']", "-1")
    page.fill("[name=wanted_on]", (today() - timedelta(days=1)).isoformat())
    page.fill("[name=reason]", LONG)
    typed = page.input_value("[name=reason]")
    press(page, PARTS)
    told(page, "lines.0.name", "lines.0.qty", "lines.0.unit_price", "wanted_on")
    assert page.input_value("[name=reason]") == typed
    assert page.input_value("[name='lines.0.qty']") == "1.5"

    page.fill("[name='lines.0.name']", MARKUP)
    page.fill("[name='lines.0.qty']", "2")
    page.fill("[name='lines.0.unit_price']", "3.05")
    page.fill("[name=wanted_on]", today().isoformat())
    page.fill("[name=reason]", MARKUP)
    press(page, PARTS)
    expect(page).to_have_url(re.compile(re.escape(job) + "$"))
    expect(page.locator("#parts-of-job a", has_text=MARKUP)).to_have_count(1)
    request = rows(server, "SELECT total, reason FROM parts_request WHERE total=610")
    assert request == [(610, MARKUP)]
    assert phone.problems == []


def test_a_service_report(page: Page, phone: Phone, server: Server, tmp_path: Path) -> None:
    """The longest form: everything that is missing at once, then nonsense, then sent (failure modes 52, 66)."""
    job = steps.next_job(phone)
    phone.go(f"{job}/report")
    press(page, REPORT)
    told(page, "result", "fault", "work", "signature")

    steps.choose(page, "result", "another_visit")
    page.fill("[name=fault]", MARKUP)
    page.fill("[name=work]", LONG)
    typed = page.input_value("[name=work]")
    page.fill("[name=plan_at]", (datetime.now(UTC) + timedelta(days=800)).strftime("%Y-%m-%dT09:00"))
    page.fill("[name=plan_people]", "")
    page.fill("[name=labour_minutes]", "-3")
    page.locator("details:has([name=fee_amount]) > summary").click()
    page.fill("[name=fee_amount]", "1.234")
    unread_picture(page, "photo", steps.not_a_picture(tmp_path))
    steps.sign(page)
    press(page, REPORT)
    expect(page.locator("#err-plan_at")).to_have_text(CHINESE)
    told(page, "reason", "plan_at", "plan_people", "plan_tools", "labour_minutes", "fee_amount", "fee_method")
    assert page.input_value("[name=fault]") == MARKUP
    assert page.input_value("[name=work]") == typed
    signature = page.input_value("[name=signature]")
    assert signature.startswith("[[")

    # Turned and reloaded, everything is still there.
    page.set_viewport_size({"width": 780, "height": 360})
    page.reload()
    page.set_viewport_size({"width": 360, "height": 780})
    expect(page.locator("[name=fault]")).to_have_value(MARKUP)
    assert page.input_value("[name=work]") == typed
    assert page.input_value("[name=signature]") == signature

    page.fill("[name=reason]", MARKUP)
    page.fill("[name=plan_at]", (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%dT09:00"))
    page.fill("[name=plan_people]", MARKUP)
    page.fill("[name=plan_tools]", MARKUP)
    page.fill("[name=labour_minutes]", "30")
    page.fill("[name=fee_amount]", "1.23")
    steps.choose(page, "fee_method", "cash")
    page.fill("[name=work]", steps.WORK)
    press(page, REPORT)
    expect(page).to_have_url(re.compile(re.escape(job) + "$"))
    sent = "SELECT count(*) FROM service_report WHERE fault=? AND work=?"
    eventually(server, sent, MARKUP, steps.WORK, expected=1)
    page.locator("#reports-of-job a[href^='/reports/']").first.click()
    expect(page.locator("#_report")).to_contain_text(MARKUP)
    assert phone.problems == []


def test_what_the_server_refuses_comes_back(page: Page, phone: Phone, server: Server, tmp_path: Path) -> None:
    """Refused after it was saved: it waits under *needs correction*, opens filled in and with its photo, and goes
    again in the place of the first; one effect in the end (failure modes 49, 52).
    """
    tomorrow = today() + timedelta(days=1)
    phone.go("/expenses/new")
    steps.add_photos(page, "receipt", steps.picture(tmp_path, "ticket.jpg"))
    page.fill("[name=amount]", "61.07")
    steps.choose(page, "kind", "parking")
    page.fill("[name=spent_on]", tomorrow.isoformat())
    page.fill("[name=note]", MARKUP)
    # The phone checks the day itself; an older page would not.
    page.evaluate("() => { delete document.querySelector('[name=spent_on]').dataset.maxDays; }")
    page.evaluate("() => document.querySelector('[name=spent_on]').removeAttribute('max')")
    phone.cut("/sync")
    press(page, EXPENSE)
    expect(page).to_have_url(re.compile("/expenses$"))
    ref = steps.wait_saved(page)
    phone.mend()
    # It does not stand in the way of what comes after it.
    phone.go("/expenses/new")
    page.fill("[name=amount]", "62.09")
    steps.choose(page, "kind", "parking")
    press(page, EXPENSE)
    expect(page).to_have_url(re.compile("/expenses$"))
    eventually(server, "SELECT count(*) FROM expense_item WHERE amount=6209", expected=1)
    expect(page.locator("#sync-chip")).to_have_class(re.compile("bad"))
    expect(page.locator("#open-items li.pending", has_text=ref)).to_have_count(1)

    phone.go("/outbox")
    item = page.locator('[data-outbox-group="attention"] li')
    expect(item).to_have_count(1)
    expect(item).to_contain_text(ref)
    expect(item.locator("[data-slot=problems]")).to_have_text(CHINESE)
    item.locator("[data-act=correct]").click()
    expect(page).to_have_url(re.compile("/expenses/new"))
    expect(page.locator("[name=amount]")).to_have_value("61.07")
    expect(page.locator("[name=note]")).to_have_value(MARKUP)
    expect(page.locator("[data-photo-list] > li")).to_have_count(1)
    expect(page.locator("#err-spent_on")).to_be_visible()
    expect(page.locator("#err-spent_on")).to_have_text(CHINESE)
    page.fill("[name=spent_on]", today().isoformat())
    press(page, EXPENSE)
    expect(page).to_have_url(re.compile("/expenses$"))
    eventually(server, "SELECT count(*) FROM expense_item WHERE amount=6107", expected=1)
    expect(page.locator("#open-items li[id^='item-']", has_text="61.07")).to_have_count(1)
    steps.wait_all_received(phone)

    phone.go("/outbox")
    expect(page.locator('[data-outbox-group="delivered"] li', has_text="61.07")).to_have_count(1)
    expect(page.locator('[data-outbox-group="attention"]')).to_be_hidden()
    outcomes = rows(
        server,
        'SELECT outcome, superseded_by IS NOT NULL FROM receipt WHERE body LIKE \'%"amount":"61.07"%\' ORDER BY seq',
    )
    assert outcomes == [("rejected", 1), ("accepted", 0)]
    eventually(server, STORED, 6107, expected=1)
    assert server.flask("check").returncode == 0
    assert phone.problems == []


def test_the_last_words_before_leaving(page: Page, phone: Phone) -> None:
    """Typed and left at once, also while the last save is still on its way: it is all there again (failure mode 24)."""
    phone.go("/expenses/new")
    for number, pause in enumerate((0, 60, 150, 280, 300, 310, 330, 420), start=1):
        page.wait_for_function("form => document.querySelector(form).noValidate", arg=EXPENSE)
        page.fill("[name=amount]", f"{number}00")
        page.fill("[name=note]", f"{steps.WORK} {number}")
        page.wait_for_timeout(pause)
        page.reload()
        expect(page.locator("[name=amount]")).to_have_value(f"{number}00")
        expect(page.locator("[name=note]")).to_have_value(f"{steps.WORK} {number}")
    assert phone.problems == []
