"""From the tap on *send* to *saved on this phone* on the screen, with four photos and no network."""

from __future__ import annotations

import io
import random
from statistics import median
from typing import Any

from PIL import Image
from playwright.sync_api import FilePayload, Page

from benchmarks.harness import Row, at_most, known, percentile
from benchmarks.phone import chromium, phone, ready_for_offline
from benchmarks.served import serving
from benchmarks.world import fill_jobs, world

FORM = "/expenses/new"
PHOTOS = 4
ROUNDS, MORE = 10, 25
BUDGET_MS, BUDGET_TIMES = 150, 3

#: Writes down when the form was sent, when the record lay in both stores, and when the words were on the screen; the
#: words may stand on the page that comes next.
WATCH = """
(() => {
  const now = () => performance.timeOrigin + performance.now();
  const note = (name) => sessionStorage.setItem(name, String(now()));
  addEventListener("submit", () => note("bench-sent"), { capture: true });
  addEventListener("fieldapp:captured", () => note("bench-stored"), { capture: true });
  addEventListener("DOMContentLoaded", () => {
    const toast = document.querySelector("#toast");
    const look = () => {
      if (!toast.textContent || toast.hidden || !sessionStorage.getItem("bench-sent")) return;
      requestAnimationFrame(() => {
        const channel = new MessageChannel();
        channel.port1.onmessage = () => { if (!sessionStorage.getItem("bench-painted")) note("bench-painted"); };
        channel.port2.postMessage(0);
      });
    };
    new MutationObserver(look).observe(toast, { childList: true, attributes: true, characterData: true });
    look();
  });
})();
"""
#: The least there is: one strict write of a record of the same size, then words on the screen. Once begun by a tap, as
#: ours is (after one, Chromium holds everything else back until the next frame), and once right behind a frame.
BARE = """(body) => new Promise((ready) => {
  const open = indexedDB.open("bench-floor", 1);
  open.onupgradeneeded = () => open.result.createObjectStore("ops", { autoIncrement: true });
  open.onsuccess = () => {
    const button = document.createElement("button"), words = document.createElement("p");
    button.id = "bench-bare";
    button.textContent = "bare";
    document.querySelector("main").prepend(button, words);
    const saved = () => new Promise((painted) => {
      const start = performance.now();
      const write = open.result.transaction("ops", "readwrite", { durability: "strict" });
      write.objectStore("ops").add(body);
      write.oncomplete = () => {
        words.textContent += "saved";
        requestAnimationFrame(() => {
          const channel = new MessageChannel();
          channel.port1.onmessage = () => painted(performance.now() - start);
          channel.port2.postMessage(0);
        });
      };
    });
    window.benchTapped = new Promise((done) => button.addEventListener("click", () => done(saved())));
    window.benchUntapped = () => new Promise((done) => {
      requestAnimationFrame(() => setTimeout(() => done(saved())));
    });
    window.benchOver = () => { open.result.close(); button.remove(); words.remove(); };
    ready();
  };
})"""
TIMES = """() => Object.fromEntries(
  ["sent", "stored", "painted"].map((name) => [name, Number(sessionStorage.getItem("bench-" + name))]))"""


#: `(painted, stored, bare, bare without a tap)` in milliseconds, each with one value a round.
Taps = tuple[list[float], list[float], list[float], list[float]]


def run(full: bool = False) -> list[Row]:
    """The real form against the bare write."""
    return _rows(taps(full))


def taps(full: bool) -> Taps:
    """Interleaved in one page: the bare write, then the real form."""
    with world() as made, serving("wsgi:app", made.folder) as server, chromium() as browser:
        fill_jobs(made.bench, 12)
        context = phone(browser, server, made.cookie(made.bench.cast.tech))
        context.add_init_script(WATCH)
        page = context.new_page()
        page.goto(f"{server.url}{FORM}")
        ready_for_offline(page)
        page.goto(f"{server.url}/expenses")
        context.set_offline(True)
        pictures = _pictures()
        rounds = [_round(page, f"{server.url}{FORM}", pictures) for _ in range((MORE if full else ROUNDS) + 1)][1:]
        context.close()
    painted, stored, bare, untapped = (list(values) for values in zip(*rounds, strict=True))
    return painted, stored, bare, untapped


def _round(page: Page, form: str, pictures: list[FilePayload]) -> tuple[float, float, float, float]:
    """`(painted, stored, bare, bare without a tap)` in milliseconds."""
    page.goto(form)
    page.locator("input[name=amount]").fill("46.00")
    page.locator("label:has(input[name=kind])").first.tap()
    page.locator("[data-photos] input[type=file]").first.set_input_files(pictures)
    page.wait_for_function(f"() => document.querySelectorAll('[data-photo-list] > *').length === {PHOTOS}")
    page.wait_for_timeout(600)
    bare, untapped = _bare(page)
    page.evaluate("() => ['sent', 'stored', 'painted'].forEach((name) => sessionStorage.removeItem('bench-' + name))")
    page.locator("form[data-op] .dock button").tap()
    page.wait_for_url("**/expenses")
    page.wait_for_function("() => Number(sessionStorage.getItem('bench-painted')) > 0")
    times: dict[str, Any] = page.evaluate(TIMES)
    return times["painted"] - times["sent"], times["stored"] - times["sent"], bare, untapped


def _bare(page: Page) -> tuple[float, float]:
    """Both floors, in milliseconds."""
    page.evaluate(BARE, "x" * 1500)
    page.locator("#bench-bare").tap()
    tapped = float(page.evaluate("() => window.benchTapped"))
    untapped = float(page.evaluate("() => window.benchUntapped()"))
    page.evaluate("() => window.benchOver()")
    page.wait_for_timeout(100)
    return tapped, untapped


def _rows(taken: Taps) -> list[Row]:
    painted, stored, bare, untapped = taken
    note = f"p50 {median(painted):,.0f} ms; in both stores after {median(stored):,.0f} ms"
    what = f"tap to “saved on this phone” on the screen, {PHOTOS} photos, no network"
    return [
        at_most(f"{what}, p95", percentile(painted, 0.95), BUDGET_MS, " ms", note),
        at_most(
            f"{what}, against a tap, a bare strict write and a word",
            _times(painted, bare),
            BUDGET_TIMES,
            " ×",
            f"p50 {median(bare):,.1f} ms bare",
        ),
        known(
            f"{what}, against the same right behind a frame, without a tap",
            _times(painted, untapped),
            " ×",
            f"p50 {median(untapped):,.1f} ms bare",
        ),
        known("in both stores, p95", percentile(stored, 0.95), " ms", f"bare p95 {percentile(bare, 0.95):,.0f} ms"),
    ]


def _times(ours: list[float], floor: list[float]) -> float:
    return median(one / other for one, other in zip(ours, floor, strict=True))


def _pictures() -> list[FilePayload]:
    """As a phone's camera makes them: large, and never the same."""
    pictures: list[FilePayload] = []
    for number in range(PHOTOS):
        out = io.BytesIO()
        noise = Image.frombytes("RGB", (64, 48), random.Random(number).randbytes(64 * 48 * 3))
        noise.resize((2400, 1800)).save(out, "JPEG", quality=85)
        pictures.append({"name": f"photo-{number}.jpg", "mimeType": "image/jpeg", "buffer": out.getvalue()})
    return pictures
