"""Pages that are left and come back, and storage that does not answer: what is typed stays, and every tap is answered
(failure modes 73 and 74).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Playwright, expect

from tests.e2e import steps
from tests.e2e.conftest import Phone, Server
from tests.e2e.steps import eventually, rows

EXPENSE = "form[data-op='expense_item.capture']"
#: Where the form leads by itself; another address asked for before that would be cut off.
SENT = re.compile(r"/expenses(\?|$)")
COUNT = "SELECT count(*) FROM expense_item WHERE amount=?"

#: A transaction that never ends, over everything that one person has on this phone.
HOG = """async (user) => {
  const asked = indexedDB.open(`fieldapp-u-${user}`);
  const db = await new Promise((done) => { asked.onsuccess = () => done(asked.result); });
  const tx = db.transaction([...db.objectStoreNames], 'readwrite');
  const again = () => { tx.objectStore('meta').get('ep').onsuccess = again; };
  again();
}"""

#: Whether a draft with this amount lies on the phone.
DRAFTED = """async (amount) => {
  const asked = indexedDB.open(`fieldapp-u-${document.documentElement.dataset.user}`);
  const db = await new Promise((done) => { asked.onsuccess = () => done(asked.result); });
  const all = db.transaction('drafts').objectStore('drafts').getAll();
  await new Promise((done) => { all.onsuccess = done; });
  db.close();
  return all.result.some((one) => one.fields.amount === amount);
}"""

#: For an init script: while the tab says so, no draft can be read, as from a damaged part of the disk.
UNREADABLE = """
const get = IDBObjectStore.prototype.get;
IDBObjectStore.prototype.get = function (key) {
  if (this.name === 'drafts' && sessionStorage.getItem('unreadable')) throw new DOMException('disk', 'UnknownError');
  return get.call(this, key);
};
"""


def words(page: Page, key: str) -> str:
    script = "(key) => document.querySelector('#texts').content.querySelector(`[data-text='${key}']`).textContent"
    return str(page.evaluate(script, key))


def fill_expense(page: Page, amount: str) -> None:
    page.fill("[name=amount]", amount)
    steps.choose(page, "kind", "parking")


def send(page: Page) -> None:
    page.locator(f"{EXPENSE} .dock button").click()


def hog(phone: Phone, server: Server) -> Page:
    """Another tab that holds this person's database and never lets go; closing it does."""
    user = phone.page.locator("html").get_attribute("data-user")
    tab = phone.new_tab()
    tab.goto(f"{server.url}/healthz")
    tab.evaluate(HOG, user)
    return tab


def test_storage_that_stops_answering(phone: Phone, server: Server) -> None:
    """A tap is answered in words, what was typed stays, and a second tap sends it the ordinary way, once."""
    phone.sign_in("tech1")
    page = phone.page
    phone.go("/expenses/new")
    fill_expense(page, "73.01")
    expect(page.locator("[data-draft-note]")).to_be_visible()
    tab = hog(phone, server)
    send(page)
    expect(page.locator("#banner")).to_have_text(words(page, "storage.waiting"))
    expect(page.locator("#banner")).to_have_text(words(page, "storage.hangs"))
    expect(page.locator("[name=amount]")).to_have_value("73.01")
    assert rows(server, COUNT, 7301) == [(0,)]
    send(page)
    expect(page).to_have_url(SENT)
    eventually(server, COUNT, 7301, expected=1)
    tab.close()
    phone.go("/outbox")
    steps.wait_all_received(phone)
    expect(page.locator('[data-outbox-group="unsent"] li')).to_have_count(0)
    assert rows(server, COUNT, 7301) == [(1,)]
    assert phone.problems == []


def test_a_start_on_storage_that_does_not_answer(phone: Phone, server: Server) -> None:
    """Said in words; with a signal forms go the ordinary way, and without one nothing that was typed is lost."""
    phone.sign_in("tech2")
    phone.ready_for_offline()
    page = phone.page
    phone.go("/expenses/new")
    tab = hog(phone, server)
    page.reload()
    expect(page.locator("#banner")).to_have_text(words(page, "storage.hangs"))
    fill_expense(page, "73.02")
    phone.offline()
    send(page)
    expect(page.locator("#banner")).to_have_text(words(page, "storage.no_way"))
    expect(page.locator("[name=amount]")).to_have_value("73.02")
    phone.offline(False)
    send(page)
    expect(page).to_have_url(SENT)
    eventually(server, COUNT, 7302, expected=1)
    tab.close()
    phone.go("/expenses/new")
    expect(page.locator("#banner")).to_be_hidden()
    fill_expense(page, "73.03")
    send(page)
    steps.wait_saved(page)
    eventually(server, COUNT, 7303, expected=1)
    assert rows(server, COUNT, 7302) == [(1,)]


def test_a_draft_that_cannot_be_read_is_not_written_over(phone: Phone, tmp_path: Path) -> None:
    """The form says that something is wrong, and what is typed into it then replaces nothing."""
    page = phone.page
    page.context.add_init_script(UNREADABLE)
    phone.sign_in("tech3")
    phone.ready_for_offline()
    phone.go("/expenses/new")
    fill_expense(page, "73.04")
    steps.add_photos(page, "receipt", steps.picture(tmp_path, "receipt.jpg", 300))
    expect(page.locator("[data-draft-note]")).to_be_visible()
    phone.offline()
    page.evaluate("() => sessionStorage.setItem('unreadable', '1')")
    page.reload()
    expect(page.locator("#banner")).to_have_text(words(page, "storage.unavailable"))
    expect(page.locator("[name=amount]")).to_have_value("")
    # The store answers again, and whatever was typed meanwhile is kept as the page is left.
    page.evaluate("() => sessionStorage.removeItem('unreadable')")
    page.fill("[name=note]", "typed into the empty form")
    page.reload()
    expect(page.locator("[name=amount]")).to_have_value("73.04")
    expect(page.locator("[data-photos][data-role=receipt] [data-photo-list] > li")).to_have_count(1)


@pytest.fixture
def caching(playwright: Playwright, server: Server, tmp_path: Path) -> Iterator[Phone]:
    """With the back/forward cache, as people have it. Chromium decides whether a watched page goes into it."""
    phone = Phone(playwright, server, tmp_path / "caching", ignore_default_args=["--disable-back-forward-cache"])
    yield phone
    phone.close()


def test_left_in_a_hurry_and_back(caching: Phone, server: Server) -> None:
    """What was typed in the last moment is a draft on the next page; the page that comes back shows what was typed
    last, saves and sends.
    """
    page = caching.page
    page.add_init_script("addEventListener('pageshow', (event) => { window.restored = event.persisted; });")
    caching.sign_in("tech3")
    caching.ready_for_offline()
    caching.go("/expenses/new")
    page.wait_for_function("() => document.querySelector('form[data-op]').noValidate")
    page.evaluate("""() => {
        const field = document.querySelector('[name=amount]');
        field.value = '74.01';
        field.dispatchEvent(new Event('input', {bubbles: true}));
        window.wasHere = true;
        location.assign('/outbox');
    }""")
    expect(page).to_have_url(re.compile("/outbox$"))
    expect(page.locator("[data-drafts] li")).to_have_count(1)
    # A page that comes out of the cache is not loaded again: there is no "load" to wait for.
    page.go_back(wait_until="commit")
    page.wait_for_function("() => window.wasHere ? window.restored : window.restored !== undefined")
    expect(page.locator("[name=amount]")).to_have_value("74.01")
    fill_expense(page, "74.02")
    send(page)
    steps.wait_saved(page)
    eventually(server, COUNT, 7402, expected=1)
    steps.wait_all_received(caching)
    assert rows(server, COUNT, 7401) == [(0,)]
    assert caching.problems == []


def test_typed_while_the_page_comes_back(phone: Phone, server: Server) -> None:
    """The draft is read anew as the page is shown again; what is typed before that has ended is newer and stays."""
    phone.sign_in("tech4")
    page = phone.page
    phone.go("/expenses/new")
    page.wait_for_function("() => document.querySelector('form[data-op]').noValidate")
    page.fill("[name=amount]", "74.11")
    expect(page.locator("[data-draft-note]")).to_be_visible()
    page.evaluate("""() => {
        dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}));
        const field = document.querySelector('[name=amount]');
        field.value = '74.12';
        field.dispatchEvent(new Event('input', {bubbles: true}));
    }""")
    # Read anew and saved: the store has what was typed last.
    steps.until(page, DRAFTED, "74.12")
    expect(page.locator("[name=amount]")).to_have_value("74.12")
    page.reload()
    expect(page.locator("[name=amount]")).to_have_value("74.12")
    fill_expense(page, "74.13")
    send(page)
    steps.wait_saved(page)
    eventually(server, COUNT, 7413, expected=1)
    assert phone.problems == []
