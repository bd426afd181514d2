"""A Chromium as a slow phone: throttled processor and line, its own storage, and the moment of its first paint."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, sync_playwright

from benchmarks.served import Served

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LATENCY_MS = 400
BYTES_PER_SECOND = 400_000 / 8
SLOWER = 4
FIRST_PAINT = """() => new Promise((resolve) => {
  const entry = () => performance.getEntriesByName("first-contentful-paint")[0];
  if (entry()) return resolve(entry().startTime);
  new PerformanceObserver((list, observer) => {
    if (entry()) { observer.disconnect(); resolve(entry().startTime); }
  }).observe({ type: "paint", buffered: true });
})"""
#: Whether the worker runs and this person's pack is complete.
READY = """async () => {
  await navigator.serviceWorker.ready;
  const kept = await (await caches.open("fieldapp-state")).match("/__state/active");
  return kept !== undefined && Boolean((await kept.json()).pack);
}"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a screen."""
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path="/usr/bin/chromium", headless=True, args=FLAGS)
        yield browser
        browser.close()


def phone(browser: Browser, server: Served, cookie: str = "") -> BrowserContext:
    """A fresh phone with nothing cached; signed in where a session cookie is given."""
    context = browser.new_context(
        viewport={"width": 360, "height": 780},
        device_scale_factor=2,
        is_mobile=True,
        has_touch=True,
        locale="zh-CN",
        timezone_id="Asia/Shanghai",
    )
    context.set_default_timeout(30_000)
    if cookie:
        context.add_cookies([{"name": "session", "value": cookie, "url": server.url}])
    return context


def slow(page: Page, line: bool = True) -> CDPSession:
    """A processor four times slower, and a line of 400 kbit/s with 400 ms of latency."""
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    if line:
        session.send("Network.enable")
        session.send(
            "Network.emulateNetworkConditions",
            {
                "offline": False,
                "latency": LATENCY_MS,
                "downloadThroughput": BYTES_PER_SECOND,
                "uploadThroughput": BYTES_PER_SECOND,
            },
        )
    return session


def first_paint(page: Page, url: str) -> float:
    """Milliseconds from the start of the visit to the first content on the screen."""
    page.goto(url)
    return float(page.evaluate(FIRST_PAINT))


def ready_for_offline(page: Page) -> None:
    """Waits until this phone has everything for days without signal."""
    for _ in range(300):
        if page.evaluate(READY):
            return
        page.wait_for_timeout(100)
    raise RuntimeError("the pack does not become complete")
