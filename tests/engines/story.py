"""What is played in every engine: a day without a signal, and a person who leaves each page before it is ready."""

from __future__ import annotations

import base64
import random
import time
from contextlib import suppress
from dataclasses import dataclass

from tests.e2e.conftest import PASSWORD, Server
from tests.e2e.steps import CAUSE, CUSTOMER, FAULT, WORK, jpeg_bytes, rows
from tests.engines.drivers import Browser, Failed

#: The pages a technician goes to and fro between.
PAGES = ("/jobs", "/outbox", "/expenses/new", "/expenses", "/parts/new")
TOAST = "document.querySelector('#toast:not([hidden])')?.textContent.match(/[A-Z][A-Z0-9]-\\d{4,}/)?.[0]"
#: The chip's words for: nothing waits.
SYNCED = """
document.querySelector('#sync-chip [data-chip-text]')?.textContent ===
  document.querySelector('#texts')?.content.querySelector('[data-text="chip.synced"]').textContent
"""
#: A page counts as alive when a read of the phone's own database ends.
ALIVE = """
new Promise((yes, no) => {
  setTimeout(() => no('the database does not answer'), 5000);
  const asked = indexedDB.open(`fieldapp-u-${document.documentElement.dataset.user}`);
  asked.onsuccess = () => {
    const read = asked.result.transaction('ops', 'readwrite').objectStore('ops').count();
    read.onsuccess = () => { asked.result.close(); yes(1 + read.result); };
  };
})
"""
READY = """
(async () => {
  const state = await (await caches.open('fieldapp-state')).match('/__state/active');
  return navigator.serviceWorker.controller && state && (await state.json()).pack;
})()
"""
ATTACH = """
(() => {
  const bytes = Uint8Array.from(atob(given[1]), (c) => c.charCodeAt(0));
  const files = new DataTransfer();
  files.items.add(new File([bytes], 'photo.jpg', {type: 'image/jpeg'}));
  const input = document.querySelector(`[data-photos][data-role="${given[0]}"] input[type=file]`);
  input.files = files.files;
  input.dispatchEvent(new Event('change', {bubbles: true}));
})()
"""
NO_PLACE = "void (navigator.geolocation.getCurrentPosition = (yes, no) => no({code: 1, PERMISSION_DENIED: 1}))"
FILL = """
(() => {
  for (const [name, value] of Object.entries(given[0])) {
    const field = document.querySelector(`[name="${name}"]`);
    field.value = value;
    field.dispatchEvent(new Event('input', {bubbles: true}));
  }
})()
"""


def photo() -> str:
    return base64.b64encode(jpeg_bytes()).decode()


@dataclass
class Hand:
    """One person on one browser."""

    browser: Browser
    server: Server

    def open(self, path: str) -> None:
        self.browser.go(self.server.url + path)
        self.browser.until(
            "location.pathname + location.search === given[0] && document.readyState === 'complete'", path
        )

    def sign_in(self, username: str = "tech1") -> None:
        self.open("/login")
        self.browser.script(FILL, {"username": username, "password": PASSWORD})
        self.browser.script("document.querySelector('main form.login button').click()")
        self.browser.until("location.pathname !== '/login' && document.documentElement.dataset.user")
        self.browser.until(READY, seconds=90)

    def fill(self, **fields: str) -> None:
        self.browser.script(FILL, fields)

    def choose(self, name: str, value: str) -> None:
        self.browser.script(
            'document.querySelector(`input[name="${given[0]}"][value="${given[1]}"]`).click()', name, value
        )

    def attach(self, role: str) -> None:
        self.browser.script(ATTACH, role, photo())
        self.browser.until('document.querySelector(`[data-role="${given[0]}"] [data-photo-list] > li`) !== null', role)

    def tap(self, kind: str) -> None:
        """Taps a step of the visit and waits until the next one has taken its place."""
        form = f'form[data-op="{kind}"] button'
        # Nobody is there to answer the question for the place; a record waits twelve seconds for the answer.
        self.browser.script(NO_PLACE)
        self.browser.until("document.querySelector(given[0]) !== null", form)
        self.browser.script("document.querySelector(given[0]).click()", form)
        self.browser.until("!document.querySelector(given[0])?.checkVisibility()", form)

    def save(self, kind: str) -> str:
        """Presses *send* and returns the reference that the words *saved on this phone* name."""
        self.browser.script("document.querySelector(given[0]).click()", f'form[data-op="{kind}"] .dock button')
        ref = str(self.browser.until(TOAST))
        # The word comes before the page changes; the form stays busy until then.
        self.browser.until("!document.querySelector('form[aria-busy=true]') && document.readyState === 'complete'")
        return ref

    def spend(self, amount: str, *, with_photo: bool) -> str:
        self.open("/expenses/new")
        self.fill(amount=amount)
        self.choose("kind", "local_transport")
        if with_photo:
            self.attach("receipt")
        return self.save("expense_item.capture")

    def arrived(self) -> None:
        """Waits until nothing waits any more, and the outbox says so, too."""
        self.open("/outbox")
        self.browser.until(SYNCED, seconds=90)
        self.browser.until("document.querySelectorAll('[data-outbox-group=unsent] li').length === 0")


def receipts(server: Server) -> list[str]:
    return sorted(str(row[0]) for row in rows(server, "SELECT kind FROM receipt WHERE outcome='accepted'"))


def offline_day(browser: Browser, server: Server) -> None:
    """Arrival, start, report with photo and signature, an expense; the server is dead from the first tap on."""
    hand = Hand(browser, server)
    hand.sign_in()
    before = receipts(server)
    hand.open("/jobs")
    job = str(browser.until("document.querySelector('.card.next h2 a')?.getAttribute('href')"))
    hand.open(job)
    server.stop()
    browser.reload()
    for kind in ("visit.set_out", "visit.arrive", "visit.start"):
        hand.tap(kind)
    hand.open(f"{job}/report")
    hand.choose("result", "solved")
    hand.fill(fault=FAULT, cause=CAUSE, work=WORK, labour_minutes="45", customer_name=CUSTOMER)
    hand.choose("satisfaction", "5")
    hand.attach("photo")
    browser.until("document.querySelector('[data-signature] canvas')?.style.touchAction === 'none'")
    browser.draw("[data-signature] canvas")
    browser.until("document.querySelector('[name=signature]').value !== ''")
    hand.save("service_report.submit")
    hand.spend("46.00", with_photo=True)
    hand.open("/outbox")
    browser.reload()
    browser.until("document.querySelectorAll('[data-outbox-group=unsent] li').length === 5")
    server.start()
    hand.arrived()
    new = receipts(server)
    for kind in before:
        new.remove(kind)
    wanted = ["expense_item.capture", "service_report.submit", "visit.arrive", "visit.set_out", "visit.start"]
    if new != wanted:
        raise Failed(f"received {new}")
    photos = rows(server, "SELECT COUNT(*) FROM attachment WHERE state='stored'")[0][0]
    if photos < 2:
        raise Failed(f"{photos} photos received")


@dataclass
class Count:
    """How many pages were asked whether their database answers, and how many said yes."""

    asked: int = 0
    alive: int = 0


def hurry(browser: Browser, server: Server, times: int, chance: random.Random, count: Count) -> None:
    """Leaves page after page 0.3 to 0.6 s after it was asked for; then saving must work with a signal and without."""
    hand = Hand(browser, server)
    hand.sign_in()
    for turn in range(times):
        with suppress(Failed):  # the page may be going just now
            if turn % 7 == 6:
                browser.script("void setTimeout(() => history.back())")
            else:
                browser.script("void setTimeout(() => location.assign(given[0]))", chance.choice(PAGES))
        time.sleep(chance.uniform(0.3, 0.6))
        if turn % 5 == 4:
            count.asked += 1
            with suppress(Failed):
                count.alive += bool(browser.until(ALIVE, seconds=10))
    before = len(receipts(server))
    hand.spend("11.00", with_photo=True)
    hand.arrived()
    server.stop()
    hand.spend("12.00", with_photo=True)
    server.start()
    hand.arrived()
    if (new := len(receipts(server)) - before) != 2:
        raise Failed(f"{new} records received instead of 2")
