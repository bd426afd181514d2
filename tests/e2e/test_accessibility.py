"""For every pair of eyes and hands: axe on the main pages in each look, no sideways scrolling, targets to hit."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.e2e import steps
from tests.e2e.conftest import Phone, Server
from tests.e2e.steps import rows

AXE = Axe()
ALL_RULES = {
    "resultTypes": ["violations"],
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
}
#: The other colours change nothing else.
COLOURS = {"resultTypes": ["violations"], "runOnly": {"type": "rule", "values": ["color-contrast"]}}
WIDTHS = (360, 1280)

#: What can be pressed or typed into and is smaller than a finger: 48 px. A link in a line of text has 24 px (WCAG 2.2
#: AA, 2.5.8). A radio is its label, a card's heading its card.
SMALL_TARGETS = """() => {
    const found = [];
    for (const one of document.querySelectorAll('a[href],button,input:not([type=hidden]),select,textarea,summary')) {
        const label = one.matches('[type=radio],[type=checkbox],.shots [type=file]') ? one.closest('label') : null;
        const shown = label ?? (one.matches('.card h2 a') ? one.closest('.card') : one);
        if (one.matches('.skip') || !shown.checkVisibility({visibilityProperty: true})) continue;
        const box = shown.getBoundingClientRect();
        const least = one.matches('a') && getComputedStyle(one).display === 'inline' ? 24 : 48;
        if (box.width < least - 0.5 || box.height < least - 0.5) {
            found.push(`${one.outerHTML.slice(0, 120)}: ${box.width.toFixed(1)} x ${box.height.toFixed(1)}`);
        }
    }
    return found;
}"""

#: How far the page can be scrolled sideways, and by whom.
TOO_WIDE = """() => {
    const room = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= room) return [];
    return [...document.querySelectorAll('body *')]
        .filter((one) => one.checkVisibility() && one.getBoundingClientRect().right > room + 0.5)
        .slice(-3)
        .map((one) => `${one.outerHTML.slice(0, 160)}: ${one.getBoundingClientRect().right.toFixed(1)} of ${room}`);
}"""


def violations(page: Page, rules: dict[str, object]) -> list[str]:
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.axe_script)
    found = page.evaluate("rules => axe.run(document, rules).then((said) => said.violations)", rules)
    return [
        f"{one['id']}: {node['html'][:160]} {node['failureSummary'][:300]}" for one in found for node in one["nodes"]
    ]


def look_at(page: Page, where: str) -> list[str]:
    """Everything that is wrong with the page as it stands, in every look."""
    wrong: list[str] = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 780})
        # As high as it is: what sticks to the foot of a small screen would count as lying over something.
        height = page.evaluate("() => document.documentElement.scrollHeight")
        page.set_viewport_size({"width": width, "height": max(780, height)})
        for scheme, rules in (("light", ALL_RULES), ("dark", COLOURS)):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            wrong += [f"{where} {width} {scheme}: {one}" for one in violations(page, rules)]
        wrong += [f"{where} {width} too wide: {one}" for one in page.evaluate(TOO_WIDE)]
    page.set_viewport_size({"width": WIDTHS[0], "height": 780})
    wrong += [f"{where} too small: {one}" for one in page.evaluate(SMALL_TARGETS)]
    page.evaluate("() => { document.documentElement.style.fontSize = '200%'; }")
    wrong += [f"{where} text at 200 %, too wide: {one}" for one in page.evaluate(TOO_WIDE)]
    page.evaluate("() => { document.documentElement.style.fontSize = ''; }")
    return wrong


def look_around(phone: Phone, *addresses: str) -> list[str]:
    wrong = []
    for address in addresses:
        phone.go(address)
        expect(phone.page.locator("h1")).to_be_visible()
        wrong += look_at(phone.page, address)
    return wrong


def open_everything(page: Page) -> None:
    page.evaluate("() => { for (const one of document.querySelectorAll('details')) one.open = true; }")


@pytest.fixture
def quiet(phone: Phone) -> Iterator[Phone]:
    """A phone on which nothing is wrong with the scripts either."""
    yield phone
    assert phone.problems == []


def test_pages_of_a_technician(quiet: Phone) -> None:
    """Lists, a job, the outbox with something in it (failure mode 72: states by words, not by colour alone)."""
    phone = quiet
    phone.go("/login")
    wrong = look_at(phone.page, "/login")
    phone.sign_in("tech1")
    job = steps.next_job(phone)
    wrong += look_around(
        phone, "/jobs", "/jobs?state=done", job, "/expenses", "/parts", "/inbox", "/add", "/me", "/me/devices"
    )
    phone.ready_for_offline()
    phone.offline()
    phone.go("/expenses/new")
    phone.page.fill("[name=amount]", "9.87")
    steps.choose(phone.page, "kind", "parking")
    phone.page.locator("form[data-op='expense_item.capture'] .dock button").click()
    phone.page.wait_for_url("**/expenses")
    expect(phone.page.locator("#open-items li.pending")).to_have_count(1)
    wrong += look_at(phone.page, "/expenses with a pending one")
    wrong += look_around(phone, "/outbox", "/nowhere")
    assert not wrong, "\n".join(wrong)


def test_forms_of_a_technician(quiet: Phone) -> None:
    """The forms as they open, and with everything unfolded and a message at each field (failure mode 52)."""
    phone = quiet
    phone.sign_in("tech1")
    job = steps.next_job(phone)
    wrong = []
    for address in (
        "/expenses/new",
        "/expenses/claims/new",
        f"/parts/new?job={job.rsplit('/', 1)[1]}",
        f"{job}/report",
    ):
        phone.go(address)
        form = phone.page.locator("main form[data-op]")
        phone.page.wait_for_function("() => document.querySelector('main form[data-op]').noValidate")
        wrong += look_at(phone.page, address)
        if address.endswith("/report"):
            steps.choose(phone.page, "result", "another_visit")
        open_everything(phone.page)
        for more in form.locator("[data-add-row]:visible").all():
            more.click()
        if "claims" not in address:
            form.locator(".dock button").click()
            expect(phone.page.locator("p.error:visible").first).to_be_visible()
        wrong += look_at(phone.page, f"{address} with messages")
    assert not wrong, "\n".join(wrong)


def test_pages_of_a_leader(quiet: Phone, server: Server) -> None:
    """What a leader decides on, from lists to one record of each kind."""
    phone = quiet
    phone.sign_in("lead1")
    group = 'group_id=(SELECT id FROM "group" ORDER BY id LIMIT 1)'
    job = rows(server, f"SELECT id FROM job WHERE {group} ORDER BY received_at DESC LIMIT 1")[0][0]  # noqa: S608
    report = rows(server, "SELECT id FROM service_report WHERE state='submitted' LIMIT 1")[0][0]
    parts = rows(
        server, "SELECT subject_id FROM approval_case WHERE subject_type='parts_request' AND state='open' LIMIT 1"
    )[0][0]
    wrong = look_around(
        phone,
        "/jobs",
        f"/jobs/{job}",
        f"/jobs/{job}/dispatch",
        "/inbox",
        "/inbox/done",
        "/reports",
        "/phones",
        "/phones/closed",
    )
    wrong += look_around(phone, f"/jobs/{job}/change", f"/jobs/{job}/cancel")
    wrong += look_around(phone, f"/reports/{report}", f"/parts/{parts}", f"/inbox/parts_request/{parts}/return")
    phone.go("/inbox")
    open_everything(phone.page)
    wrong += look_at(phone.page, "/inbox unfolded")
    assert not wrong, "\n".join(wrong)


def test_pages_of_finance_and_the_administrator(desk: Phone, server: Server) -> None:
    """The reimbursement list with its figures, a claim, the rule book's figures."""
    desk.sign_in("finance")
    claim = rows(server, "SELECT id FROM expense_claim WHERE state='approved' LIMIT 1")[0][0]
    wrong = look_around(desk, "/reimbursements", f"/expenses/claims/{claim}", "/inbox", "/me")
    desk.context.clear_cookies()
    desk.sign_in("admin")
    wrong += look_around(desk, "/settings", "/settings/areas/expenses", "/settings/expenses.max_days", "/calendar")
    assert not wrong, "\n".join(wrong)
    assert desk.problems == []
