"""New builds, a broken worker that is called back, and a proxy whose server is gone: nothing typed or kept is lost."""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Error, Page, Playwright, Route, expect

from tests.e2e import steps
from tests.e2e.conftest import ROOT, Phone, Server
from tests.e2e.steps import eventually, rows

EXPENSE = "form[data-op='expense_item.capture']"
BAD_GATEWAY = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
COUNT = "SELECT count(*) FROM expense_item WHERE amount=?"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The product in a folder of its own, so that another build can be put there."""
    root = tmp_path_factory.mktemp("release")
    for name in ("fieldapp", "templates", "migrations", "static/dist", "static/icons"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "wsgi.py", root)
    server = Server(tmp_path_factory.mktemp("server"), root)
    server.start()
    yield server
    server.stop()


def deploy_another_build(server: Server) -> str:
    """The same client under other names, as a build after a change has them; returns the page script's old name."""
    dist = server.root / "static" / "dist"
    renamed = {}
    for path in dist.glob("*.js"):
        if path.name.startswith(("app-", "photos-")):
            renamed[path.name] = re.sub(r"-.*", "-SECOND01.js", path.name)
    server.stop()
    for path in (*dist.glob("*.js"), dist / "manifest.json"):
        content = text = path.read_text()
        for old, new in renamed.items():
            text = text.replace(old, new)
        if path.name == "manifest.json":
            text = re.sub(r'("build": ")[^"]+', r"\1second", text)
        if text != content or path.name in renamed:
            path.unlink()
            path.with_name(path.name + ".br").unlink()
            path.with_name(renamed.get(path.name, path.name)).write_text(text)
    server.start()
    return next(old for old in renamed if old.startswith("app-"))


def type_expense(page: Page, amount: str) -> None:
    page.fill("[name=amount]", amount)
    steps.choose(page, "kind", "parking")
    page.fill("[name=note]", steps.WORK)
    expect(page.locator("[data-draft-note]")).to_be_visible()


def keep_expense(page: Page) -> None:
    page.locator(f"{EXPENSE} .dock button").click()
    expect(page).to_have_url(re.compile("/expenses$"))


#: For an init script: which calls about service workers the page has made that were answered.
CALLS = """
window.answered = [];
for (const name of window.ServiceWorkerContainer ? ['register', 'getRegistration'] : []) {
  const call = ServiceWorkerContainer.prototype[name];
  ServiceWorkerContainer.prototype[name] = async function (...asked) {
    const answer = await call.apply(this, asked);
    window.answered.push(name);
    return answer;
  };
}
"""


class Proxy(BaseHTTPRequestHandler):
    """Whatever it is asked, the one behind it does not answer."""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.send_response(502)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(BAD_GATEWAY)))
        self.end_headers()
        self.wfile.write(BAD_GATEWAY.encode())

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def proxy_at(port: int) -> ThreadingHTTPServer:
    for _ in range(100):
        try:
            return ThreadingHTTPServer(("127.0.0.1", port), Proxy)
        except OSError:  # The last process of the product is still going.
            time.sleep(0.1)
    raise AssertionError("the port was never free")


@contextmanager
def only_a_proxy(server: Server) -> Iterator[None]:
    """A proxy still answers at the address, but the product behind it does not run."""
    server.stop()
    try:
        proxy = proxy_at(server.port)
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield
        proxy.shutdown()
        proxy.server_close()
    finally:
        server.start()


def test_a_proxy_without_its_server(phone: Phone, server: Server, tmp_path: Path) -> None:
    """Its page of error never takes a page's place nor counts as received (failure modes 14, 19, 20, 21)."""
    phone.sign_in("tech1")
    phone.ready_for_offline()
    page = phone.page
    phone.go("/expenses/new")
    type_expense(page, "71.01")
    steps.add_photos(page, "receipt", steps.picture(tmp_path, "ticket.jpg"))
    with only_a_proxy(server):
        page.reload()
        expect(page.locator("[name=amount]")).to_have_value("71.01")
        expect(page.locator("[data-photo-list] > li")).to_have_count(1)
        keep_expense(page)
        expect(page.locator("#open-items li.pending", has_text="71.01")).to_have_count(1)
        phone.go("/outbox")
        page.locator("[data-act=send_all]").click()
        expect(page.locator('[data-outbox-group="unsent"] li')).to_have_attribute("data-state", "saved")
        phone.go("/jobs")
        expect(page.locator(".card.next")).to_have_count(1)
    eventually(server, COUNT, 7101, expected=0)
    phone.go("/outbox")
    expect(page.locator('[data-outbox-group="delivered"] li')).to_have_count(1, timeout=30_000)
    assert rows(server, COUNT, 7101) == [(1,)]
    assert phone.problems == []


def test_a_bad_fragment_does_not_replace_a_form(playwright: Playwright, server: Server, tmp_path: Path) -> None:
    """A part that is fetched again and comes as a proxy's page of error: said, and what was typed stays (failure
    modes 18, 19).
    """
    # Without a service worker, so that what the page asks for can be answered here.
    phone = Phone(playwright, server, tmp_path / "lead", service_workers="block")
    phone.sign_in("lead1")
    page = phone.page
    phone.go("/inbox")
    card = page.locator("#_inbox li.card", has=page.locator('form[data-op="service_report.return"]')).last
    case = f"#{card.get_attribute('id')}"
    page.locator(f"{case} summary").first.click()
    page.fill(f"{case} textarea", "photo of the label missing")

    def answer(route: Route) -> None:
        if route.request.headers.get("hx-request"):
            route.fulfill(status=502, content_type="text/html", body=BAD_GATEWAY)
        else:
            route.continue_()

    # Decided without a signal; once the page shows that and the record was received, the page asks for its part.
    phone.cut("/sync/push")
    other = page.locator(f"#_inbox li.card:not({case})", has=page.locator("form[data-op$='.approve']")).first
    decided = f"#{other.get_attribute('id')}"
    other.locator("form[data-op$='.approve'] button").first.click()
    expect(page.locator(f"{decided} form")).to_have_count(0)
    expect(page.locator(f"{case} textarea")).to_have_value("photo of the label missing")
    page.route("**/inbox", answer)
    # A list is not drawn anew while what was decided in it stands before the reader.
    page.evaluate("() => scrollTo(0, document.body.scrollHeight)")
    phone.mend()
    with page.expect_response(lambda one: one.url.endswith("/inbox") and one.status == 502, timeout=40_000):
        page.evaluate("() => dispatchEvent(new Event('online'))")
    expect(page.locator("#toast")).to_contain_text(re.compile("[\u4e00-\u9fff]"))
    expect(page.locator(f"{case} textarea")).to_have_value("photo of the label missing")
    expect(page.locator("body")).not_to_contain_text("502")
    phone.close()


def test_a_new_build_under_an_open_form(phone: Phone, server: Server, tmp_path: Path) -> None:
    """The new version waits until nobody writes; what was begun with the old one is sent (failure modes 58, 59)."""
    phone.sign_in("tech1")
    phone.ready_for_offline()
    page = phone.page
    phone.go("/expenses/new")
    type_expense(page, "72.02")
    page.evaluate("() => { window.stayed = true; }")
    old = deploy_another_build(server)

    page.evaluate("async () => (await navigator.serviceWorker.getRegistration()).update()")
    steps.until(page, "async () => (await navigator.serviceWorker.getRegistration()).waiting !== null")
    # Another tab opens, with the new page and the old worker: it must not bring the new one in.
    second = phone.new_tab()
    second.add_init_script(CALLS)
    second.clock.install()
    second.goto(server.url + "/jobs")
    expect(second.locator("html")).to_have_attribute("data-build", "second")
    second.wait_for_function("() => window.answered.includes('register')")
    # It tries three times within ten seconds, which pass at once.
    second.clock.run_for(11_000)
    second.evaluate("async () => (await navigator.serviceWorker.getRegistration()).update()")
    assert page.evaluate("async () => (await navigator.serviceWorker.getRegistration()).waiting !== null")
    second.close()

    # The form goes on with its own scripts, those it loads late too: the server does not have them any more.
    assert page.evaluate("() => window.stayed")
    expect(page.locator("[name=amount]")).to_have_value("72.02")
    page.reload()
    expect(page.locator("[name=amount]")).to_have_value("72.02")
    steps.add_photos(page, "receipt", steps.picture(tmp_path, "ticket.jpg"))
    keep_expense(page)
    eventually(server, COUNT, 7202, expected=1)
    steps.wait_all_received(phone)

    # Nobody writes now: the next page brings the new version in, and works without a signal.
    phone.go("/jobs")
    steps.until(page, "async () => (await navigator.serviceWorker.getRegistration()).waiting === null")
    names = "async (name) => (await (await caches.open(name)).keys()).map((one) => one.url.split('/').pop())"
    steps.until(page, f"async () => (await ({names})('precache')).includes('app-SECOND01.js')")
    steps.until(page, f"async (old) => (await ({names})('assets-previous')).includes(old)", old)
    phone.offline()
    page.reload()
    expect(page.locator(".card.next")).to_have_count(1)
    phone.go("/expenses/new")
    type_expense(page, "73.03")
    keep_expense(page)
    phone.offline(False)
    eventually(server, COUNT, 7303, expected=1)
    assert phone.problems == []


def test_the_kill_switch(phone: Phone, server: Server) -> None:
    """A worker that must go goes, and leaves every unsent record alone (failure modes 36, 61)."""
    phone.sign_in("tech2")
    phone.ready_for_offline()
    page = phone.page
    phone.offline()
    phone.go("/expenses/new")
    type_expense(page, "74.04")
    keep_expense(page)
    before = steps.ops_on_phone(page)
    assert [one["state"] for one in before] == ["saved"]

    server.stop()
    server.settings["FIELDAPP_SW_KILL"] = "1"
    server.start()
    # Nothing may leave yet: what is looked at is what the change of workers does to it.
    phone.cut("/sync/push")
    phone.offline(False)
    phone.go("/outbox")
    gone = "async () => (await navigator.serviceWorker.getRegistration()) === undefined"
    steps.until(page, gone)
    # It stays gone: a page that registers brings one that is just going back to life.
    page.add_init_script(CALLS)
    phone.go("/jobs")
    page.wait_for_function("() => window.answered.length > 0")
    assert "register" not in page.evaluate("() => window.answered")
    assert page.evaluate(gone)
    # It answers nothing any more.
    phone.offline()
    with pytest.raises(Error, match="INTERNET_DISCONNECTED"):
        phone.go("/outbox")
    phone.offline(False)
    phone.go("/outbox")
    expect(page.locator('[data-outbox-group="unsent"] li')).to_have_count(1)
    after = steps.ops_on_phone(page)
    assert [(one["op"], one["sha256"], one["body"]) for one in after] == [
        (one["op"], one["sha256"], one["body"]) for one in before
    ]
    assert page.evaluate("async () => (await caches.keys()).some((name) => name.startsWith('outbox-'))")

    phone.mend()
    page.reload()
    eventually(server, COUNT, 7404, expected=1)
    expect(page.locator('[data-outbox-group="delivered"] li')).to_have_count(1)

    # Called back: the worker of the next build takes over as if nothing had been.
    server.stop()
    del server.settings["FIELDAPP_SW_KILL"]
    server.start()
    phone.go("/jobs")
    steps.until(page, "async () => Boolean((await navigator.serviceWorker.getRegistration())?.active)")
    assert phone.problems == []


def test_a_page_the_worker_passed_by_asks_to_be_its_own(phone: Phone) -> None:
    """A page under way while the worker takes over is in nobody's hands, like one that was reloaded past the worker."""
    phone.sign_in("tech1")
    phone.ready_for_offline()
    assert phone.context is not None
    phone.page.evaluate("() => { window.before = true; }")
    phone.context.new_cdp_session(phone.page).send("Page.reload", {"ignoreCache": True})
    phone.page.wait_for_function("() => !window.before && navigator.serviceWorker.controller !== null")
