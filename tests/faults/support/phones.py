"""A running product, a Chromium and the scripts with which the instruments save, watch and read back."""

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
    """Run it in a thread of its own: a thread that runs Playwright cannot start a second one."""
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(work).result()


def figure(work: Callable[[Playwright, Server, Path], Figure]) -> Figure:
    """Return the result of `work` with a fresh product and browser; both are removed afterwards."""

    def run() -> Figure:
        with product() as (server, folder), sync_playwright() as playwright:
            return work(playwright, server, folder)

    return apart(run)


@contextmanager
def product() -> Iterator[tuple[Server, Path]]:
    """Run the product on demo data, with a folder for phones beside it."""
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        (Path(folder) / "server").mkdir()
        server = Server(Path(folder) / "server")
        try:
            server.start()
            yield server, Path(folder)
        finally:
            server.stop()


def kill(phone: Phone) -> None:
    """Send SIGKILL to this phone's browser and its children; return once none of them runs."""
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
    """Kill the browser if the block takes too long, and report it: a crashing tab may never answer."""
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
    """Return the running processes with this profile on their command line, without zombies."""
    pids = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                if mark in (folder / "cmdline").read_bytes():
                    pids.append(int(folder.name))
            except OSError:
                continue
    return pids


def inventory(page: Page) -> dict[str, Any]:
    """Return the contents of the phone after the engine repaired both stores."""
    for _ in range(600):
        contents: dict[str, Any] | None = page.evaluate(INVENTORY)
        if contents is not None:
            return contents
        page.wait_for_timeout(50)
    raise RuntimeError("the outbox never opened")


class ConsoleLog:
    """Messages of the pages on their console, as `kind value …`."""

    def __init__(self) -> None:
        self.words: dict[str, list[list[str]]] = {}

    def watch(self, page: Page) -> None:
        page.on("console", self._note)

    def _note(self, message: ConsoleMessage) -> None:
        if match := re.match(r"told (\w+) (.*)", message.text):
            self.words.setdefault(match[1], []).append(match[2].split("|"))

    def until_now(self) -> ConsoleLog:
        """Return a copy that receives no further messages."""
        copy = ConsoleLog()
        copy.words = {kind: list(values) for kind, values in self.words.items()}
        return copy

    def of(self, kind: str) -> list[list[str]]:
        return self.words.get(kind, [])
