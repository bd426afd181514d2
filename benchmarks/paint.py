"""First paint of the job list against a one-line page: cold on a slow line, and offline from the pack."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from statistics import median

from playwright.sync_api import Browser

from benchmarks.harness import Row, at_most
from benchmarks.phone import chromium, first_paint, phone, ready_for_offline, slow
from benchmarks.served import Served, serving
from benchmarks.world import World, fill_jobs, world

JOBS = 12
COLD, OFFLINE = 7, 11


def run(full: bool = False) -> list[Row]:
    """Both, interleaved with their floors."""
    with world() as made:
        fill_jobs(made.bench, JOBS)
        floor_app = serving("benchmarks.floor:app", made.folder)
        with serving("wsgi:app", made.folder) as server, floor_app as floor, chromium() as browser:
            return [*_cold(browser, made, server, floor), *_offline(browser, made, server, floor)]


def _cold(browser: Browser, made: World, server: Served, floor: Served) -> list[Row]:
    cookie = made.cookie(made.bench.cast.tech)

    def visit(one: Served, path: str, signed: str = "") -> float:
        context = phone(browser, one, signed)
        page = context.new_page()
        slow(page)
        try:
            return first_paint(page, one.url + path)
        finally:
            context.close()

    pairs = _rounds(COLD, lambda: visit(server, "/jobs", cookie), lambda: visit(floor, "/"))
    what = f"first paint of {JOBS} jobs, cold, 400 kbit/s, 400 ms, CPU ÷ 4, against a one-line page"
    return [_row(what, pairs, 1.5)]


def _offline(browser: Browser, made: World, server: Served, floor: Served) -> list[Row]:
    ours, theirs = phone(browser, server, made.cookie(made.bench.cast.tech)), phone(browser, floor)
    urls = [f"{server.url}/jobs", f"{floor.url}/kept"]
    page = ours.new_page()
    page.goto(urls[0])
    ready_for_offline(page)
    page.close()
    page = theirs.new_page()
    page.goto(urls[1])
    page.evaluate(
        "async () => { await navigator.serviceWorker.register('/sw.js'); await navigator.serviceWorker.ready }"
    )
    page.close()

    pages = [context.new_page() for context in (ours, theirs)]
    for context, page, url in zip((ours, theirs), pages, urls, strict=True):
        context.set_offline(True)
        slow(page, line=False)
        page.goto(url)
    if not pages[0].locator("article.card").count():
        raise RuntimeError("the list of jobs is not in the pack")
    visits = [partial(first_paint, page, url) for page, url in zip(pages, urls, strict=True)]
    pairs = _rounds(OFFLINE, *visits)
    for context in (ours, theirs):
        context.close()
    return [_row("offline from the pack, CPU ÷ 4, against a cached one-line page", pairs, 2.5)]


def _rounds(rounds: int, ours: Callable[[], float], floor: Callable[[], float]) -> list[tuple[float, float]]:
    """The first round warms both up and does not count."""
    return [(ours(), floor()) for _ in range(rounds + 1)][1:]


def _row(what: str, pairs: list[tuple[float, float]], limit: float) -> Row:
    ours, floor = (median(values) for values in zip(*pairs, strict=True))
    note = f"{ours:,.0f} against {floor:,.0f} ms"
    return at_most(what, median(a / b for a, b in pairs), limit, " ×", note)
