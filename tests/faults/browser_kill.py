"""Browser killed with SIGKILL while pages save, send and upload; compared with what was shown as saved.

Every save uses the page's own form. "Shown" is what the page displays: the message with the record's number, the line
about the draft, the photo in the list.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from playwright.sync_api import Error, Playwright

from tests.e2e import steps
from tests.e2e.conftest import Server
from tests.faults.figures import Figure, Size
from tests.faults.support import phones
from tests.faults.support.saving import DRAFT, SAVE, Diary, Tally, leave
from tests.faults.support.seeds import seeded

#: Kills per phone: its list grows with every record, and this many keep a kill at two to three seconds.
KILLS_PER_PHONE = 20
LEAST = {"short": (8, 0), "long": (300, 10)}
MOST = {"short": 8, "long": 1200}

#: Keeps the origin's store busy beside the product, because Chromium wipes only what is being written: the more entries
#: its journal gets in a second, the more often a kill tears one, and what is written behind a torn one is its end.
PRESS = """async () => {
  const db = await new Promise((done) => {
    const asked = indexedDB.open("press", 1);
    asked.onupgradeneeded = () => {
      for (const name of "abcd") asked.result.createObjectStore(name, { autoIncrement: true });
    };
    asked.onsuccess = () => done(asked.result);
  });
  const press = async (name) => {
    for (;;) await new Promise((done) => {
      const write = db.transaction(name, "readwrite", { durability: "relaxed" });
      write.objectStore(name).add(1);
      write.oncomplete = write.onabort = done;
    });
  };
  await Promise.all([..."abcd"].map(press));
}"""


def run(size: Size) -> Iterator[Figure]:
    """Yield the figures of kills, then of stores deleted or corrupted by hand."""
    yield phones.figure(lambda playwright, server, folder: _killed(playwright, server, folder, size))
    yield phones.figure(_garbled)


def _killed(playwright: Playwright, server: Server, folder: Path, size: Size) -> Figure:
    seed, chance = seeded("browser_kill")
    tally = Tally()
    kills, wipes = LEAST[size]
    number = 0
    while tally.kills < kills or (tally.wipes < wipes and tally.kills < MOST[size]):
        number += 1
        PhoneRun(playwright, server, folder / f"phone-{number}", f"run{number}", tally).live(
            min(KILLS_PER_PHONE, MOST[size] - tally.kills), chance
        )
        print(f"browser_kill: {tally.kills} kills, {tally.wipes} wipes", flush=True)  # noqa: T201 - an hour's run
    met = tally.faultless and tally.kills >= kills and tally.wipes >= wipes
    return Figure(
        "02 browser kill",
        f"Chromium SIGKILLed {tally.kills:,} times while it saved, sent and uploaded; {tally.saved:,} records,"
        f" {tally.drafts:,} drafts and {tally.photos:,} photos shown as saved; {tally.wipes} IndexedDB wipes",
        tally.faults,
        f"≥ {kills} kills{f' and ≥ {wipes} wipes' if wipes else ''}: 0 lost, doubled, torn, collided",
        met,
        seed,
    )


class PhoneRun(Diary):
    """One phone from the first sign-in until the server has everything that was shown as saved."""

    def __init__(self, playwright: Playwright, server: Server, profile: Path, token: str, tally: Tally) -> None:
        super().__init__(playwright, server, profile, token, tally)
        self.report = f"{steps.next_job(self.phone)}/report"
        self.epoch = phones.inventory(self.phone.page)["ep"]
        # Chromium writes cookies only every half minute; without this each kill would end in a signing in.
        self.cookies = self.phone.context.cookies()

    def live(self, kills: int, chance: random.Random) -> None:
        """Save and be killed `kills` times, then send everything."""
        self.phone.go(phones.EXPENSE)
        for number in range(kills):
            self._save(number * 100_000, chance)
            phones.kill(self.phone)
            self.tally.kills += 1
            self.reopen()
            self._count_wipes()
        self.settle()

    def reopen(self) -> None:
        """Start the browser again on the form; on a busy machine a start may fail for other reasons."""
        for attempt in range(3):
            try:
                self.phone.open()
                self.phone.context.add_cookies(self.cookies)
                return self.phone.go(phones.EXPENSE)
            except Error:
                phones.kill(self.phone)
                if attempt == 2:
                    raise
        return None

    def _save(self, start: int, chance: random.Random) -> None:
        shown = len(self.console.of("saved"))
        self.begin(start)
        pressing = self.phone.new_tab()
        pressing.goto(f"{self.server.url}/healthz")
        leave(pressing, PRESS)
        for _ in range(600):
            if len(self.console.of("saved")) > shown:
                break
            self.phone.page.wait_for_timeout(20)
        self.phone.page.wait_for_timeout(chance.uniform(50, 900))

    def begin(self, start: int) -> None:
        """Start to save in one tab and to type in another, in which the earlier draft was restored."""
        self.console.watch(self.phone.page)
        leave(self.phone.page, SAVE, {"token": self.token, "start": start})
        drafting = self.phone.new_tab()
        drafting.goto(self.server.url + self.report)
        if self.typed:
            drafting.wait_for_function("() => document.querySelector('form[data-draft] textarea').value !== ''")
        self.console.watch(drafting)
        leave(drafting, DRAFT, {"token": self.token, "start": self.typed + 1})

    def _count_wipes(self) -> None:
        there = self.look(self.phone.page)
        if there["ep"] != self.epoch:
            self.epoch = there["ep"]
            self.tally.wipes += 1


def _indexed(profile: Path) -> list[Path]:
    return [path for path in (profile / "Default" / "IndexedDB").glob("*/*") if path.is_file()]


def _cached(profile: Path) -> list[Path]:
    return [path for path in (profile / "Default" / "Service Worker" / "CacheStorage").rglob("*") if path.is_file()]


def _delete(files: list[Path], _: random.Random) -> None:
    for folder in {path.parent for path in files}:
        shutil.rmtree(folder, ignore_errors=True)


def _garble(files: list[Path], chance: random.Random) -> None:
    for path in files:
        path.write_bytes(chance.randbytes(max(1, path.stat().st_size)))


HANDS: list[tuple[str, Callable[[Path], list[Path]], Callable[[list[Path], random.Random], None]]] = [
    ("IndexedDB deleted", _indexed, _delete),
    ("IndexedDB garbled", _indexed, _garble),
    ("Cache Storage deleted", _cached, _delete),
    ("Cache Storage garbled", _cached, _garble),
]


def _garbled(playwright: Playwright, server: Server, folder: Path) -> Figure:
    """Either store is damaged between two starts, with everything still unsent."""
    seed, chance = seeded("browser_kill garbled")
    tally = Tally()
    for number, (_, files, damage) in enumerate(HANDS):
        phone_run = PhoneRun(playwright, server, folder / f"hand-{number}", f"hand{number}", tally)
        phone_run.phone.cut("/sync/")
        phone_run.phone.go(phones.EXPENSE)
        phone_run.begin(0)
        phone_run.phone.page.wait_for_timeout(1500)
        phones.kill(phone_run.phone)
        damage(files(phone_run.phone.profile), chance)
        phone_run.reopen()
        # Photos lie in Cache Storage alone: without it they are gone, and the outbox names them.
        whole = files is _indexed
        phone_run.look(phone_run.phone.page, photos=whole)
        phone_run.drain()
        phone_run.count(photos=whole)
        phone_run.phone.close()
    return Figure(
        "02 garbled",
        f"{', '.join(name for name, _, _ in HANDS)} by hand;"
        f" {tally.saved} records and {tally.drafts} drafts shown as saved",
        tally.faults,
        "0 lost, doubled, torn, collided",
        tally.faultless,
        seed,
    )
