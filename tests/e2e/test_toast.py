"""The line at the bottom: it covers nothing that is pressed, goes away, and says what became of the record."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.e2e import steps
from tests.e2e.conftest import Phone
from tests.e2e.test_bad_input import EXPENSE, press

SAVED, RECEIVED = "\u5df2\u5b58\u624b\u673a", "\u5df2\u9001\u8fbe"

#: Buttons and tabs under the line.
COVERED = """() => {
    const line = document.querySelector('.toast').getBoundingClientRect();
    return [...document.querySelectorAll('.dock .btn, .tabs a')].filter((one) => {
        const box = one.getBoundingClientRect();
        return one.checkVisibility() && box.top < line.bottom && box.bottom > line.top
            && box.left < line.right && box.right > line.left;
    }).map((one) => one.outerHTML.slice(0, 100));
}"""


def _capture(phone: Phone, amount: str) -> None:
    phone.go("/expenses/new")
    phone.page.fill("[name=amount]", amount)
    steps.choose(phone.page, "kind", "parking")
    press(phone.page, EXPENSE)
    expect(phone.page).to_have_url(re.compile("/expenses$"))


def test_it_says_received_while_it_still_stands(phone: Phone) -> None:
    page = phone.page
    phone.sign_in("tech1")
    phone.ready_for_offline()
    phone.cut("/sync/push")
    # The line stays as long as this test looks.
    page.add_init_script("const later = setTimeout; window.setTimeout = (f, ms) => later(f, ms === 4000 ? 1e9 : ms);")
    _capture(phone, "17.01")
    toast = page.locator("#toast")
    expect(toast).to_contain_text(SAVED)
    assert page.evaluate(COVERED) == []
    ref = steps.wait_saved(page)
    phone.mend()
    page.evaluate("() => dispatchEvent(new Event('online'))")
    expect(toast).to_contain_text(RECEIVED)
    expect(toast).to_contain_text(ref)
    page.locator("[data-toast-close]").click()
    expect(page.locator(".toast")).to_be_hidden()


def test_it_goes_by_itself_and_covers_no_big_button(phone: Phone) -> None:
    page = phone.page
    phone.sign_in("tech1")
    phone.go("/expenses/new")
    steps.wait_all_received(phone)
    page.evaluate("() => document.dispatchEvent(new CustomEvent('htmx:error'))")
    expect(page.locator("#toast")).to_be_visible()
    assert page.evaluate(COVERED) == []
    expect(page.locator(".toast")).to_be_hidden(timeout=6000)
