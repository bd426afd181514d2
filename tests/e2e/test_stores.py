"""Phones that keep nothing, have no room, are turned, or have cameras of their own mind."""

from __future__ import annotations

import re
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, Playwright, expect

from tests.e2e import steps
from tests.e2e.conftest import Phone, Server
from tests.e2e.steps import eventually, rows

EXPENSE = "form[data-op='expense_item.capture']"
CHINESE = re.compile("[\u4e00-\u9fff]")
COUNT = "SELECT count(*) FROM expense_item WHERE amount=?"


def send_expense(page: Page, amount: str) -> None:
    page.fill("[name=amount]", amount)
    steps.choose(page, "kind", "parking")
    page.locator(f"{EXPENSE} .dock button").click()


def test_a_browser_that_keeps_nothing(playwright: Playwright, server: Server, tmp_path: Path) -> None:
    """Said at once, and every form goes the ordinary way (failure mode 34)."""
    phone = Phone(playwright, server, tmp_path / "private")
    page = phone.page
    page.add_init_script("Object.defineProperty(window, 'indexedDB', { get: () => undefined });")
    phone.sign_in("tech1")
    phone.go("/expenses/new")
    expect(page.locator("#banner")).to_have_text(CHINESE)
    send_expense(page, "91.01")
    expect(page.locator("p.strip.ok")).to_be_visible()
    assert rows(server, COUNT, 9101) == [(1,)]
    assert rows(server, "SELECT count(*) FROM receipt WHERE channel='sync'") == [(0,)]
    assert phone.problems == []
    phone.close()


def test_a_newer_version_in_another_tab(phone: Phone, server: Server) -> None:
    """The old tab gives the database away, so that the new one opens, and says that it keeps nothing any more; what
    is typed there goes through all the same (failure mode 35).
    """
    phone.sign_in("tech2")
    page = phone.page
    phone.go("/expenses/new")
    page.fill("[name=note]", steps.WORK)
    expect(page.locator("[data-draft-note]")).to_be_visible()
    newer = phone.new_tab()
    newer.goto(f"{server.url}/healthz")
    name = f"fieldapp-u-{page.locator('html').get_attribute('data-user')}"
    opened = newer.evaluate(
        """(name) => new Promise((done) => {
            const asked = indexedDB.open(name, 2);
            asked.onsuccess = () => { asked.result.close(); done("open"); };
            asked.onerror = () => done(asked.error.name);
        })""",
        name,
    )
    assert opened == "open"
    send_expense(page, "92.02")
    expect(page.locator("#banner")).to_have_text(CHINESE)
    expect(page.locator("[name=note]")).to_have_value(steps.WORK)
    page.locator(f"{EXPENSE} .dock button").click()
    expect(page.locator("p.strip.ok")).to_be_visible()
    assert rows(server, COUNT, 9202) == [(1,)]
    assert phone.problems == []


def test_a_phone_without_room(phone: Phone, server: Server) -> None:
    """It opens, sends what lies on it and says what it cannot do; the form keeps its text until there is room
    (failure mode 27).
    """
    phone.sign_in("tech3")
    phone.ready_for_offline()
    page = phone.page
    phone.cut("/sync/push")
    phone.go("/expenses/new")
    send_expense(page, "95.05")
    expect(page).to_have_url(re.compile("/expenses$"))
    keeper = phone.new_tab()
    keeper.goto(f"{server.url}/healthz")
    session = keeper.context.new_cdp_session(keeper)
    page.goto("about:blank")
    session.send("Storage.overrideQuotaForOrigin", {"origin": server.url, "quotaSize": 1000})
    page.wait_for_timeout(3000)  # Chromium remembers the room there was until it has closed the database
    phone.mend()
    phone.go("/expenses/new")
    page.wait_for_function("form => document.querySelector(form).noValidate", arg=EXPENSE)
    expect(page.locator("#banner")).to_be_hidden()
    page.fill("[name=amount]", "93.03")
    steps.choose(page, "kind", "parking")
    page.evaluate("() => scrollTo(0, document.body.scrollHeight)")
    page.locator(f"{EXPENSE} .dock button").click()
    full = page.evaluate(
        "() => document.querySelector('#texts').content.querySelector('[data-text=\"storage.no_room\"]').textContent"
    )
    expect(page.locator("#banner")).to_have_text(full)
    expect(page.locator("#banner")).to_be_in_viewport()
    expect(page.locator("[name=amount]")).to_have_value("93.03")
    eventually(server, COUNT, 9505, expected=1)
    session.send("Storage.overrideQuotaForOrigin", {"origin": server.url})
    for _ in range(20):
        page.locator(f"{EXPENSE} .dock button").click()
        page.wait_for_timeout(500)
        if page.url.endswith("/expenses"):
            break
    eventually(server, COUNT, 9303, expected=1)
    phone.go("/outbox")
    expect(page.locator("[data-storage]")).to_contain_text(re.compile(r"\d"))
    steps.wait_all_received(phone)
    assert rows(server, COUNT, 9505) == [(1,)]
    assert phone.problems == []


def test_photos_as_cameras_make_them(phone: Phone, server: Server, tmp_path: Path) -> None:
    """A turned one stands upright, one the phone cannot read is named, and as many as a record takes arrive with
    their bytes (failure modes 28, 65).
    """
    phone.sign_in("tech4")
    page = phone.page
    phone.go("/expenses/new")
    turned = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (600, 400), (90, 120, 60)).save(turned, "JPEG", exif=exif)
    steps.add_photos(page, "receipt", str(turned))
    size = page.locator("[data-photo-list] img").evaluate(
        "async (one) => { await one.decode(); return [one.naturalWidth, one.naturalHeight]; }"
    )
    assert size == [400, 600]

    heic = tmp_path / "IMG_0001.HEIC"
    heic.write_bytes(b"\x00\x00\x00\x18ftypheic" + bytes(2000))
    block = page.locator("[data-photos]")
    block.locator("input[type=file]").set_input_files(str(heic))
    expect(page.locator("#err-photos-receipt")).to_contain_text("IMG_0001.HEIC")

    most = int(str(block.get_attribute("data-max")))
    steps.add_photos(page, "receipt", *(steps.picture(tmp_path, f"p{n}.jpg", 400) for n in range(most - 1)))
    expect(block.locator("input[type=file]")).to_be_disabled()
    send_expense(page, "94.04")
    expect(page).to_have_url(re.compile("/expenses$"))
    steps.wait_all_received(phone)
    stored = (
        "SELECT count(*) FROM attachment a JOIN expense_item i ON i.id=a.agg_id WHERE i.amount=? AND a.state='stored'"
    )
    eventually(server, stored, 9404, expected=most)
    assert phone.problems == []


def test_a_signature_before_the_stores_are_open(phone: Phone) -> None:
    """Strokes made at once are in the draft, and a draft found later is not put over them (failure mode 24)."""
    phone.sign_in("tech1")
    phone.ready_for_offline()
    page = phone.page
    job = steps.next_job(phone)
    phone.go(f"{job}/report")
    page.fill("[name=fault]", steps.FAULT)
    expect(page.locator("[data-draft-note]")).to_be_visible()
    page.add_init_script(steps.SLOW_STORES)
    page.reload()
    steps.sign(page)
    expect(page.locator("[data-draft-note]")).to_be_hidden()
    signature = page.locator("[name=signature]").input_value()
    assert signature
    expect(page.locator("[name=fault]")).to_have_value(steps.FAULT)
    page.reload()
    expect(page.locator("[name=fault]")).to_have_value(steps.FAULT)
    assert page.locator("[name=signature]").input_value() == signature
