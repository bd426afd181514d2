"""Taps that are still on the phone show on every card of the list, not only on the one on top."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.e2e import steps
from tests.e2e.conftest import Phone


def test_a_tap_without_signal_moves_any_card_of_the_list_on(phone: Phone) -> None:
    """One piece a tap serves all cards; a card that has no such step ahead does not take it."""
    phone.sign_in("tech1")
    phone.ready_for_offline()
    phone.go("/jobs")
    page = phone.page
    place = page.locator("[data-ahead^='visit.set_out']").first
    name = place.get_attribute("id")
    job = page.locator(f".card:has(#{name}) h2 a").get_attribute("href")
    assert job
    phone.offline()
    phone.go(job)
    page.locator("#_visit_steps .dock form[data-op='visit.set_out'] button").click()
    steps.wait_saved(page)
    phone.go("/jobs")
    expect(page.locator(f"#{name} [data-pending-clone]")).to_have_count(2)
    expect(page.locator(f"#{name} [data-fill=time]")).to_have_text(re.compile(r"\d\d:\d\d"))
    expect(page.locator("[data-ahead] [data-pending-clone]")).to_have_count(2)
