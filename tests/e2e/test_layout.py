"""Pages stand still while they load: what a thumb aims at does not move away (Cumulative Layout Shift)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, Route, expect

from tests.e2e import steps
from tests.e2e.conftest import Phone, Server
from tests.e2e.steps import rows

#: What the web's own measure calls good.
MOST = 0.1

WATCH = """
window.shifts = [];
new PerformanceObserver((list) => {
    for (const one of list.getEntries()) {
        if (!one.hadRecentInput) window.shifts.push({value: one.value, parts: one.sources.map(
            ({node}) => (node?.outerHTML ?? node?.textContent ?? '').slice(0, 80))});
    }
}).observe({type: 'layout-shift', buffered: true});
"""


@pytest.fixture
def slow(playwright: Playwright, server: Server, tmp_path: Path) -> Iterator[Phone]:
    """A slow phone on its first visit: the page is painted before its script has come."""
    phone = Phone(playwright, server, tmp_path / "slow", service_workers="block")
    yield phone
    phone.close()


def _shifts(phone: Phone, address: str) -> list[dict]:
    page = phone.page
    held: list[Route] = []
    painted = False

    def script(route: Route) -> None:
        if painted:
            route.continue_()
        else:
            held.append(route)

    page.route("**/static/dist/*.js", script)
    page.goto(phone.server.url + address, wait_until="commit")
    page.wait_for_function("() => performance.getEntriesByName('first-contentful-paint').length > 0")
    painted = True
    for route in held:
        route.continue_()
    expect(page.locator("#sync-chip:not(.calm) [data-chip-text]")).not_to_be_empty()
    page.wait_for_load_state("networkidle")
    page.unroute("**/static/dist/*.js", script)
    shifts: list[dict] = page.evaluate("() => window.shifts")
    return shifts


def moved(phone: Phone, *addresses: str) -> list[str]:
    """The pages that move more than they may, with what moved."""
    assert phone.context is not None
    phone.context.add_init_script(WATCH)
    session = phone.context.new_cdp_session(phone.page)
    session.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    wrong = []
    for address in addresses:
        shifts = _shifts(phone, address)
        total = sum(one["value"] for one in shifts)
        if total >= MOST:
            wrong.append(f"{address} {total:.3f}: {shifts}")
    return wrong


def test_pages_of_a_technician_stand_still(slow: Phone) -> None:
    slow.sign_in("tech1")
    job = steps.next_job(slow)
    pages = ("/jobs", job, f"{job}/report", "/expenses/new", "/parts/new", "/expenses", "/expenses/claims/new")
    wrong = moved(slow, *pages, "/parts", "/inbox", "/add", "/outbox", "/me", "/me/devices")
    assert not wrong, "\n".join(wrong)


def test_pages_of_a_leader_stand_still(slow: Phone, server: Server) -> None:
    slow.sign_in("lead1")
    group = 'group_id=(SELECT id FROM "group" ORDER BY id LIMIT 1)'
    job = rows(server, f"SELECT id FROM job WHERE {group} ORDER BY received_at DESC LIMIT 1")[0][0]  # noqa: S608
    report = rows(server, "SELECT id FROM service_report WHERE state='submitted' LIMIT 1")[0][0]
    forms = (f"/jobs/{job}/dispatch", f"/jobs/{job}/change", f"/jobs/{job}/cancel")
    wrong = moved(slow, "/jobs", f"/jobs/{job}", *forms, "/inbox", "/inbox/done", "/reports", f"/reports/{report}")
    assert not wrong, "\n".join(wrong)


def test_pages_of_finance_stand_still(slow: Phone) -> None:
    slow.sign_in("finance")
    wrong = moved(slow, "/reimbursements", "/inbox", "/me", "/outbox")
    assert not wrong, "\n".join(wrong)
