"""A real server, a real Chromium at phone size, and the ways to cut, kill and return."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import BrowserContext, Error, Page, Playwright, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--lang=zh-CN",
]
#: A busy machine is no fault of the product.
expect.set_options(timeout=20_000)

#: A bad network as the page sees it. Playwright's own routes let a request through now and then as its page goes.
CUT = """
const whole = window.fetch;
window.fetch = async (asked, options) => {
  const [how, ...paths] = decodeURIComponent(/(?:^|; )cut=([^;]*)/.exec(document.cookie)?.[1] ?? '').split(' ');
  const { pathname } = new URL(asked.url ?? asked, location.href);
  if (!paths.some((path) => pathname.startsWith(path))) return whole(asked, options);
  if (how === 'answers') await whole(asked, options).catch(() => {});
  throw new TypeError('cut');
};
"""

PASSWORD = "demo-field-2026"  # noqa: S105 - of the demo data


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = str(Path(__file__).parent)
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """A failed browser test leaves a picture of every phone in test-results/."""
    report = yield
    if call.when == "call" and report.failed:  # type: ignore[attr-defined]
        for name, phone in item.funcargs.items():  # type: ignore[attr-defined]
            if isinstance(phone, Phone):
                phone.picture(ROOT / "test-results" / f"{item.name}-{name}.png")
    return report


class Server:
    """The product, started as a person would start it, on demo data."""

    def __init__(self, folder: Path, root: Path = ROOT) -> None:
        self.folder = folder
        self.root = root
        #: Settings beside the usual ones, read at the next start.
        self.settings: dict[str, str] = {}
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        #: The browsers that are open.
        self.phones: list[Phone] = []

    def start(self) -> None:
        environment = {
            **os.environ,
            "FIELDAPP_DATA": str(self.folder),
            "PORT": str(self.port),
            "HOST": "127.0.0.1",
            "PYTHONPATH": str(self.root),
            **self.settings,
        }
        environment.pop("DATABASE_URL", None)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", "wsgi", "serve", "--demo"],
            cwd=self.root,
            env=environment,
            stdout=(self.folder / "server.log").open("ab"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        for _ in range(600):
            try:
                with urllib.request.urlopen(f"{self.url}/healthz", timeout=2) as answer:  # noqa: S310 - our own
                    if answer.status == 200:
                        return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError((self.folder / "server.log").read_text()[-3000:])

    def stop(self) -> None:
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def pause(self, seconds: float = 0.1) -> None:
        """Waits, and lets the browser driver work meanwhile.

        Python code that answers dialogs and routed requests runs only while a call of the driver waits: during
        `time.sleep` a page that asks a question is never answered.
        """
        for phone in self.phones:
            try:
                phone.page.wait_for_timeout(seconds * 1000)
                return
            except Error:  # This page has gone.
                continue
        time.sleep(seconds)

    def flask(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Runs a command of the product on this server's data."""
        environment = {**os.environ, "FIELDAPP_DATA": str(self.folder), "PYTHONPATH": str(ROOT)}
        environment.pop("DATABASE_URL", None)
        return subprocess.run(
            [sys.executable, "-m", "flask", "--app", "wsgi", *words],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )


class Phone:
    """A phone with its own profile, that can lose its signal and be killed."""

    def __init__(self, playwright: Playwright, server: Server, profile: Path, **options: object) -> None:
        self.playwright, self.server, self.profile = playwright, server, profile
        self.options = {
            "viewport": {"width": 360, "height": 780},
            "device_scale_factor": 2,
            "is_mobile": True,
            "has_touch": True,
            "locale": "zh-CN",
            "timezone_id": "Asia/Shanghai",
            "geolocation": {"latitude": 34.7534, "longitude": 113.7229, "accuracy": 20},
            "permissions": ["geolocation"],
            **options,
        }
        self.context: BrowserContext | None = None
        self.problems: list[str] = []
        self.open()

    def open(self) -> Page:
        self.context = self.playwright.chromium.launch_persistent_context(
            str(self.profile), executable_path="/usr/bin/chromium", headless=True, args=FLAGS, **self.options
        )
        self.context.add_init_script(CUT)
        self.page = self.context.pages[0] if self.context.pages else self.context.new_page()
        self._watch(self.page)
        if self not in self.server.phones:
            self.server.phones.append(self)
        return self.page

    def _watch(self, page: Page) -> None:
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: self.problems.append(str(error)))

    def new_tab(self) -> Page:
        assert self.context is not None
        page = self.context.new_page()
        self._watch(page)
        return page

    def kill(self) -> None:
        """SIGKILL for every process of this browser, as the system does when memory runs out."""
        pids = subprocess.run(["pgrep", "-f", str(self.profile)], capture_output=True, text=True, check=False).stdout
        for pid in pids.split():
            if int(pid) != os.getpid():
                try:
                    os.kill(int(pid), signal.SIGKILL)
                except ProcessLookupError:
                    continue
        time.sleep(0.5)
        for lock in self.profile.glob("Singleton*"):
            lock.unlink(missing_ok=True)

    def close(self) -> None:
        if self.context is not None:
            self.server.phones.remove(self)
            self.context.close()
            self.context = None

    def picture(self, path: Path) -> None:
        """What this phone shows now."""
        try:
            self.page.screenshot(path=path, full_page=True)
        except Error:
            path.with_suffix(".txt").write_text("no picture could be taken")

    def offline(self, yes: bool = True) -> None:
        assert self.context is not None
        self.context.set_offline(yes)

    def cut(self, *paths: str, only: str = "requests") -> None:
        """What begins with one of these paths does not arrive until `mend`; with `only="answers"` it does, unheard."""
        assert self.context is not None
        words = quote(" ".join((only, *paths)))
        self.context.add_cookies([{"name": "cut", "value": words, "url": self.server.url}])

    def mend(self) -> None:
        assert self.context is not None
        self.context.clear_cookies(name="cut")

    def go(self, path: str) -> None:
        self.page.goto(self.server.url + path)

    def sign_in(self, username: str) -> None:
        self.go("/login")
        self.page.fill("input[name=username]", username)
        self.page.fill("input[name=password]", PASSWORD)
        self.page.click("main form.login button")
        self.page.wait_for_url(lambda url: "/login" not in url)

    def ready_for_offline(self) -> None:
        """Waits until the service worker controls the page and the pack is complete."""
        self.page.wait_for_function("() => navigator.serviceWorker.controller !== null")
        script = """async () => {
            const kept = await (await caches.open('fieldapp-state')).match('/__state/active');
            return kept !== undefined && Boolean((await kept.json()).pack);
        }"""
        for _ in range(600):
            if self.page.evaluate(script):
                return
            self.page.wait_for_timeout(100)
        raise AssertionError("the pages for offline never came")

    def seen(self, path: str) -> None:
        """Waits until the copy of a page that was just opened is kept beside the pack."""
        script = """async (path) => {
            for (const name of await caches.keys())
                if (name.startsWith('visited-') && await (await caches.open(name)).match(path, {ignoreVary: true}))
                    return true;
            return false;
        }"""
        for _ in range(100):
            if self.page.evaluate(script, path):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"{path} was not kept")


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def phone(playwright: Playwright, server: Server, tmp_path: Path) -> Iterator[Phone]:
    phone = Phone(playwright, server, tmp_path / "phone")
    yield phone
    phone.close()


@pytest.fixture
def another_phone(playwright: Playwright, server: Server, tmp_path: Path) -> Iterator[Phone]:
    phone = Phone(playwright, server, tmp_path / "another-phone")
    yield phone
    phone.close()


@pytest.fixture
def desk(playwright: Playwright, server: Server, tmp_path: Path) -> Iterator[Phone]:
    """A wide screen."""
    desk = Phone(
        playwright,
        server,
        tmp_path / "desk",
        viewport={"width": 1280, "height": 900},
        is_mobile=False,
        has_touch=False,
        device_scale_factor=1,
        accept_downloads=True,
    )
    yield desk
    desk.close()
