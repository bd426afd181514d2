"""A product, a Chromium and the scripts with which the instruments here save, watch and read back."""

from __future__ import annotations

import os
import re
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Timer
from typing import Any, TypeVar

from playwright.sync_api import ConsoleMessage, Page, Playwright, sync_playwright

from tests.e2e.conftest import Phone, Server
from tests.faults.figures import Figure

T = TypeVar("T")
EXPENSE = "/expenses/new"
#: Opens without ever making a database: an empty one would stand in the engine's way.
READ = """
const opened = (name) => new Promise((yes, no) => {
  const asked = indexedDB.open(name);
  asked.onupgradeneeded = () => asked.transaction.abort();
  asked.onsuccess = () => yes(asked.result);
  asked.onerror = () => yes(null);
});
const got = (asked) => new Promise((yes, no) => {
  asked.onsuccess = () => yes(asked.result);
  asked.onerror = () => no(asked.error);
});
const user = document.documentElement.dataset.user;
const hex = async (bytes) => [...new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))]
  .map((one) => one.toString(16).padStart(2, "0")).join("");
"""
#: Everything that lies on the phone, with its own hashes worked out anew; null until the engine has opened.
INVENTORY = f"""async () => {{ {READ}
  const db = await opened(`fieldapp-u-${{user}}`);
  if (!db) return null;
  const from = db.transaction(["ops", "drafts", "attachments", "meta"]);
  const [ops, drafts, atts, ep, next] = await Promise.all([
    got(from.objectStore("ops").getAll()), got(from.objectStore("drafts").getAll()),
    got(from.objectStore("attachments").getAll()), got(from.objectStore("meta").get("ep")),
    got(from.objectStore("meta").get("next_seq")),
  ]);
  db.close();
  if (ep === undefined) return null;
  const mirror = {{ op: [], att: [], draft: [] }};
  const store = await caches.open(`outbox-${{user}}`);
  for (const request of await store.keys()) {{
    const [, shelf, id] = /__outbox\\/(\\w+)\\/(.+)$/.exec(request.url);
    const found = await store.match(request);
    if (!mirror[shelf] || !found) continue;
    const bytes = await found.arrayBuffer();
    const said = found.headers.get("X-Sha256");
    mirror[shelf].push({{
      id: decodeURIComponent(id), said, sha256: await hex(bytes),
      body: shelf === "att" ? "" : new TextDecoder().decode(bytes),
    }});
  }}
  for (const op of ops) op.real = await hex(new TextEncoder().encode(op.body));
  return {{ ops, drafts, atts, ep, next, mirror }};
}}"""


def apart(work: Callable[[], T]) -> T:
    """Runs it in a thread of its own, because a thread that already runs a Playwright cannot start another."""
    with ThreadPoolExecutor(1) as one:
        return one.submit(work).result()


def figure(work: Callable[[Playwright, Server, Path], Figure]) -> Figure:
    """What `work` finds with a fresh product and a browser; both are gone afterwards."""

    def run() -> Figure:
        with product() as (server, folder), sync_playwright() as playwright:
            return work(playwright, server, folder)

    return apart(run)


@contextmanager
def product() -> Iterator[tuple[Server, Path]]:
    """The product on demo data, and a folder beside it for phones."""
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        (Path(folder) / "server").mkdir()
        server = Server(Path(folder) / "server")
        try:
            server.start()
            yield server, Path(folder)
        finally:
            server.stop()


def kill(phone: Phone) -> None:
    """SIGKILL for the whole tree of this phone's browser; returns as soon as nothing of it runs any more."""
    mark = str(phone.profile).encode()
    while pids := _running(mark):
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.02)
    for lock in phone.profile.glob("Singleton*"):
        lock.unlink(missing_ok=True)


@contextmanager
def limited(phone: Phone, seconds: float) -> Iterator[Event]:
    """Kills the browser where the block takes longer, and says so: a tab that goes down may never answer."""
    struck = Event()

    def strike() -> None:
        struck.set()
        kill(phone)

    timer = Timer(seconds, strike)
    timer.start()
    try:
        yield struck
    finally:
        timer.cancel()


def _running(mark: bytes) -> list[int]:
    """Processes with this profile on their command line; one that is dead and not yet collected has none."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                if mark in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
            except OSError:
                continue
    return found


def inventory(page: Page) -> dict[str, Any]:
    """What lies on the phone, once the engine has put both stores in order."""
    for _ in range(600):
        found: dict[str, Any] | None = page.evaluate(INVENTORY)
        if found is not None:
            return found
        page.wait_for_timeout(50)
    raise RuntimeError("the outbox never opened")


class Told:
    """What the pages said on their console, as `kind value …`."""

    def __init__(self) -> None:
        self.words: dict[str, list[list[str]]] = {}

    def watch(self, page: Page) -> None:
        page.on("console", self._note)

    def _note(self, message: ConsoleMessage) -> None:
        if found := re.match(r"told (\w+) (.*)", message.text):
            self.words.setdefault(found[1], []).append(found[2].split("|"))

    def until_now(self) -> Told:
        """A copy that hears nothing more."""
        copy = Told()
        copy.words = {kind: list(said) for kind, said in self.words.items()}
        return copy

    def of(self, kind: str) -> list[list[str]]:
        return self.words.get(kind, [])
