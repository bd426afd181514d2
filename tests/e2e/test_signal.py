"""A network that is not there, or is and carries nothing; pages that stood open for days, or come back from behind."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Error, Page, expect

from tests.e2e import steps
from tests.e2e.conftest import Phone, Server
from tests.e2e.steps import eventually, rows

EXPENSE = "form[data-op='expense_item.capture']"
CHINESE = re.compile("[\u4e00-\u9fff]")
COUNT = "SELECT count(*) FROM expense_item WHERE amount=?"


def type_expense(page: Page, amount: str, note: str = "") -> None:
    page.fill("[name=amount]", amount)
    steps.choose(page, "kind", "parking")
    page.fill("[name=note]", note)


def keep_expense(page: Page) -> str:
    page.locator(f"{EXPENSE} .dock button").click()
    expect(page).to_have_url(re.compile("/expenses$"))
    return steps.wait_saved(page)


@contextmanager
def a_server_that_never_answers(server: Server) -> Iterator[None]:
    """It takes every connection and says nothing, as a cell at its limit does."""
    assert server.process is not None
    os.killpg(server.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(server.process.pid, signal.SIGCONT)


def test_no_signal(phone: Phone, server: Server) -> None:
    """No cache answers for the server, and every tap says something (failure modes 16, 17, 18)."""
    phone.sign_in("tech1")
    phone.ready_for_offline()
    page = phone.page
    phone.offline()
    page.reload()
    expect(page.locator("h1")).to_be_visible()
    for method, address in (("POST", "/sync/hello"), ("GET", "/sync/pack"), ("GET", "/healthz")):
        with pytest.raises(Error, match="Failed to fetch"):
            page.evaluate("([method, at]) => fetch(at, { method })", [method, address])
    expect(page.locator("#sync-chip")).to_have_text(CHINESE)
    expect(page.locator("#sync-chip")).to_have_class(re.compile("calm"))

    # A page that was never here says so, and how to get away from it.
    page.evaluate(
        "() => { const a = document.createElement('a'); a.href = '/jobs/none'; a.id = 'far'; a.text = '-';"
        " document.querySelector('main').prepend(a); }"
    )
    page.locator("#far").click()
    expect(page.locator("[data-shell]")).to_have_text(CHINESE)
    page.locator("[data-shell] a[href='/jobs']").click()
    expect(page.locator(".card.next")).to_have_count(1)

    # What is recorded stands on the chip, and is read out.
    job = steps.next_job(phone)
    page.evaluate(
        """() => new MutationObserver(() => { window.readOut = document.querySelector('#sync-live').textContent; })
            .observe(document.querySelector('#sync-live'), { childList: true })"""
    )
    steps.tap(page, "visit.set_out")
    expect(page.locator("#sync-chip")).to_contain_text("1")
    page.wait_for_function("() => window.readOut?.includes('1')")

    # The signal is back as far as the browser can tell, but nothing comes through.
    with a_server_that_never_answers(server):
        phone.offline(False)
        assert page.evaluate("() => navigator.onLine")
        phone.go("/expenses/new")
        type_expense(page, "81.01")
        keep_expense(page)
        phone.go(job)
        expect(page.locator("h1")).to_be_visible()
        expect(page.locator("#sync-chip")).to_contain_text("2")
    eventually(server, COUNT, 8101, expected=1)
    assert rows(server, "SELECT count(*) FROM receipt WHERE kind='visit.set_out' AND channel='sync'") == [(1,)]
    assert phone.problems == []


def test_the_signal_returns_without_a_word(phone: Phone) -> None:
    """No event, or one before anything comes through: a page that was not kept opens without a tap all the same."""
    page = phone.page
    phone.sign_in("tech1")
    phone.ready_for_offline()
    page.add_init_script("addEventListener('online', (event) => event.stopImmediatePropagation(), true)")
    phone.offline()
    phone.go("/expenses?state=discarded")
    expect(page.locator("[data-shell-state=away]")).to_be_visible()
    phone.offline(False)
    expect(page.locator("[data-shell]")).to_have_count(0)


def test_a_page_that_stood_open_for_two_days(phone: Phone, server: Server) -> None:
    """There is no form token that could go stale: it sends as on the first minute (failure mode 40)."""
    page = phone.page
    page.clock.install()
    phone.sign_in("tech2")
    phone.go("/expenses/new")
    type_expense(page, "82.02")
    page.clock.fast_forward("48:00:00")
    page.fill("[name=note]", steps.WORK)
    keep_expense(page)
    eventually(server, COUNT, 8202, expected=1)
    assert phone.problems == []


def test_an_answer_that_is_lost(phone: Phone, server: Server) -> None:
    """The server has it and the phone does not know: it stands in lists once, and counts as unsent (failure mode 1)."""
    phone.sign_in("tech2")
    page = phone.page
    phone.cut("/sync/push", only="answers")
    phone.go("/expenses/new")
    type_expense(page, "89.09")
    keep_expense(page)
    eventually(server, COUNT, 8909, expected=1)
    for path, inside in (("/expenses", "#open-items > li"), ("/expenses/claims/new", "#claim-items > li")):
        phone.go(path)
        expect(page.locator("#sync-chip")).to_have_class(re.compile("wait"))
        expect(page.locator(inside, has_text="89.09")).to_have_count(1)
    phone.go("/outbox")
    expect(page.locator('[data-outbox-group="unsent"] li')).to_have_count(1)
    phone.mend()
    page.evaluate("() => dispatchEvent(new Event('online'))")
    expect(page.locator('[data-outbox-group="delivered"] li')).to_have_count(1)
    assert rows(server, COUNT, 8909) == [(1,)]
    assert phone.problems == []


def test_background_sync(phone: Phone, server: Server) -> None:
    """Where there is one, it wakes the page; where there is none, nothing is missing (failure mode 68)."""
    phone.sign_in("tech3")
    phone.ready_for_offline()
    page = phone.page
    session = phone.context.new_cdp_session(page)
    workers: list[dict] = []
    session.on("ServiceWorker.workerRegistrationUpdated", lambda told: workers.extend(told["registrations"]))
    session.send("ServiceWorker.enable")

    phone.cut("/sync/push")
    phone.go("/expenses/new")
    type_expense(page, "83.03")
    keep_expense(page)
    phone.mend()
    # Failed several times by now: without a call it would wait.
    session.send(
        "ServiceWorker.dispatchSyncEvent",
        {"origin": server.url, "registrationId": workers[0]["registrationId"], "tag": "outbox", "lastChance": False},
    )
    eventually(server, COUNT, 8303, expected=1)

    page.add_init_script("delete ServiceWorkerRegistration.prototype.sync;")
    phone.go("/expenses/new")
    assert page.evaluate("async () => (await navigator.serviceWorker.ready).sync === undefined")
    phone.offline()
    type_expense(page, "84.04")
    keep_expense(page)
    phone.offline(False)
    eventually(server, COUNT, 8404, expected=1)
    assert phone.problems == []


def test_back_to_a_form_that_was_sent(phone: Phone, server: Server) -> None:
    """It is empty and usable; one that was only begun stays a draft and is never sent (failure modes 67, 71)."""
    phone.sign_in("tech4")
    page = phone.page
    phone.go("/expenses/new")
    type_expense(page, "85.05", "first")
    keep_expense(page)
    page.go_back()
    expect(page.locator("[name=amount]")).to_have_value("")
    expect(page.locator("[name=note]")).to_have_value("")
    expect(page.locator(f"{EXPENSE} .dock button")).to_be_enabled()
    type_expense(page, "86.06", "second")
    keep_expense(page)
    eventually(server, COUNT, 8606, expected=1)
    assert rows(server, COUNT, 8505) == [(1,)]

    # Begun and left: listed with its time, never sent, and filled in again behind its link.
    phone.go("/expenses/new")
    type_expense(page, "87.07", "half")
    expect(page.locator("[data-draft-note]")).to_be_visible()
    phone.go("/outbox")
    draft = page.locator("[data-drafts] li")
    expect(draft).to_have_count(1)
    expect(draft.locator("[data-slot=time]")).to_have_text(re.compile(r"\d"))
    steps.wait_all_received(phone)
    draft.locator("a").click()
    expect(page.locator("[name=amount]")).to_have_value("87.07")
    assert rows(server, COUNT, 8707) == [(0,)]
    assert phone.problems == []
