"""A phone that cannot send makes a rescue file; the desk brings it in; the phone sends later, too: once in all."""

from __future__ import annotations

import json
import os
import re
import zipfile
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.e2e import steps
from tests.e2e.conftest import Phone, Server
from tests.e2e.steps import eventually, rows
from tests.e2e.test_accessibility import look_at

EXPENSE = "form[data-op='expense_item.capture']"
COUNT = "SELECT count(*) FROM expense_item WHERE amount=?"
NO_DATABASE = "Object.defineProperty(window, 'indexedDB', {get() { throw new Error('gone'); }});"


def keep_expense(phone: Phone, amount: str, photo: str) -> None:
    page = phone.page
    phone.go("/expenses/new")
    page.fill("[name=amount]", amount)
    steps.choose(page, "kind", "parking")
    steps.add_photos(page, "receipt", photo)
    page.locator(f"{EXPENSE} .dock button").click()
    expect(page).to_have_url(re.compile("/expenses$"))


def rescue_file(page: Page, target: Path) -> dict[str, bytes]:
    """Taps the button and keeps the file; its entries by name."""
    with page.expect_download() as waiting:
        page.locator("[data-act=rescue]").click()
    waiting.value.save_as(target)
    with zipfile.ZipFile(target) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def look(phone: Phone, name: str) -> None:
    """Pictures for whoever wants to see the pages: in FIELDAPP_PICTURES, light and dark, narrow and wide."""
    folder = os.environ.get("FIELDAPP_PICTURES")
    if folder:
        for scheme in ("light", "dark"):
            for width in (360, 1280):
                phone.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                phone.page.set_viewport_size({"width": width, "height": 860})
                phone.page.screenshot(path=f"{folder}/{name}-{scheme}-{width}.png", full_page=True)


def test_from_the_phone_to_the_desk(phone: Phone, desk: Phone, server: Server, tmp_path: Path) -> None:
    """Failure modes 31, 34, 72: with an outbox, without its database, and from the page for no signal."""
    phone.sign_in("tech1")
    phone.ready_for_offline()
    phone.offline()
    keep_expense(phone, "81.01", steps.picture(tmp_path, "a.jpg"))
    keep_expense(phone, "82.02", steps.picture(tmp_path, "b.jpg"))
    page = phone.page
    phone.go("/expenses/new")
    page.fill("[name=amount]", "83.03")
    expect(page.locator("[data-draft-note]")).to_be_visible()

    phone.go("/outbox")
    expect(page.locator('[data-outbox-group="unsent"] li')).to_have_count(2)
    whole = rescue_file(page, tmp_path / "rescue.zip")
    manifest = json.loads(whole["manifest.json"])
    assert [whole[one["file"]].decode() for one in manifest["ops"]] == [
        one["body"] for one in sorted(steps.ops_on_phone(page), key=lambda one: int(one["seq"]))
    ]
    assert len(manifest["atts"]) == 2
    assert [one["fields"]["amount"] for one in manifest["drafts"]] == ["83.03"]
    assert whole["README.txt"]

    # The page for no signal offers it, too; and a page whose database is gone.
    phone.go("/not-on-this-phone")
    from_shell = rescue_file(page, tmp_path / "shell.zip")
    broken = phone.new_tab()
    broken.add_init_script(NO_DATABASE)
    broken.goto(f"{server.url}/outbox")
    from_mirror = rescue_file(broken, tmp_path / "mirror.zip")
    broken.close()
    for other in (from_shell, from_mirror):
        assert {name: data for name, data in other.items() if name != "manifest.json"} == {
            name: data for name, data in whole.items() if name != "manifest.json"
        }
        again = json.loads(other["manifest.json"])
        assert {**again, "made": ""} == {**manifest, "made": ""}

    desk.sign_in("agent")
    desk.go("/me")
    desk.page.locator("a[href='/rescue']").click()
    look(desk, "start")
    desk.page.set_input_files("#f-file", {"name": "x.zip", "mimeType": "application/zip", "buffer": b"no zip"})
    desk.page.locator("main form button").click()
    expect(desk.page.locator("#err-file")).to_be_visible()
    wrong = look_at(desk.page, "no rescue file")
    look(desk, "bad")
    desk.page.set_input_files("#f-file", tmp_path / "rescue.zip")
    desk.page.locator("main form button").click()
    expect(desk.page.locator("tbody tr")).to_have_count(2)
    desk.page.locator("details summary").click()
    expect(desk.page.locator("details")).to_contain_text("83.03")
    wrong += look_at(desk.page, "what is in the file")
    look(desk, "look")
    assert rows(server, COUNT, 8101) == [(0,)]
    desk.page.locator(".dock button").click()
    expect(desk.page.locator("tbody .tag.ok")).to_have_count(2)
    wrong += look_at(desk.page, "what became of it")
    assert not wrong, "\n".join(wrong)
    look(desk, "done")
    assert rows(server, COUNT, 8101) == rows(server, COUNT, 8202) == [(1,)]
    assert rows(server, "SELECT count(*) FROM attachment WHERE state='stored' AND mime='image/jpeg'")[0][0] >= 2
    channels = rows(
        server, "SELECT DISTINCT channel, user_id = (SELECT id FROM user WHERE username='tech1') FROM receipt"
    )
    assert ("import", 1) in channels

    # The phone comes back and sends the same: received, and nothing twice.
    phone.go("/outbox")
    phone.offline(False)
    page.reload()
    expect(page.locator('[data-outbox-group="delivered"] li')).to_have_count(2)
    steps.wait_all_received(phone)
    eventually(server, COUNT, 8101, expected=1)
    assert rows(server, COUNT, 8202) == [(1,)]
    assert phone.problems == []
    assert desk.problems == []
    assert server.flask("check").stdout.strip() == "0 faults"


def test_a_locked_phone_hands_out_nothing(phone: Phone, server: Server, tmp_path: Path) -> None:
    """On a shared phone nobody gets another person's records, also not as a file."""
    phone.sign_in("tech2")
    phone.ready_for_offline()
    phone.offline()
    keep_expense(phone, "84.04", steps.picture(tmp_path, "c.jpg"))
    page = phone.page
    phone.go("/me")
    with steps.answering(page):
        page.locator("form[data-logout] button").click()
    expect(page.locator('[data-shell-state="locked"]').first).to_be_visible()
    expect(page.locator("[data-act=rescue]")).to_be_hidden()
