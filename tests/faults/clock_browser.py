"""Figure 11, in a browser: clocks that are years off, turned back, or at a change of summer time.

Records keep their order, none is refused for its clock, and typed values stay as typed (failure modes 54, 55).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.sync_api import Browser, Playwright

from fieldapp.kernel import clock
from tests.e2e import steps
from tests.e2e.conftest import FLAGS, PASSWORD, Server
from tests.faults.figures import Figure, Size
from tests.faults.support import phones
from tests.faults.support.saving import SAVE

ZONES = [
    "Asia/Shanghai",
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Pacific/Kiritimati",
]
NOW = datetime.now(UTC)
MOMENTS = [
    NOW - timedelta(days=3 * 365),
    NOW + timedelta(days=3 * 365),
    NOW,
    datetime(2026, 3, 29, 0, 59, 58, tzinfo=UTC),
    datetime(2026, 10, 25, 0, 59, 58, tzinfo=UTC),
]
RECORDS = 3


def run(size: Size) -> Iterator[Figure]:
    """Yield all zones; the short form takes the moments in turn, the long one each moment in each zone."""
    cases = [(zone, moment) for zone in ZONES for moment in MOMENTS]
    if size == "short":
        cases = [(zone, MOMENTS[number % len(MOMENTS)]) for number, zone in enumerate(ZONES)]
    yield phones.figure(lambda playwright, server, folder: _measured(playwright, server, cases))


def _measured(playwright: Playwright, server: Server, cases: list[tuple[str, datetime]]) -> Figure:
    browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", headless=True, args=FLAGS)
    counts = {"misordered": 0, "refused": 0, "changed": 0, "missing": 0}
    for number, (zone, moment) in enumerate(cases):
        token = f"clock{number}"
        _record(browser, server, zone, moment, token)
        for fault, count in _judge(server, zone, token).items():
            counts[fault] += count
    browser.close()
    return Figure(
        "11 clock, browser",
        f"{len(ZONES)} zones, clock ± 3 years, at changes of summer time and turned back in between:"
        f" {len(cases) * RECORDS} records of {len(cases)} phones",
        ", ".join(f"{count} {fault}" for fault, count in counts.items()),
        "0 misordered, 0 refused, 0 changed",
        not any(counts.values()),
    )


def _record(browser: Browser, server: Server, zone: str, moment: datetime, token: str) -> None:
    """Save two records, turn the clock back by an hour, save another one; then send everything."""
    context = browser.new_context(timezone_id=zone, locale="zh-CN", viewport={"width": 360, "height": 780})
    context.clock.install(time=moment)
    page = context.new_page()
    page.goto(f"{server.url}/login")
    page.fill("input[name=username]", "tech1")
    page.fill("input[name=password]", PASSWORD)
    page.click("main form.login button")
    page.wait_for_url(lambda url: "/login" not in url)
    page.goto(server.url + phones.EXPENSE)
    day = clock.today().isoformat()
    for start, count in ((0, RECORDS - 1), (RECORDS - 1, 1)):
        asked = {"token": token, "start": start, "count": count, "photos": False, "day": day}
        page.evaluate(f"(arg) => ({SAVE})(arg)", asked)
        context.clock.set_system_time(moment - timedelta(hours=1))
    sent = "SELECT count(*) FROM receipt WHERE body LIKE ?"
    steps.eventually(server, sent, f'%"{token}-%', expected=RECORDS)
    context.close()


def _judge(server: Server, zone: str, token: str) -> dict[str, int]:
    sql = "SELECT seq, outcome, body FROM receipt WHERE body LIKE ? ORDER BY received_at, seq"
    receipts = steps.rows(server, sql, f'%"{token}-%')
    bodies: list[dict[str, Any]] = [json.loads(body) for _, _, body in receipts]
    notes = [body["data"]["note"] for body in bodies]
    kept = dict(steps.rows(server, "SELECT note, spent_on FROM expense_item WHERE note LIKE ?", f"{token}-%"))
    day = clock.today().isoformat()
    return {
        "misordered": int(notes != sorted(notes)) + int([seq for seq, _, _ in receipts] != [*range(1, RECORDS + 1)]),
        "refused": sum(outcome != "accepted" for _, outcome, _ in receipts),
        "changed": sum(body["at"]["tz"] != zone or body["data"]["spent_on"] != day for body in bodies)
        + sum(spent != day for spent in kept.values()),
        "missing": RECORDS - len(kept),
    }
