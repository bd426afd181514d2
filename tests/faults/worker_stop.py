"""Figure 4: the service worker stops, or the tab crashes or freezes while sending; nothing is lost.

The page itself sends, so a stopped worker must not matter; another tab sends what a crashed or frozen tab leaves
(failure modes 10, 11).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from playwright.sync_api import CDPSession, Error, Page, Playwright
from playwright.sync_api import TimeoutError as TooLong

from tests.e2e.conftest import Server
from tests.faults.figures import Figure, Size
from tests.faults.support import phones
from tests.faults.support.saving import SAVE, Diary, Tally, leave
from tests.faults.support.seeds import seeded

ROUNDS = {"short": 6, "long": 200}
#: The list on the phone grows with every record.
ROUNDS_A_PHONE = 50
#: Ten times what a round takes.
PATIENCE = 60


def run(size: Size) -> Iterator[Figure]:
    yield phones.figure(lambda playwright, server, folder: _stopped(playwright, server, folder, ROUNDS[size]))


def _stopped(playwright: Playwright, server: Server, folder: Path, rounds: int) -> Figure:
    seed, chance = seeded("worker_stop")
    tally = Tally()
    done = {kind: 0 for kind in (_stop, _crash, _freeze)}
    stuck = 0
    for first in range(0, rounds, ROUNDS_A_PHONE):
        diary = Diary(playwright, server, folder / f"phone-{first}", f"stop{first}", tally)
        # Another tab that could send what the first one leaves.
        diary.phone.new_tab().goto(f"{server.url}/outbox")
        cookies = diary.phone.context.cookies()
        page = diary.phone.page
        for number in range(min(ROUNDS_A_PHONE, rounds - first)):
            kind = (_stop, _crash, _freeze)[number % 3]
            done[kind] += 1
            try:
                with phones.limited(diary.phone, PATIENCE) as struck:
                    page = _round(diary, page, number, kind, chance.uniform(0, 60))
            except Error:
                if not struck.is_set():
                    raise
                stuck += 1
                page = _started_again(diary, cookies)
        page.close()
        diary.phone.page = diary.phone.new_tab()
        diary.settle()
    what = ", ".join(f"{times} × {str(kind.__doc__).rstrip('.').lower()}" for kind, times in done.items())
    return Figure(
        "04 worker stopped",
        f"in the middle of sending: {what}; {tally.saved:,} records shown as saved"
        + (f"; {stuck} × the browser did not answer any more and was killed" if stuck else ""),
        tally.faults,
        f"{rounds} rounds: 0 lost, doubled, torn, collided",
        tally.faultless and sum(done.values()) == rounds,
        seed,
    )


def _round(diary: Diary, page: Page, number: int, kind: Callable[[Page], None], after: float) -> Page:
    """Save, interrupt the tab while it sends, and return the tab that goes on."""
    page = _saving(diary, page, number * 100_000)
    _while_sending(page)
    page.wait_for_timeout(after)
    kind(page)
    if kind is _crash:
        page.close()
        page = diary.phone.new_tab()
        page.goto(diary.server.url + phones.EXPENSE)
    diary.look(page)
    return page


def _started_again(diary: Diary, cookies: list[Any]) -> Page:
    """Restart the browser after a kill: everything shown as saved is still there."""
    page = diary.phone.open()
    diary.phone.context.add_cookies(cookies)
    page.goto(diary.server.url + phones.EXPENSE)
    diary.phone.new_tab().goto(f"{diary.server.url}/outbox")
    diary.look(page)
    return page


def _saving(diary: Diary, page: Page, start: int) -> Page:
    page.goto(diary.server.url + phones.EXPENSE)
    diary.console.watch(page)
    leave(page, SAVE, {"token": diary.token, "start": start})
    return page


def _while_sending(page: Page) -> None:
    try:
        page.wait_for_event("request", lambda request: request.url.endswith("/sync/push"), timeout=10_000)
    except TooLong:
        # The other tab had the sender's lock; it sends at this moment.
        return


def _session(page: Page) -> CDPSession:
    return page.context.new_cdp_session(page)


def _stop(page: Page) -> None:
    """Stop the service worker."""
    session = _session(page)
    session.send("ServiceWorker.enable")
    session.send("ServiceWorker.stopAllWorkers")
    page.wait_for_timeout(200)
    session.detach()


def _crash(page: Page) -> None:
    """Crash the tab."""
    # The command of that name never answers; this address does the same.
    with page.expect_event("crash"), suppress(Error):
        page.goto("chrome://crash")


def _freeze(page: Page) -> None:
    """Freeze the tab."""
    session = _session(page)
    session.send("Page.setWebLifecycleState", {"state": "frozen"})
    page.context.pages[1].wait_for_timeout(400)
    session.send("Page.setWebLifecycleState", {"state": "active"})
    session.detach()
