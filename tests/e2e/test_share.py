"""A photo shared from another app becomes a photo of a draft: never a record, never another person's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, expect

from tests.e2e import steps
from tests.e2e.conftest import Phone, Server
from tests.e2e.steps import eventually

#: What Chromium does when a person chooses the app in the share sheet: it posts a form to the share target.
SHARE = """([target, bytes]) => {
    const form = document.createElement('form');
    Object.assign(form, {method: target.method, action: target.action, enctype: target.enctype});
    const input = document.createElement('input');
    Object.assign(input, {type: 'file', name: target.params.files[0].name});
    const chosen = new DataTransfer();
    chosen.items.add(new File([new Uint8Array(bytes)], 'taxi.jpg', {type: 'image/jpeg'}));
    input.files = chosen.files;
    form.append(input);
    document.body.append(form);
    form.submit();
}"""
#: As the system read it when the app was installed.
TARGET = "async () => (await (await fetch('/manifest.webmanifest')).json()).share_target"
PHOTOS = '[data-photos][data-role="receipt"] [data-photo-list] > li'
EXPENSE = "form[data-op='expense_item.capture']"


@pytest.fixture
def bare(playwright: Playwright, server: Server, tmp_path: Path) -> Iterator[Phone]:
    """A phone whose service worker is not there yet."""
    phone = Phone(playwright, server, tmp_path / "bare", service_workers="block")
    yield phone
    phone.close()


def test_a_shared_photo_opens_the_expense_form_as_a_draft(phone: Phone, server: Server) -> None:
    page = phone.page
    phone.sign_in("tech1")
    phone.ready_for_offline()
    target = page.evaluate(TARGET)
    # Without a signal, too.
    phone.offline()
    page.evaluate(SHARE, [target, [*steps.jpeg_bytes()]])
    expect(page).to_have_url(re.compile("/expenses/new"))
    expect(page.locator(PHOTOS)).to_have_count(1)
    expect(page.locator("[data-draft-note]")).to_be_visible()
    assert steps.ops_on_phone(page) == []
    # It is in the draft now: another load finds it there and takes nothing twice.
    page.reload()
    expect(page.locator(PHOTOS)).to_have_count(1)
    page.fill("[name=amount]", "38.38")
    steps.choose(page, "kind", "local_transport")
    page.locator(f"{EXPENSE} .dock button").click()
    steps.wait_saved(page)
    phone.offline(False)
    item = "(SELECT id FROM expense_item WHERE amount=3838)"
    eventually(server, f"SELECT count(*) FROM attachment WHERE state='stored' AND agg_id={item}", expected=1)  # noqa: S608
    phone.go("/expenses/new")
    page.wait_for_function("(form) => document.querySelector(form).noValidate", arg=EXPENSE)
    expect(page.locator(PHOTOS)).to_have_count(0)
    assert phone.problems == []


def test_signed_out_nothing_is_kept_and_it_is_said(phone: Phone) -> None:
    page = phone.page
    phone.sign_in("tech1")
    phone.ready_for_offline()
    phone.go("/me")
    page.locator("form[data-logout] button").click()
    page.wait_for_url("**/login")
    page.evaluate(SHARE, [page.evaluate(TARGET), [*steps.jpeg_bytes()]])
    expect(page).to_have_url(re.compile("/share"))
    expect(page.locator("main a[href='/login']")).to_be_visible()
    kept = page.evaluate("async () => (await caches.keys()).filter((name) => name.startsWith('share-'))")
    assert kept == []


def test_without_the_worker_the_server_answers_in_words(bare: Phone) -> None:
    page = bare.page
    bare.sign_in("tech1")
    page.evaluate(SHARE, [page.evaluate(TARGET), [*steps.jpeg_bytes()]])
    expect(page).to_have_url(re.compile("/share"))
    expect(page.locator("main a[href='/expenses/new']")).to_be_visible()
