"""Runs the week: five people act in turn in their own browsers while signal, tabs, browsers and server fail."""

from __future__ import annotations

import random
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Error, Playwright, sync_playwright

from tests.e2e.conftest import Phone, Server
from tests.faults.figures import Figure, Size
from tests.faults.support.phones import apart, product
from tests.faults.support.seeds import seeded
from tests.week import oracle
from tests.week.ledger import Ledger
from tests.week.people import Leader, Person, Technician, settled

WHO: tuple[tuple[str, type[Person]], ...] = (
    ("tech1", Technician),
    ("tech2", Technician),
    ("tech3", Technician),
    ("lead1", Leader),
    ("lead2", Leader),
)


#: Thrown by the browser driver's own script where a page goes while the driver looks for what it will tap.
DRIVER = "root.elementsFromPoint is not a function"


@dataclass(frozen=True)
class Dose:
    """Acts to be tried, and how many seconds they may take at most."""

    acts: int
    seconds: float


DOSES: dict[Size, Dose] = {"short": Dose(acts=60, seconds=150), "long": Dose(acts=600, seconds=2_400)}


@dataclass(frozen=True)
class Played:
    """The figure of a week, and a line for each thing that happened, the most frequent first."""

    figure: Figure
    happened: list[str]


def run(size: Size) -> Played:
    """Play one week against a fresh product."""

    def play() -> Played:
        with product() as (server, folder), sync_playwright() as playwright:
            return _played(playwright, server, folder, DOSES[size])

    return apart(play)


class _Week:
    def __init__(self, playwright: Playwright, server: Server, folder: Path, seed: str, chance: random.Random) -> None:
        self.server, self.chance = server, chance
        self.ledger = Ledger()
        self.lock = threading.Lock()
        self.people: list[Person] = []
        #: Assertions that failed in acts without an accident.
        self.faults: list[str] = []
        for name, kind in WHO:
            phone = Phone(playwright, server, folder / name)
            phone.sign_in(name)
            phone.ready_for_offline()
            person = kind(name, phone, self.ledger, random.Random(f"{seed}:{name}"), folder)
            person.disturb = self._disturb
            self.people.append(person)

    def turn(self) -> None:
        """Let one person do one thing, with their signal coming or going before it."""
        person = self.chance.choice(self.people)
        accidents = self._accidents()
        if self.chance.random() < 0.25:
            person.set_online(not person.online)
            self.ledger.happened["cuts" if not person.online else "signal back"] += 1
        if self.chance.random() < 0.04:
            self.ledger.happened["server kills begun"] += 1
            threading.Thread(target=self._restart, args=(self.chance.random() * 2,)).start()
        try:
            person.act()
        except AssertionError as error:
            # Only what chance did to the phone or its server within this act excuses a wrong screen.
            self.ledger.happened["acts whose screen was wrong"] += 1
            words = f"{person.name}: {(str(error) or 'a step was not possible').splitlines()[0][:200]}"
            if self._accidents() > accidents:
                self.ledger.happened[f"after an accident: {words}"] += 1
            else:
                self.faults.append(words)
        except Error as error:
            # The driver lost its page; what the screen had confirmed by then stays confirmed.
            self.ledger.happened["acts ended by an accident"] += 1
            self.ledger.happened[f"accident: {str(error).splitlines()[0][:120]}"] += 1

    def _accidents(self) -> int:
        """How often a phone or the server was hit so far; a server that is just being killed counts, too."""
        hits = ("cuts", "signal back", "closed tabs", "browser kills", "server kills begun", "server kills")
        return sum(self.ledger.happened[name] for name in hits)

    def _restart(self, pause: float) -> None:
        with self.lock:
            self.server.stop()
            time.sleep(pause)
            self.server.start()
            self.ledger.happened["server kills"] += 1

    def _disturb(self, person: Person) -> None:
        """Between the tap and the answer."""
        lot = self.chance.random()
        if lot < 0.04:
            person.page.wait_for_timeout(self.chance.randrange(0, 120))
            person.close_tab()
            self.ledger.happened["closed tabs"] += 1
        elif lot < 0.06:
            person.page.wait_for_timeout(self.chance.randrange(0, 200))
            person.kill()
            self.ledger.happened["browser kills"] += 1
        elif lot < 0.12:
            person.set_online(not person.online)
            self.ledger.happened["cuts" if not person.online else "signal back"] += 1

    def close(self) -> None:
        """Close every browser."""
        for person in self.people:
            with suppress(Error):
                person.phone.close()


def _played(playwright: Playwright, server: Server, folder: Path, dose: Dose) -> Played:
    seed, chance = seeded("week")
    week = _Week(playwright, server, folder, seed, chance)
    began = time.monotonic()
    acts = 0
    try:
        while acts < dose.acts and time.monotonic() - began < dose.seconds:
            acts += 1
            week.turn()
        with week.lock:
            found = [f"outbox of {one.name} never empty" for one in week.people if not settled(one)]
        found += week.faults
        found += oracle.faults(server, week.ledger)
        found += oracle.screens(playwright, server, week.people, folder)
        desk = Phone(playwright, server, folder / "desk", viewport={"width": 1280, "height": 900}, is_mobile=False)
        found += oracle.money(desk, server)
        desk.close()
        found += [f"{one.name}: {words}" for one in week.people for words in one.phone.problems if DRIVER not in words]
    finally:
        week.close()
    return Played(
        figure_of(week.ledger, found, acts, seed), [f"{n} {what}" for what, n in week.ledger.happened.most_common()]
    )


def figure_of(ledger: Ledger, found: list[str], acts: int, seed: str) -> Figure:
    """The figure of a week. Met only where most records that were sent were confirmed: else little was looked at.

    Acts that sent nothing do not count: how many had nothing to send is chance.
    """
    names = ("cuts", "closed tabs", "browser kills", "server kills", "came back")
    counted = ", ".join(f"{ledger.happened[name]} {name}" for name in names)
    confirmed = len(ledger.entries)
    return Figure(
        key="24 week",
        what="five people in real browsers at once, SQLite",
        measured="; ".join([f"{len(found)} faults", f"{acts} acts, {confirmed} confirmed", counted, *found[:8]]),
        target="0 lost, 0 doubled, 0 at a wrong record, every outbox empty, money equal, no screen untrue",
        met=not found and confirmed > len(ledger.open),
        seed=seed,
    )
