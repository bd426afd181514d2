"""Figure 4: the service worker stopped, the tab crashed or frozen while it sends; nothing is lost or sent in vain.

The page itself sends, so a stopped worker must not matter; what a crashed or frozen tab leaves, another tab sends
(failure modes 10, 11).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

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


def run(size: Size) -> Iterator[Figure]:
    yield phones.figure(lambda playwright, server, folder: _stopped(playwright, server, folder, ROUNDS[size]))


def _stopped(playwright: Playwright, server: Server, folder: Path, rounds: int) -> Figure:
    seed, chance = seeded("worker_stop")
    tally = Tally()
    done = {kind: 0 for kind in (_stop, _crash, _freeze)}
    for first in range(0, rounds, ROUNDS_A_PHONE):
        diary = Diary(playwright, server, folder / f"phone-{first}", f"stop{first}", tally)
        # Another tab that could send what the first one leaves.
        diary.phone.new_tab().goto(f"{server.url}/outbox")
        page = diary.phone.page
        for number in range(min(ROUNDS_A_PHONE, rounds - first)):
            page = _saving(diary, page, number * 100_000)
            _while_sending(page)
            page.wait_for_timeout(chance.uniform(0, 60))
            kind = (_stop, _crash, _freeze)[number % 3]
            kind(page)
            done[kind] += 1
            if kind is _crash:
                page.close()
                page = diary.phone.new_tab()
                page.goto(server.url + phones.EXPENSE)
            diary.look(page)
        page.close()
        diary.phone.page = diary.phone.new_tab()
        diary.settle()
    what = ", ".join(f"{times} × {str(kind.__doc__).rstrip('.').lower()}" for kind, times in done.items())
    return Figure(
        "04 worker stopped",
        f"in the middle of sending: {what}; {tally.saved:,} records shown as saved",
        tally.faults,
        f"{rounds} rounds: 0 lost, doubled, torn, collided",
        tally.faultless and sum(done.values()) == rounds,
        seed,
    )


def _saving(diary: Diary, page: Page, start: int) -> Page:
    page.goto(diary.server.url + phones.EXPENSE)
    diary.told.watch(page)
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
    """Service worker stopped."""
    session = _session(page)
    session.send("ServiceWorker.enable")
    session.send("ServiceWorker.stopAllWorkers")
    page.wait_for_timeout(200)
    session.detach()


def _crash(page: Page) -> None:
    """Tab crashed."""
    # The command of that name never answers; this address does the same.
    with page.expect_event("crash"), suppress(Error):
        page.goto("chrome://crash")


def _freeze(page: Page) -> None:
    """Tab frozen."""
    session = _session(page)
    session.send("Page.setWebLifecycleState", {"state": "frozen"})
    page.context.pages[1].wait_for_timeout(400)
    session.send("Page.setWebLifecycleState", {"state": "active"})
    session.detach()
