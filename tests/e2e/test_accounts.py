"""Passwords, links for new ones, sign-ins and the people page, in a real browser; also without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Playwright, expect

from tests.e2e import steps
from tests.e2e.conftest import PASSWORD, Phone, Server
from tests.e2e.steps import eventually, rows

NEW, NEWER = "rain on a tin roof", "snow on a slate roof"
SESSIONS = 'SELECT count(*) FROM session WHERE ended_at IS NULL AND user_id=(SELECT id FROM "user" WHERE username=?)'


@pytest.fixture
def plain(playwright: Playwright, server: Server, tmp_path: Path) -> Iterator[Phone]:
    """A phone whose browser runs no script."""
    phone = Phone(playwright, server, tmp_path / "plain", java_script_enabled=False)
    yield phone
    phone.close()


def sign_in(phone: Phone, username: str, password: str) -> None:
    phone.go("/login")
    phone.page.fill("input[name=username]", username)
    phone.page.fill("input[name=password]", password)
    phone.page.click("main form.login button")


def signed_in(page: Page) -> None:
    expect(page).not_to_have_url(re.compile("/login"))
    expect(page.locator("nav.tabs")).to_be_visible()


def expense(page: Page, amount: str) -> None:
    page.fill("[name=amount]", amount)
    steps.choose(page, "kind", "parking")
    page.fill("[name=note]", "P1")
    page.locator("form[data-op='expense_item.capture'] .dock button").click()
    expect(page).to_have_url(re.compile("/expenses$"))


def make_link(phone: Phone, server: Server, username: str, scripts: bool = True) -> str:
    """The administrator finds the person and makes a link; returns it as a whole."""
    user = rows(server, 'SELECT id FROM "user" WHERE username=?', username)[0][0]
    sign_in(phone, "admin", PASSWORD)
    signed_in(phone.page)
    phone.go("/me")
    phone.page.click('main a[href="/people"]')
    phone.page.fill("input[name=q]", username)
    phone.page.click("#filters button")
    phone.page.click(f'#_people a[href="/people/{user}"]')
    phone.page.click('form[action$="/reset-link"] button')
    link = phone.page.locator("#link")
    expect(phone.page.locator("#hint-link")).to_have_count(0 if scripts else 1)
    if not scripts:
        return server.url + link.input_value()
    # The server does not know its own address here; the page adds the one in the address bar.
    expect(link).to_have_value(re.compile(rf"^{server.url}/reset#"))
    return link.input_value()


def set_new(page: Page, password: str) -> None:
    page.fill("#new", password)
    page.click("main form.login button")


def test_a_changed_password_ends_other_sessions_and_strands_no_outbox(
    phone: Phone, another_phone: Phone, server: Server
) -> None:
    """Own session stays, the other ends; what waits on the other phone is sent by its token (failure mode 44)."""
    another_phone.sign_in("tech1")
    another_phone.ready_for_offline()
    eventually(server, "SELECT count(*) FROM device_token", expected=1)
    another_phone.go("/expenses/new")
    another_phone.offline()
    expense(another_phone.page, "71.35")

    phone.sign_in("tech1")
    page = phone.page
    phone.go("/me")
    page.click('main a[href="/me/password"]')
    page.fill("#present", PASSWORD)
    page.fill("#new", NEW)
    show = page.locator("[data-show-password] input")
    show.check()
    expect(page.locator("#present")).to_have_attribute("type", "text")
    expect(page.locator("#new")).to_have_attribute("type", "text")
    show.uncheck()
    expect(page.locator("#new")).to_have_attribute("type", "password")
    page.click("main .dock button")
    expect(page).to_have_url(re.compile(r"/me/password\?changed=1"))
    expect(page.locator("main .strip.ok")).to_be_visible()
    assert rows(server, SESSIONS, "tech1") == [(1,)]
    phone.go("/jobs")
    signed_in(page)

    another_phone.offline(False)
    eventually(server, "SELECT count(*) FROM expense_item WHERE amount=7135", expected=1)
    another_phone.go("/me")
    expect(another_phone.page).to_have_url(re.compile("/login"))
    sign_in(another_phone, "tech1", PASSWORD)
    expect(another_phone.page.locator("main .strip.bad")).to_be_visible()
    sign_in(another_phone, "tech1", NEW)
    signed_in(another_phone.page)
    # The wrong try is told once signed in, and leads to the list of sign-ins.
    another_phone.page.locator('main .strip a[href="/me/devices"]').click()
    expect(another_phone.page.locator("#_mine")).to_be_visible()
    expect(another_phone.page.locator('#_mine .strip a[href="/me/devices"]')).to_have_count(0)
    assert (phone.problems, another_phone.problems) == ([], [])


def test_a_link_sets_a_new_password_on_another_phone_once(desk: Phone, phone: Phone, server: Server) -> None:
    link = make_link(desk, server, "tech2")
    assert desk.context is not None
    desk.context.grant_permissions(["clipboard-read", "clipboard-write"])
    desk.page.click("[data-copy]")
    expect(desk.page.locator("#link-copied")).to_be_visible()
    assert desk.page.evaluate("() => navigator.clipboard.readText()") == link
    # Shown this once.
    desk.go(re.sub(r".*(/people/\d+).*", r"\1", desk.page.url))
    expect(desk.page.locator("#link")).to_have_count(0)

    page = phone.page
    page.goto(link)
    expect(page).to_have_url(re.compile("/reset$"))
    expect(page.locator("#code")).to_be_hidden()
    # A refused password keeps the link, though its address is gone.
    set_new(page, "tech2tech2")
    expect(page.locator("#err-new")).to_be_visible()
    expect(page.locator("#code")).to_be_hidden()
    set_new(page, NEW)
    expect(page).to_have_url(re.compile(r"/login\?new=1"))
    expect(page.locator("main .strip.ok")).to_be_visible()
    sign_in(phone, "tech2", NEW)
    signed_in(page)

    # Used and unknown links are told in the same words.
    said = set()
    for one in (link, link[:-5] + "AAAAA"):
        page.goto("about:blank")
        page.goto(one)
        set_new(page, NEWER)
        said.add(page.locator("main .strip.bad").inner_text())
        expect(page.locator("#code")).to_be_visible()
        expect(page.locator('main a[href="/login"]')).to_be_visible()
    assert len(said) == 1
    assert phone.problems == []


def test_an_account_is_closed_and_opened_on_the_people_page(desk: Phone, phone: Phone, server: Server) -> None:
    phone.sign_in("tech3")
    desk.sign_in("admin")
    user = rows(server, 'SELECT id FROM "user" WHERE username=?', "tech3")[0][0]
    desk.go(f"/people/{user}")
    active = 'SELECT active FROM "user" WHERE username=?'
    with steps.answering(desk.page):
        desk.page.click("form[data-op='user.deactivate'] button")
    eventually(server, active, "tech3", expected=0)
    expect(desk.page.locator("form[data-op='user.activate']")).to_be_visible()
    expect(desk.page.locator("form[action$='/reset-link']")).to_have_count(0)
    phone.go("/me")
    expect(phone.page).to_have_url(re.compile("/login"))
    desk.go("/people?state=closed")
    expect(desk.page.locator("#_people ul.list a")).to_have_count(1)
    desk.page.click("#_people ul.list a")
    desk.page.click("form[data-op='user.activate'] button")
    eventually(server, active, "tech3", expected=1)
    expect(desk.page.locator("form[data-op='user.deactivate']")).to_be_visible()
    phone.sign_in("tech3")
    assert (phone.problems, desk.problems) == ([], [])


def test_a_question_is_asked_before_a_form_goes_the_ordinary_way(desk: Phone, server: Server) -> None:
    """A start that takes too long sends forms without the stores of the browser, but not unasked."""
    desk.sign_in("admin")
    user = rows(server, 'SELECT id FROM "user" WHERE username=?', "tech6")[0][0]
    desk.page.add_init_script(steps.STOPPED_STORES)
    desk.go(f"/people/{user}")
    active = 'SELECT active FROM "user" WHERE username=?'
    button = desk.page.locator("form[data-op='user.deactivate'] button")
    agg = str(desk.page.locator("form[data-op='user.deactivate']").get_attribute("data-agg")).removeprefix("user:")
    with steps.answering(desk.page, accept=False):
        button.click()
    # Declined is final: nothing was sent, and the button asks again.
    assert rows(server, active, "tech6") == [(1,)]
    with steps.answering(desk.page):
        button.click()
    eventually(server, active, "tech6", expected=0)
    sent = "SELECT channel FROM receipt WHERE kind='user.deactivate' AND agg_id=?"
    assert rows(server, sent, agg) == [("web",)]
    assert desk.problems == []


def test_signing_out_everywhere_else(phone: Phone, another_phone: Phone, server: Server) -> None:
    another_phone.sign_in("tech4")
    phone.sign_in("tech4")
    phone.go("/me")
    phone.page.click('main a[href="/me/devices"]')
    phone.page.click("form[data-op='session.end_others'] button")
    eventually(server, SESSIONS, "tech4", expected=1)
    expect(phone.page.locator("form[data-op='session.end_others']")).to_have_count(0)
    another_phone.go("/me")
    expect(another_phone.page).to_have_url(re.compile("/login"))
    phone.go("/me")
    signed_in(phone.page)
    assert phone.problems == []


def test_everything_without_javascript(plain: Phone, phone: Phone, server: Server) -> None:
    """A link typed into its field, a changed password, another session ended."""
    page = plain.page
    link = make_link(plain, server, "tech5", scripts=False)
    plain.go("/me")
    page.click("form[data-logout] button")
    page.goto(link)
    expect(page.locator("#code")).to_be_visible()
    page.fill("#code", link)
    set_new(page, "tech5tech5")
    expect(page.locator("#err-new")).to_be_visible()
    assert page.locator("#code").input_value() in link
    set_new(page, NEW)
    expect(page).to_have_url(re.compile(r"/login\?new=1"))
    sign_in(plain, "tech5", NEW)
    signed_in(page)
    sign_in(phone, "tech5", NEW)
    signed_in(phone.page)
    assert rows(server, SESSIONS, "tech5") == [(2,)]
    plain.go("/me/devices")
    page.click("form[data-op='session.end'] button")
    expect(page.locator("form[data-op='session.end']")).to_have_count(0)
    assert rows(server, SESSIONS, "tech5") == [(1,)]
    plain.go("/me/password")
    page.fill("#present", NEW)
    page.fill("#new", NEWER)
    page.click("main .dock button")
    expect(page.locator("main .strip.ok")).to_be_visible()
    signed_in(page)


@pytest.mark.parametrize("size", [(360, 780), (1280, 900)])
def test_links_on_strips_are_large_enough(plain: Phone, size: tuple[int, int], server: Server) -> None:
    page = plain.page
    page.set_viewport_size({"width": size[0], "height": size[1]})
    sign_in(plain, "purchasing", "wrong")
    expect(page.locator("main .strip.bad")).to_be_visible()
    plain.sign_in("purchasing")
    box = page.locator('main .strip a[href="/me/devices"]').bounding_box()
    assert box is not None
    assert min(box["width"], box["height"]) >= 48
