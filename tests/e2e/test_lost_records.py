"""A browser that threw everything away: the next hello names what is gone, to the technician and to the leader."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from fieldapp.kernel import ids
from tests.e2e import steps
from tests.e2e.conftest import Phone, Server
from tests.e2e.steps import eventually, rows

STORES = "indexeddb,cache_storage,local_storage,service_workers"


def test_a_wiped_phone(phone: Phone, another_phone: Phone, server: Server) -> None:
    """Both stores and the phone's name are gone; its session is not (failure modes 31, 32, figure 15)."""
    page = phone.page
    phone.sign_in("tech1")
    phone.ready_for_offline()
    phone.cut("/sync/push")
    phone.go("/expenses/new")
    page.fill("[name=amount]", "23.45")
    steps.choose(page, "kind", "parking")
    page.locator("form[data-op='expense_item.capture'] .dock button").click()
    expect(page).to_have_url(re.compile("/expenses$"))
    steps.wait_saved(page)
    # The server has heard of it, and has not got it.
    page.reload()
    eventually(server, "SELECT max(unsent) FROM device", expected=1)
    dev = rows(server, "SELECT dev FROM device WHERE unsent=1")[0][0]
    ref = ids.short_reference(dev, 1)
    assert rows(server, "SELECT count(*) FROM receipt WHERE dev=?", dev) == [(0,)]

    page.goto("about:blank")
    session = page.context.new_cdp_session(page)
    session.send("Storage.clearDataForOrigin", {"origin": server.url, "storageTypes": STORES})
    phone.mend()
    before = rows(server, "SELECT count(*) FROM device")[0][0]
    phone.go("/jobs")
    eventually(server, "SELECT count(*) FROM device", expected=before + 1)
    eventually(server, "SELECT missing_count FROM device WHERE dev=?", dev, expected=1)

    phone.go("/outbox")
    expect(page.locator("main")).to_contain_text(ref)
    page.locator("form[data-op='device.acknowledge'] button").click()
    expect(page).to_have_url(re.compile("/outbox$"))
    eventually(server, "SELECT count(*) FROM device WHERE missing_seen_at IS NOT NULL", expected=1)
    # In a tab of its own: this one goes on by itself, and a reload in between would be cut off.
    fresh = phone.new_tab()
    fresh.goto(server.url + "/outbox")
    expect(fresh.locator("h1")).to_be_visible()
    expect(fresh.locator("main")).not_to_contain_text(ref)

    another_phone.sign_in("lead1")
    another_phone.go("/phones?state=lost")
    expect(another_phone.page.locator("main")).to_contain_text(ref)
    assert server.flask("check").returncode == 0
    assert phone.problems == []


def test_39_a_session_that_ran_out_sends_from_the_log_in_page(phone: Phone, server: Server) -> None:
    """What was recorded goes out in its author's name, though nobody is signed in (failure mode 39)."""
    page = phone.page
    phone.sign_in("tech2")
    phone.ready_for_offline()
    held = "SELECT count(*) FROM device_token WHERE user_id=(SELECT id FROM user WHERE username=?)"
    eventually(server, held, "tech2", expected=1)
    phone.offline()
    phone.go("/expenses/new")
    page.fill("[name=amount]", "34.56")
    steps.choose(page, "kind", "parking")
    page.locator("form[data-op='expense_item.capture'] .dock button").click()
    steps.wait_saved(page)
    (op,) = [one["op"] for one in steps.ops_on_phone(page)]
    page.context.clear_cookies()
    phone.offline(False)
    phone.go("/login")
    author = "SELECT u.username FROM receipt r JOIN user u ON u.id=r.user_id WHERE r.op=?"
    eventually(server, author, op, expected="tech2")
    expect(page).to_have_url(re.compile("/login"))
    assert phone.problems == []
