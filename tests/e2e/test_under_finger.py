"""What is drawn anew waits for the finger: the tap reaches what the person saw."""

from __future__ import annotations

import re
import time

from playwright.sync_api import expect

from tests.e2e import steps
from tests.e2e.conftest import Phone
from tests.e2e.test_bad_input import EXPENSE, press

CORRECTION = "form[data-op='expense_item.resubmit']"


def test_a_link_is_followed_though_its_row_is_drawn_anew_meanwhile(phone: Phone) -> None:
    """A record that another tab saves takes the place of the row, but not while a finger is on it."""
    page = phone.page
    phone.sign_in("tech1")
    phone.go("/expenses/new")
    page.fill("[name=amount]", "44.44")
    steps.choose(page, "kind", "parking")
    press(page, EXPENSE)
    expect(page).to_have_url(re.compile(r"/expenses$"))
    steps.wait_all_received(phone)
    # The clock belongs to all tabs of this phone.
    page.clock.install()
    phone.go("/expenses")
    link = page.locator("#open-items li:not(.pending)", has_text="44.44").locator("a")
    address = str(link.get_attribute("href"))
    steps.wait_all_received(phone)
    phone.cut("/sync/push")
    tab = phone.new_tab()
    tab.goto(f"{phone.server.url}{address}/edit")
    tab.fill("[name=amount]", "45.45")
    tab.wait_for_function("form => document.querySelector(form).noValidate", arg=CORRECTION)
    page.bring_to_front()
    box = link.bounding_box()
    assert box is not None
    page.evaluate("href => { window.pressed = document.querySelector(`#open-items a[href='${href}']`); }", address)
    # A press counts for five seconds. The page gets four of them, however slow this machine is.
    page.clock.pause_at(page.evaluate("() => Date.now() + 100") / 1000)
    page.mouse.move(box["x"] + 20, box["y"] + box["height"] / 2)
    page.mouse.down()
    tab.evaluate("form => document.querySelector(`${form} .dock button`).click()", CORRECTION)
    for _ in range(200):
        page.clock.run_for(10)
        if any(one["kind"] == "expense_item.resubmit" for one in steps.ops_on_phone(page)):
            break
        time.sleep(0.05)
    assert steps.ops_on_phone(page)[-1]["state"] in ("saved", "sending")
    page.clock.run_for(2000)
    assert page.evaluate("() => window.pressed.isConnected")
    page.mouse.up()
    page.clock.resume()
    expect(page).to_have_url(re.compile(re.escape(address) + "$"))
