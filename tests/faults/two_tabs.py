"""Figure 5: two tabs and a wake-up of the service worker send the same records at once (failure mode 9)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, Playwright, Request

from tests.e2e.conftest import Server
from tests.faults.figures import Figure, Size
from tests.faults.support import phones
from tests.faults.support.saving import SAVE, Diary, Tally
from tests.faults.support.seeds import seeded

RECORDS = 30
ROUNDS = {"short": 2, "long": 100}
#: The list on the phone grows with every record.
ROUNDS_A_PHONE = 10


def run(size: Size) -> Iterator[Figure]:
    yield phones.figure(lambda playwright, server, folder: _together(playwright, server, folder, ROUNDS[size]))


class Posts:
    """Counter of the records in every post of this browser; posts that fail offline were never sent."""

    def __init__(self, context: BrowserContext) -> None:
        self.records = 0
        context.on("requestfinished", self._note)

    def _note(self, request: Request) -> None:
        if request.url.endswith("/sync/push"):
            self.records += len((request.post_data_json or {"ops": []})["ops"])


def _together(playwright: Playwright, server: Server, folder: Path, rounds: int) -> Figure:
    seed, chance = seeded("two_tabs")
    tally = Tally()
    posted = 0
    for first in range(0, rounds, ROUNDS_A_PHONE):
        diary = Diary(playwright, server, folder / f"phone-{first}", f"tabs{first}", tally)
        diary.phone.ready_for_offline()
        posts = Posts(diary.phone.context)
        second = diary.phone.new_tab()
        second.goto(f"{server.url}/outbox")
        diary.phone.go(phones.EXPENSE)
        diary.console.watch(diary.phone.page)
        for number in range(min(ROUNDS_A_PHONE, rounds - first)):
            diary.phone.offline()
            asked = {"token": diary.token, "start": number * RECORDS, "count": RECORDS, "photos": False}
            diary.phone.page.evaluate(f"(arg) => ({SAVE})(arg)", asked)
            diary.phone.offline(False)
            _everybody(diary.phone.page, second, chance.uniform(0, 30))
            diary.wait_until_sent(diary.phone.page)
        posted += posts.records
        diary.settle()
    wanted = rounds * RECORDS
    effects = tally.saved - len(tally.lost) + len(tally.doubled)
    return Figure(
        "05 two tabs",
        f"two tabs and the service worker's call send at once, {rounds} × {RECORDS} records",
        f"{posted:,} records posted, {effects:,} effects; {tally.faults}",
        f"{wanted:,} posted = {wanted:,} effects",
        tally.faultless and posted == wanted == effects,
        seed,
    )


def _everybody(first: Page, second: Page, pause: float) -> None:
    """Tell both tabs that the network is back, and the worker in between."""
    session = first.context.new_cdp_session(first)
    versions: list[dict] = []
    session.on("ServiceWorker.workerRegistrationUpdated", lambda event: versions.extend(event["registrations"]))
    session.send("ServiceWorker.enable")
    first.wait_for_timeout(pause)
    for registration in versions[:1]:
        session.send(
            "ServiceWorker.dispatchSyncEvent",
            {
                "origin": registration["scopeURL"].rstrip("/"),
                "registrationId": registration["registrationId"],
                "tag": "outbox",
                "lastChance": False,
            },
        )
    for page in (first, second):
        page.evaluate("() => void dispatchEvent(new Event('online'))")
    session.detach()
