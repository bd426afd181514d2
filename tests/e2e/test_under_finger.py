"""What is drawn anew waits for the finger: the tap reaches what the person saw."""

from __future__ import annotations

import re
import time

from playwright.sync_api import expect

from tests.e2e import steps
from tests.e2e.conftest import Phone, Server
from tests.e2e.steps import eventually
from tests.e2e.test_bad_input import EXPENSE, PARTS, press

CORRECTION = "form[data-op='expense_item.resubmit']"

#: For an init script: answers that draw the steps of a visit anew stay away until `letGo()`; counts what came of them.
HELD_STEPS = """
const whole = window.fetch;
window.held = window.over = 0;
const go = new Promise((resolve) => { window.letGo = resolve; });
window.fetch = async (asked, options) => {
  const answer = await whole(asked, options);
  if (!new URL(asked.url ?? asked, location.href).pathname.endsWith('/steps')) return answer;
  window.held++;
  await go;
  return answer;
};
document.addEventListener('htmx:before:swap', (event) => {
  if (event.target.id === '_visit_steps') setTimeout(() => { window.over++; });
});
"""


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


def test_a_button_stays_under_the_finger_that_came_while_its_part_was_fetched(phone: Phone, server: Server) -> None:
    """The answer that draws the part anew is on its way as the finger comes down; the tap counts all the same."""
    page = phone.page
    phone.sign_in("tech5")
    page.add_init_script(HELD_STEPS)
    job = steps.next_job(phone).rsplit("/", 1)[1]
    steps.wait_all_received(phone)
    form = page.locator("#_visit_steps .dock form[data-op^='visit.']")
    kind, visit = str(form.get_attribute("data-op")), str(form.get_attribute("data-agg")).removeprefix("visit:")
    tab = phone.new_tab()
    tab.goto(f"{server.url}/parts/new?job={job}")
    tab.locator("[name='lines.0.part_id']").select_option(index=2)
    tab.fill("[name='lines.0.qty']", "1")
    press(tab, PARTS)
    page.wait_for_function("() => window.held > 0")
    page.bring_to_front()
    box = form.locator("button").bounding_box()
    assert box is not None
    page.evaluate("() => { window.pressed = document.querySelector('#_visit_steps .dock form button'); }")
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.evaluate("() => letGo()")
    page.wait_for_function("() => window.over > 0")
    assert page.evaluate("() => window.pressed.isConnected")
    page.mouse.up()
    expect(page.locator(f"form[data-op='{kind}'] button:visible")).to_have_count(0)
    sql = "SELECT count(*) FROM receipt WHERE kind=? AND agg_id=? AND outcome='accepted'"
    eventually(server, sql, kind, visit, expected=1)
