"""What people do, in the order they do it; shared by the stories."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Dialog, Page, expect

from tests.e2e.conftest import Phone, Server

FAULT = "\u7ec8\u7aef\u4e0d\u4e0a\u7ebf"
CAUSE = "\u5929\u7ebf\u9988\u7ebf\u8001\u5316"
WORK = "\u66f4\u6362\u5929\u7ebf\uff0c\u6d4b\u8bd5\u6b63\u5e38"
CUSTOMER = "\u5218\u5efa\u56fd"


def picture(folder: Path, name: str, width: int = 1200) -> str:
    """A photo as a camera makes it."""
    path = folder / name
    seed = sum(map(ord, name))
    image = Image.effect_noise((width, width * 3 // 4), 60 + seed % 30).convert("RGB")
    image.save(path, "JPEG", quality=80)
    return str(path)


def not_a_picture(folder: Path) -> str:
    path = folder / "notes.jpg"
    path.write_bytes(b"this is text, not a picture")
    return str(path)


def jpeg_bytes(width: int = 400) -> bytes:
    out = BytesIO()
    Image.effect_noise((width, width), 80).convert("RGB").save(out, "JPEG")
    return out.getvalue()


def next_job(phone: Phone) -> str:
    """Opens the job on top of the list; returns its address."""
    phone.go("/jobs")
    link = phone.page.locator(".card.next h2 a").first
    href = str(link.get_attribute("href"))
    link.click()
    expect(phone.page).to_have_url(re.compile(r"/jobs/[0-9a-f-]{36}"))
    return href


def tap(page: Page, kind: str) -> None:
    """Taps the button that sends a command and waits until another step has taken its place."""
    button = page.locator(f'form[data-op="{kind}"] button').first
    button.click()
    expect(page.locator(f'form[data-op="{kind}"] button:visible')).to_have_count(0)


#: For an init script: a page whose stores open late, as on a slow phone.
SLOW_STORES = """
const open = CacheStorage.prototype.open;
CacheStorage.prototype.open = async function (name) {
  await new Promise((resolve) => setTimeout(resolve, 1500));
  return open.call(this, name);
};
"""

#: For an init script: a page whose stores never open.
STOPPED_STORES = "CacheStorage.prototype.open = () => new Promise(() => {});"


def sign(page: Page, depth: float = 0.7) -> None:
    """The customer signs; nobody signs twice in exactly the same way."""
    canvas = page.locator("[data-signature] canvas").first
    # Faster than any hand: the field takes the finger once its code is there.
    page.wait_for_function("() => document.querySelector('[data-signature] canvas')?.style.touchAction === 'none'")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None, "the field for the signature is not shown"
    for offset in (0.2, 0.45, 0.7):
        page.mouse.move(box["x"] + box["width"] * offset, box["y"] + box["height"] * 0.3)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * (offset + 0.1), box["y"] + box["height"] * depth, steps=6)
        page.mouse.up()


def choose(page: Page, name: str, value: str) -> None:
    """Picks a segment or a star; the radio itself is hidden behind its label."""
    page.locator(f'label:has(> input[name="{name}"][value="{value}"])').first.click()


def add_photos(page: Page, role: str, *paths: str) -> None:
    """From the camera or the gallery; waits until each is kept and shown."""
    block = page.locator(f'[data-photos][data-role="{role}"]').first
    before = block.locator("[data-photo-list] > li").count()
    block.locator("input[type=file]").set_input_files(list(paths))
    expect(block.locator("[data-photo-list] > li")).to_have_count(before + len(paths))


def wait_saved(page: Page) -> str:
    """The words *saved on this phone* with the reference; returns it once the page the form leads to is there."""
    toast = page.locator("#toast")
    expect(toast).to_have_text(re.compile(r"[A-Z][A-Z0-9]-\d{4}"))
    found = re.search(r"[A-Z][A-Z0-9]-\d{4,}", toast.inner_text())
    assert found is not None
    # The word comes before the page changes; the form stays busy until then.
    expect(page.locator("form[aria-busy=true]")).to_have_count(0)
    page.wait_for_load_state()
    return found.group(0)


def outbox_items(phone: Phone, group: str) -> list[dict[str, str]]:
    """What the outbox shows in one of its groups."""
    items = phone.page.locator(f'[data-outbox-group="{group}"] li')
    return [
        {
            "title": items.nth(n).locator("[data-slot=title]").inner_text(),
            "state": str(items.nth(n).get_attribute("data-state")),
            "ref": items.nth(n).locator("[data-slot=ref]").inner_text(),
        }
        for n in range(items.count())
    ]


def ops_on_phone(page: Page) -> list[dict[str, Any]]:
    """The records in the phone's own database."""
    script = """async () => {
        const user = document.documentElement.dataset.user;
        const db = await new Promise((yes, no) => {
            const asked = indexedDB.open(`fieldapp-u-${user}`);
            asked.onsuccess = () => yes(asked.result); asked.onerror = () => no(asked.error);
        });
        const all = await new Promise((yes, no) => {
            const asked = db.transaction('ops').objectStore('ops').getAll();
            asked.onsuccess = () => yes(asked.result); asked.onerror = () => no(asked.error);
        });
        db.close();
        return all.map(({op, seq, kind, state, ref, sha256, body}) => ({op, seq, kind, state, ref, sha256, body}));
    }"""
    result: list[dict[str, Any]] = page.evaluate(script)
    return result


def wait_all_received(phone: Phone, timeout: int = 60_000) -> None:
    """Until the chip says that nothing waits any more, photos included; a page just opened says nothing yet."""
    phone.page.wait_for_function(
        """() => {
            const chip = document.querySelector('#sync-chip [data-chip-text]');
            const word = document.querySelector('#texts').content.querySelector('[data-text="chip.synced"]');
            return chip && chip.textContent === word.textContent;
        }""",
        timeout=timeout,
    )


def until(page: Page, script: str, arg: object = None) -> None:
    """Waits for an asynchronous script to say true; the browser's own waiting takes the promise for an answer."""
    for _ in range(200):
        if page.evaluate(script, arg):
            return
        page.wait_for_timeout(100)
    raise AssertionError(script)


def rows(server: Server, sql: str, *values: object) -> list[tuple]:
    """A look into the server's own database."""
    connection = sqlite3.connect(server.folder / "fieldapp.sqlite3")
    try:
        return connection.execute(sql, values).fetchall()
    finally:
        connection.close()


def eventually(server: Server, sql: str, *values: object, expected: object) -> None:
    """Waits until the server's database says so."""
    for _ in range(150):
        if rows(server, sql, *values) == [(expected,)]:
            return
        server.pause()
    assert rows(server, sql, *values) == [(expected,)]


@contextmanager
def answering(page: Page, accept: bool = True) -> Iterator[list[str]]:
    """Answers the next question of the page, and waits until it was asked; gives what was asked.

    A question may come after the click has returned: the form first waits for the stores of the phone.
    """
    asked: list[str] = []

    def answer(dialog: Dialog) -> None:
        if accept:
            dialog.accept()
        else:
            dialog.dismiss()
        asked.append(dialog.message)

    page.once("dialog", answer)
    yield asked
    for _ in range(200):
        if asked:
            return
        page.wait_for_timeout(100)
    raise AssertionError("the page asked nothing")
