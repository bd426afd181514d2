"""One phone, two technicians: what one recorded is never shown to the other, and never sent by the other."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Dialog, Page, expect

from tests.e2e import steps
from tests.e2e.conftest import Phone, Server
from tests.e2e.steps import eventually, rows

PRIVATE = "\u79c1\u4eba\u505c\u8f66\u8d39"
HALF = "\u53ea\u5199\u4e86\u4e00\u534a"
BY = "SELECT u.username FROM receipt r JOIN user u ON u.id=r.user_id WHERE r.op=?"

#: For an init script: the page with the button, whose stores open only when it is said.
STORES_STOP = """
if (location.pathname === '/me') {
const open = CacheStorage.prototype.open;
const said = new Promise((resolve) => { window.storesGoOn = resolve; });
CacheStorage.prototype.open = async function (name) {
  await said;
  return open.call(this, name);
};
}
"""


def expense(page: Page, amount: str, note: str) -> None:
    """An expense as far as the button; on the page of the form."""
    page.fill("[name=amount]", amount)
    steps.choose(page, "kind", "parking")
    page.fill("[name=note]", note)


def keep(page: Page) -> str:
    page.locator("form[data-op='expense_item.capture'] .dock button").click()
    expect(page).to_have_url(re.compile("/expenses$"))
    return steps.wait_saved(page)


def sign_out(phone: Phone) -> list[str]:
    """Signs out, online or not; returns the questions that were asked on the way."""
    asked: list[str] = []

    def agree(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.accept()

    phone.page.once("dialog", agree)
    phone.go("/me")
    phone.page.locator("form[data-logout] button").click()
    return asked


def test_a_shared_phone(phone: Phone, server: Server, tmp_path: Path) -> None:
    """A's records wait unseen while B works; each goes out once, under its author (failure modes 36, 41, 42, 43)."""
    page = phone.page

    # tech1 records without a signal, leaves another form half-filled, and signs out without a signal.
    phone.sign_in("tech1")
    phone.ready_for_offline()
    job = steps.next_job(phone)
    phone.offline()
    steps.tap(page, "visit.set_out")
    phone.go("/expenses/new")
    steps.add_photos(page, "receipt", steps.picture(tmp_path, "mine.jpg"))
    expense(page, "23.45", PRIVATE)
    ref = keep(page)
    phone.go(f"{job}/report")
    page.fill("[name=fault]", HALF)
    expect(page.locator("[data-draft-note]")).to_be_visible()
    frozen = {one["op"]: one for one in steps.ops_on_phone(page)}
    assert len(frozen) == 2
    asked = sign_out(phone)
    expect(page.locator("[data-shell-state=locked]")).to_be_visible()
    assert len(asked) == 1
    assert "2" in asked[0]

    # Nobody is signed in: no page of tech1's opens, from no address.
    for address in ("/jobs", job, f"{job}/report", "/expenses", "/outbox"):
        phone.go(address)
        expect(page.locator("[data-shell-state=locked]")).to_be_visible()
        expect(page.locator("body")).not_to_contain_text(PRIVATE)

    # The signal is back: the server ends the old session before anything else, and nothing is sent.
    phone.offline(False)
    expect(page).to_have_url(re.compile("/login"))
    phone.go("/jobs")
    expect(page).to_have_url(re.compile("/login"))

    # tech2 sees nothing of it but a number.
    phone.sign_in("tech2")
    expect(page.locator("body")).not_to_contain_text(PRIVATE)
    phone.go("/outbox")
    expect(page.locator("[data-other-users]")).to_contain_text("2")
    expect(page.locator("[data-outbox] li")).to_have_count(0)
    expect(page.locator("[data-drafts]")).to_be_hidden()
    expect(page.locator("body")).not_to_contain_text(ref)
    phone.go("/expenses/new")
    expect(page.locator("[name=amount]")).to_have_value("")
    expect(page.locator("[data-photo-list] > li")).to_have_count(0)
    phone.ready_for_offline()

    # Neither do addresses of tech1's pages open without a signal.
    phone.offline()
    for address in (f"{job}/report", f"/parts/new?job={job.rsplit('/', 1)[1]}"):
        phone.go(address)
        expect(page.locator("[data-shell]")).to_be_visible()
    phone.go("/jobs")
    expect(page.locator(f'a[href="{job}"]')).to_have_count(0)

    # tech2's own record goes out, and none of the others with it.
    phone.go("/expenses/new")
    expense(page, "34.56", "B")
    keep(page)
    own = [one["op"] for one in steps.ops_on_phone(page)]
    assert len(own) == 1
    phone.offline(False)
    eventually(server, BY, own[0], expected="tech2")
    steps.wait_all_received(phone)
    phone.go("/outbox")
    expect(page.locator('[data-outbox-group="delivered"] li')).to_have_count(1)
    for op in frozen:
        assert rows(server, "SELECT count(*) FROM receipt WHERE op=?", op) == [(0,)]
        assert rows(server, "SELECT count(*) FROM quarantine WHERE op=?", op) == [(0,)]
    assert sign_out(phone) == []
    expect(page).to_have_url(re.compile("/login"))

    # tech1 is back: everything goes out by itself, once, under the right name, with its photo; the draft is there.
    phone.sign_in("tech1")
    steps.wait_all_received(phone)
    for op, one in frozen.items():
        eventually(server, BY, op, expected="tech1")
        assert rows(server, "SELECT sha256, outcome FROM receipt WHERE op=?", op) == [(one["sha256"], "accepted")]
    assert rows(
        server, "SELECT u.username, i.note FROM expense_item i JOIN user u ON u.id=i.owner_id WHERE i.amount=2345"
    ) == [("tech1", PRIVATE)]
    eventually(
        server,
        "SELECT count(*) FROM attachment a JOIN expense_item i ON i.id=a.agg_id"
        " WHERE i.amount=2345 AND a.state='stored'",
        expected=1,
    )
    phone.go(f"{job}/report")
    expect(page.locator("[name=fault]")).to_have_value(HALF)
    assert server.flask("check").returncode == 0
    assert phone.problems == []


def test_signing_out_before_the_stores_are_open(phone: Phone) -> None:
    """A tap that comes early asks about what is unsent and ends on the locked page, too (failure mode 43)."""
    phone.sign_in("tech1")
    phone.ready_for_offline()
    phone.offline()
    phone.go("/expenses/new")
    expense(phone.page, "12.34", PRIVATE)
    keep(phone.page)
    phone.page.add_init_script(steps.SLOW_STORES)
    asked = sign_out(phone)
    expect(phone.page.locator("[data-shell-state=locked]")).to_be_visible()
    assert len(asked) == 1


def test_signing_out_while_a_start_takes_too_long(phone: Phone) -> None:
    """The words that storage does not answer stand there already; without a network signing out waits for it."""
    phone.sign_in("tech1")
    phone.ready_for_offline()
    phone.offline()
    phone.page.add_init_script(STORES_STOP)
    asked = sign_out(phone)
    expect(phone.page.locator("#banner")).to_be_visible()
    phone.page.evaluate("() => window.storesGoOn()")
    expect(phone.page.locator("[data-shell-state=locked]")).to_be_visible()
    assert asked == []


def test_signing_out_with_a_signal(phone: Phone, server: Server) -> None:
    """A's session ends at once, also in a second tab; B's page never sends A's records (failure modes 39, 41, 42)."""
    page = phone.page
    phone.sign_in("tech1")
    phone.ready_for_offline()
    phone.go("/expenses/new")
    second = phone.new_tab()
    second.goto(server.url + "/expenses/new")
    assert sign_out(phone) == []
    expect(page).to_have_url(re.compile("/login"))
    phone.sign_in("tech2")

    # The other tab is still tech1's. What is recorded there stays tech1's and waits.
    expense(second, "45.67", PRIVATE)
    second.locator("form[data-op='expense_item.capture'] .dock button").click()
    expect(second).to_have_url(re.compile("/expenses$"))
    expect(second.locator("body")).not_to_contain_text(PRIVATE)
    page.reload()
    phone.go("/outbox")
    expect(page.locator("[data-other-users]")).to_contain_text("1")
    expect(page.locator("[data-outbox] li")).to_have_count(0)
    assert rows(server, "SELECT count(*) FROM expense_item WHERE amount=4567") == [(0,)]
    second.close()

    assert sign_out(phone) == []
    expect(page).to_have_url(re.compile("/login"))
    phone.sign_in("tech1")
    eventually(
        server,
        "SELECT u.username FROM expense_item i JOIN user u ON u.id=i.owner_id WHERE i.amount=4567",
        expected="tech1",
    )
    assert phone.problems == []
