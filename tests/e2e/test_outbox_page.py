"""The outbox: every state in words with its reason, an honest discard, and how safe the records lie (32, 64, 72)."""

from __future__ import annotations

import json
import re
from pathlib import Path

from playwright.sync_api import Page, Playwright, Route, expect

from tests.e2e import steps
from tests.e2e.conftest import Phone, Server
from tests.e2e.steps import eventually, until
from tests.e2e.test_accessibility import look_at
from tests.e2e.test_bad_input import CHINESE, EXPENSE, press

#: Said instead of a count of tries.
NO_SIGNAL = "\u6ca1\u6709\u4fe1\u53f7\uff0c\u4f1a\u81ea\u52a8\u53d1\u9001"

#: Puts records of every kind beside the real one, as the engine would have left them.
MAKE = """async (rows) => {
    const user = document.documentElement.dataset.user;
    const db = await new Promise((yes, no) => {
        const asked = indexedDB.open(`fieldapp-u-${user}`);
        asked.onsuccess = () => yes(asked.result); asked.onerror = () => no(asked.error);
    });
    const tx = db.transaction(['ops', 'attachments'], 'readwrite');
    const first = await new Promise((yes) => {
        const asked = tx.objectStore('ops').getAll();
        asked.onsuccess = () => yes(asked.result[0]);
    });
    rows.forEach((row, i) => {
        const op = `01a2${String(i).padStart(4, '0')}-4848-770d-be33-c5d7dfa790e4`;
        const {photos, ...more} = row;
        tx.objectStore('ops').put({...first, op, seq: 900 + i, pos: 900 + i, ref: `K7-09${String(i).padStart(2, '0')}`,
            nextAt: Date.now() + 3_000_000, supersedes: null, supersededBy: null, depends: [], ...more});
        (photos ?? []).forEach((state, n) => tx.objectStore('attachments').put({
            id: `${op}-${n}`, op, draft: null, name: 'a.jpg', mime: 'image/jpeg', size: 390000,
            sha256: 'x', role: 'photo', sent: 0, state, created: Date.now(), gen: 0, url: null, told: true}));
    });
    await new Promise((yes) => { tx.oncomplete = yes; });
    db.close();
}"""


def states(now: int) -> list[dict[str, object]]:
    refused = {"problems": {"amount": ["\u91d1\u989d\u4e0d\u5bf9\u3002"]}, "ref": None, "needs": []}
    accepted = {"problems": {}, "ref": "W-261123-07", "needs": []}
    held = {**accepted, "ref": None, "needs": ["01a20000-4848-770d-be33-c5d7dfa790e4"]}
    return [
        {"state": "rejected", "result": refused, "title": "\u8d39\u7528 \u00a5 61"},
        {"state": "conflict", "result": refused, "title": "\u5230\u8fbe"},
        {"state": "saved", "depends": ["01a20000-4848-770d-be33-c5d7dfa790e4"], "title": "\u914d\u4ef6"},
        {"state": "saved", "attempts": 4, "title": "\u552e\u540e\u670d\u52a1\u5355", "created": now - 2 * 86_400_000},
        {"state": "parked", "lastError": "busy", "errorRun": 3, "title": "\u6682\u505c"},
        {"state": "held", "result": held, "receivedAt": now, "title": "\u5904\u7406\u5b8c\u6210"},
        {
            "state": "accepted",
            "result": accepted,
            "receivedAt": now,
            "title": "\u7167\u7247\u672a\u5230",
            "photos": ["stored", "stored", "stored", "lost_on_device", "refused"],
        },
        {"state": "accepted", "result": accepted, "receivedAt": now - 3 * 86_400_000, "title": "\u4e0a\u5468"},
    ]


def items(page: Page, group: str) -> dict[str, str]:
    found = page.locator(f'[data-outbox-group="{group}"] li')
    return {str(found.nth(n).get_attribute("data-op-id"))[4:8]: found.nth(n).inner_text() for n in range(found.count())}


def keep_expense(phone: Phone, amount: str) -> None:
    phone.go("/expenses/new")
    phone.page.fill("[name=amount]", amount)
    steps.choose(phone.page, "kind", "parking")
    press(phone.page, EXPENSE)
    steps.wait_saved(phone.page)


def test_72_every_state_in_words_with_its_reason_in_every_look(phone: Phone, tmp_path: Path) -> None:
    """By words, not by colour; axe, 200 % text and targets included. Without a signal, from the pack."""
    page = phone.page
    phone.sign_in("tech1")
    phone.ready_for_offline()
    phone.offline()
    keep_expense(phone, "12.34")
    page.evaluate(MAKE, states(page.evaluate("() => Date.now()")))
    phone.go("/outbox")
    expect(page.locator('[data-outbox-group="attention"] li')).to_have_count(2)
    attention, unsent = items(page, "attention"), items(page, "unsent")
    assert "\u91d1\u989d\u4e0d\u5bf9" in attention["0000"]
    assert "\u9700\u4fee\u6539" in attention["0000"]
    assert "\u6709\u51b2\u7a81" in attention["0001"]
    assert "K7-0900" in unsent["0002"]
    expect(page.locator("li[data-op-id^='01a20003']")).to_contain_text(NO_SIGNAL)
    assert "\u6bcf\u5c0f\u65f6" in unsent["0004"]
    assert "K7-0900" in unsent["0005"]
    delivered = items(page, "delivered")["0006"]
    assert "3/5" in delivered
    assert "W-261123-07" in delivered
    expect(page.locator('[data-outbox-group="delivered"] [data-missing-photos] a:visible')).to_have_count(1)
    expect(page.locator('[data-outbox-group="earlier"] > details > summary')).to_contain_text("1")
    expect(page.locator('[data-obstacle="old"]')).to_be_visible()
    expect(page.locator("#sync-chip")).to_have_class(re.compile("bad"))
    expect(page.locator("[data-kept]")).to_have_text(CHINESE)
    expect(page.locator("[data-space]")).to_have_text(re.compile(r"\d"))
    assert look_at(page, "outbox") == []
    assert phone.problems == []


def test_discarding_asks_once_offers_a_copy_and_keeps_on_escape(phone: Phone, server: Server) -> None:
    page = phone.page
    phone.sign_in("tech1")
    phone.ready_for_offline()
    phone.offline()
    keep_expense(phone, "23.45")
    phone.go("/outbox")
    item = page.locator('[data-outbox-group="unsent"] li')
    expect(item).to_have_count(1)
    dialog = page.locator("dialog[data-discard]")
    expect(item.locator("[data-act=discard]")).to_be_hidden()
    item.locator("summary").click()
    item.locator("[data-act=discard]").click()
    expect(dialog).to_be_visible()
    expect(dialog.locator("[data-answer='']")).to_be_focused()
    assert look_at(page, "discard") == []
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(item).to_have_count(1)
    item.locator("[data-act=discard]").click()
    with page.expect_download() as saved:
        dialog.locator("[data-answer=copy]").click()
    assert saved.value.suggested_filename.endswith(".zip")
    expect(item).to_have_count(0)
    expect(page.locator("#outbox")).to_be_focused()
    expect(page.locator("[data-outbox-empty-shown]")).to_be_visible()
    phone.offline(False)


def test_a_waiting_record_is_read_where_it_lies(phone: Phone, tmp_path: Path) -> None:
    """What was filled in and its photo, without a signal; sending is one button for all, discarding is inside."""
    page = phone.page
    phone.sign_in("tech1")
    phone.ready_for_offline()
    phone.offline()
    phone.go("/expenses/new")
    page.fill("[name=amount]", "45.67")
    steps.choose(page, "kind", "parking")
    page.fill("[name=note]", "P3 north")
    steps.add_photos(page, "receipt", steps.picture(tmp_path, "slip.jpg"))
    label = page.locator("label[for=f-note]").inner_text().strip()
    kind = page.locator("label:has(> [name=kind]:checked)").inner_text().strip()
    press(page, EXPENSE)
    steps.wait_saved(page)
    phone.go("/outbox")
    item = page.locator('[data-outbox-group="unsent"] li')
    expect(item).to_have_count(1)
    expect(page.locator("[data-act=send_all]:visible")).to_have_count(1)
    expect(item.locator("button:visible")).to_have_count(0)
    item.locator("summary").click()
    words = item.locator("[data-record-words]")
    expect(words.locator("dd")).to_contain_text(["45.67", kind, "P3 north"])
    expect(words.locator("dt", has_text=label)).to_have_count(1)
    until(page, "() => document.querySelector('[data-record-words] img')?.naturalWidth > 0")
    assert look_at(page, "opened record") == []
    item.locator("[data-act=discard]").click()
    expect(page.locator("dialog[data-discard]")).to_be_visible()
    assert phone.problems == []


def test_what_changes_is_read_out_once(phone: Phone) -> None:
    page = phone.page
    phone.sign_in("tech1")
    phone.ready_for_offline()
    phone.offline()
    for amount in ("31.01", "31.02"):
        keep_expense(phone, amount)
    page.clock.install()
    phone.go("/outbox")
    expect(page.locator('[data-outbox-group="unsent"] li')).to_have_count(2)
    refs = [one["ref"] for one in steps.ops_on_phone(page)]
    expect(page.locator("[data-outbox-live]")).to_have_text("")
    page.evaluate(
        """() => { window.said = []; new MutationObserver(() =>
            window.said.push(document.querySelector('[data-outbox-live]').textContent))
            .observe(document.querySelector('[data-outbox-live]'), {childList: true, subtree: true}); }"""
    )
    phone.offline(False)
    expect(page.locator('[data-outbox-group="delivered"] li')).to_have_count(2)
    delivered = [f"{ref}\uff1a\u5df2\u9001\u8fbe" for ref in refs]
    page.wait_for_function("(words) => words.every((one) => window.said.join().includes(one))", arg=delivered)
    # Both are at rest. Drawn anew, the page says nothing again, however long one waits: this time passes at once.
    page.evaluate(
        """() => { document.querySelector('[data-outbox]').setAttribute('aria-busy', 'true');
            dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true})); }"""
    )
    expect(page.locator("[data-outbox][aria-busy]")).to_have_count(0)
    page.clock.fast_forward(10_000)
    said = page.evaluate("() => window.said")
    assert 1 <= len(said) <= 3, said
    assert [" ".join(said).count(words) for words in delivered] == [1, 1], said


def test_64_a_photo_lost_on_the_phone_is_told_and_taken_again(phone: Phone, server: Server, tmp_path: Path) -> None:
    page = phone.page
    phone.sign_in("tech1")
    phone.ready_for_offline()
    phone.offline()
    phone.go("/expenses/new")
    page.fill("[name=amount]", "64.64")
    steps.choose(page, "kind", "parking")
    steps.add_photos(page, "receipt", steps.picture(tmp_path, "r.jpg"))
    press(page, EXPENSE)
    steps.wait_saved(page)
    page.evaluate(
        """async () => { for (const name of await caches.keys()) if (name.startsWith('outbox-')) {
            const cache = await caches.open(name);
            for (const one of await cache.keys()) if (one.url.includes('/att/')) await cache.delete(one); } }"""
    )
    phone.offline(False)
    phone.go("/outbox")
    mine = "SELECT state FROM attachment WHERE agg_id=(SELECT id FROM expense_item WHERE amount=6464)"
    eventually(server, mine, expected="lost")
    item = page.locator('[data-outbox-group="delivered"] li', has_text="64.64")
    expect(item.locator("[data-slot=state]")).to_contain_text("0/1")
    item.locator("[data-missing-photos] a").click()
    expect(page.locator("main .card")).to_have_count(1)
    assert look_at(page, "missing") == []
    # The pack came before the photo was lost; what was seen since is what this phone shows without signal.
    again = page.locator("a[href$='/again']").get_attribute("href") or ""
    for path in (again, "/attachments/missing"):
        phone.go(path)
        phone.seen(path)
    phone.offline()
    page.reload()
    expect(page.locator("main .card")).to_have_count(1)
    phone.go(again)
    expect(page.locator("form[data-op='attachment.add']")).to_be_visible()
    assert look_at(page, "again-offline") == []
    phone.offline(False)
    steps.add_photos(page, "photo", steps.picture(tmp_path, "again.jpg"))
    page.wait_for_function("() => document.querySelector(\"form[data-op='attachment.add']\").noValidate")
    page.locator("form[data-op='attachment.add'] .dock button").click()
    expect(page).to_have_url(re.compile("/attachments/missing"))
    eventually(server, mine.replace("SELECT state", "SELECT count(*)") + " AND state='stored'", expected=1)
    # Without a tap: the page asks anew once its record was received.
    expect(page.locator(".empty")).to_be_visible()
    assert server.flask("check").returncode == 0


def test_63_a_photo_that_arrives_while_a_page_is_coming(playwright: Playwright, server: Server, tmp_path: Path) -> None:
    """The server wrote that it is missing, and it was there before the page was: the page asks anew by itself."""
    # Without a service worker, so that the page's own answer can be held back here.
    phone = Phone(playwright, server, tmp_path / "phone", service_workers="block")
    assert phone.context is not None
    page = phone.page
    phone.sign_in("tech1")
    phone.cut("/sync/attachments")
    phone.go("/expenses/new")
    page.fill("[name=amount]", "63.63")
    steps.choose(page, "kind", "parking")
    steps.add_photos(page, "receipt", steps.picture(tmp_path, "late.jpg"))
    press(page, EXPENSE)
    expect(page).to_have_url(re.compile("/expenses$"))
    stored = (
        "SELECT count(*) FROM attachment WHERE state='stored' AND agg_id=(SELECT id FROM expense_item WHERE amount=?)"
    )
    eventually(server, "SELECT count(*) FROM expense_item WHERE amount=?", 6363, expected=1)

    def late(route: Route) -> None:
        answer = route.fetch()
        assert "data-awaits-photos" in answer.text()
        phone.mend()
        page.evaluate("() => dispatchEvent(new Event('online'))")
        eventually(server, stored, 6363, expected=1)
        steps.wait_all_received(phone)
        route.fulfill(response=answer)

    second = phone.new_tab()
    second.route("**/attachments/missing", late, times=1)
    second.goto(server.url + "/attachments/missing")
    expect(second.locator(".empty")).to_be_visible()
    phone.close()


def test_35_an_old_tab_that_holds_the_database_is_named(phone: Phone) -> None:
    """A page of an older version that does not let go: the words say what to close, and the form stays."""
    page = phone.page
    phone.sign_in("tech1")
    phone.go("/jobs")
    steps.wait_all_received(phone)
    script = """() => { const real = indexedDB.open.bind(indexedDB);
        IDBFactory.prototype.open = function () { const asked = new EventTarget();
            setTimeout(() => asked.onblocked && asked.onblocked(new Event('blocked')), 50); return asked; }; }"""
    page.add_init_script(f"({script})()")
    phone.go("/expenses/new")
    expect(page.locator("#banner")).to_be_visible()
    expect(page.locator("#banner")).to_have_text(re.compile("\u6807\u7b7e\u9875"))
    phone.go("/outbox")
    expect(page.locator("[data-act=send_all]")).to_be_hidden()


def test_32_install_is_offered_by_a_button_and_on_iphones_explained_once(phone: Phone) -> None:
    page = phone.page
    phone.sign_in("tech1")
    phone.go("/outbox")
    button = page.locator("[data-install]")
    expect(page.locator("[data-storage]")).to_be_visible()
    # Whether this Chromium offers it by itself or not: the offer made last is the one the button takes up.
    page.evaluate(
        """() => { const offer = new Event('beforeinstallprompt', {cancelable: true});
            offer.prompt = () => { window.prompted = true; return Promise.resolve(); }; dispatchEvent(offer); }"""
    )
    button.click()
    until(page, "async () => window.prompted === true")
    expect(button).to_be_hidden()
    expect(page.locator("[data-install-apple]")).to_be_hidden()

    agent = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1"
    page.add_init_script(f"Object.defineProperty(navigator, 'userAgent', {{get: () => {json.dumps(agent)}}})")
    keep_expense(phone, "7.77")
    hint = page.locator("[data-hint-close]")
    expect(hint).to_be_visible()
    assert look_at(page, "install hint") == []
    hint.click()
    expect(hint).to_have_count(0)
    page.reload()
    # The code that shows the hint was asked for, and has looked whether it may.
    page.wait_for_function(
        "() => performance.getEntriesByType('resource').some((one) => one.name.includes('/storage-status-'))"
    )
    page.wait_for_load_state("networkidle")
    expect(hint).to_have_count(0)
    phone.go("/outbox")
    expect(page.locator("[data-install-apple]")).to_be_visible()


def test_34_a_private_window_says_what_still_works_and_it_does(phone: Phone, server: Server) -> None:
    """Nothing is kept there, and nothing may look as if it were: the form goes the ordinary way."""
    page = phone.page
    phone.sign_in("tech1")
    page.add_init_script("IDBFactory.prototype.open = () => { throw new DOMException('not here', 'SecurityError'); };")
    phone.go("/expenses/new")
    expect(page.locator("#banner")).to_be_visible()
    expect(page.locator("#banner")).to_contain_text("\u65e0\u75d5")
    page.fill("[name=amount]", "34.34")
    steps.choose(page, "kind", "parking")
    page.locator(f"{EXPENSE} .dock button").click()
    expect(page).to_have_url(re.compile(r"/expenses(\?|$)"))
    eventually(server, "SELECT count(*) FROM expense_item WHERE amount=3434", expected=1)
    phone.go("/outbox")
    expect(page.locator("#banner")).to_be_visible()
    # What an earlier store left in the second copy can still be taken out; nothing else is offered.
    expect(page.locator("[data-act=send_all]")).to_be_hidden()
    expect(page.locator("[data-act=rescue]")).to_be_visible()
