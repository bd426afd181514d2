"""What a person does is seen at once, can be taken back, and the server's no comes to the form."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e import steps
from tests.e2e.conftest import Phone, Server
from tests.e2e.steps import eventually, rows
from tests.e2e.test_bad_input import EXPENSE, LONG, PARTS, press

UNDO = "[data-undo-op]"
CLAIM = "form[data-op='expense_claim.submit']"

#: Takes a page out of everything that is kept for use without a signal.
FORGET_PAGE = """async (path) => {
    for (const name of await caches.keys())
        if (/^(pack|visited)-/.test(name)) await (await caches.open(name)).delete(path, {ignoreVary: true});
}"""


@pytest.fixture
def lead(phone: Phone) -> Phone:
    phone.sign_in("lead1")
    return phone


@pytest.fixture
def tech(phone: Phone) -> Phone:
    phone.sign_in("tech1")
    return phone


def approval(page: Page, verb: str = "approve") -> Locator:
    """The first card that can still be decided."""
    return page.locator("#_inbox li.card", has=page.locator(f"form[data-op$='.{verb}'][data-undo]")).first


def decided(server: Server, kind: str, record: str) -> int:
    sql = "SELECT count(*) FROM receipt WHERE kind=? AND agg_id=? AND outcome='accepted'"
    return int(rows(server, sql, kind, record)[0][0])


def parts_fetched(page: Page) -> list[str]:
    """From now on: the addresses of the parts that this page asks for, to draw them anew."""
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.url) if "hx-request" in request.headers else None)
    return seen


def hide(page: Page) -> None:
    """The app goes to the background, as the system tells the page."""
    page.evaluate(
        """() => {
            Object.defineProperty(document, 'visibilityState', {value: 'hidden', configurable: true});
            document.dispatchEvent(new Event('visibilitychange'));
            delete document.visibilityState;
        }"""
    )


# Dispatch


def unplanned(lead: Phone) -> str:
    lead.go("/jobs")
    link = lead.page.locator("a[href$='/dispatch']").first
    return str(link.get_attribute("href")).removesuffix("/dispatch")


def planned(lead: Phone) -> str:
    lead.go("/jobs")
    link = lead.page.locator("tbody a[href^='/jobs/']").first
    return str(link.get_attribute("href"))


def visits(server: Server, job: str) -> int:
    return int(rows(server, "SELECT count(*) FROM visit WHERE job_id=?", job.rsplit("/", 1)[1])[0][0])


def plan(lead: Phone, job: str) -> None:
    lead.go(f"{job}/dispatch")
    form = lead.page.locator("form[data-op='job.dispatch']")
    value = form.locator("[name=technician_id] option").nth(1).get_attribute("value")
    form.locator("[name=technician_id]").select_option(value)
    press(lead.page, "form[data-op='job.dispatch']")


def test_a_dispatched_visit_stands_on_the_job_at_once(lead: Phone, server: Server) -> None:
    job = unplanned(lead)
    page = lead.page
    plan(lead, job)
    expect(page).to_have_url(re.compile(re.escape(job) + "$"))
    expect(page.locator("#_visit_steps .steps")).to_be_visible()
    # Also where the receipt came between the making of the page and its first look.
    expect(page.locator("#_visit_steps a.btn:not(.ghost)")).to_have_count(0)
    assert rows(server, "SELECT count(*) FROM visit WHERE job_id=?", job.rsplit("/", 1)[1]) == [(1,)]


def test_a_receipt_between_the_page_and_its_first_look_refreshes_it(lead: Phone, server: Server) -> None:
    job = unplanned(lead)
    page = lead.page
    old = page.request.get(server.url + job).text()
    # The new page's stores open late: by then the server has long named the visit.
    page.context.add_init_script(steps.SLOW_STORES)
    served = []

    def stale(route: object) -> None:
        served.append(1)
        if len(served) == 1:
            route.fulfill(body=old, content_type="text/html; charset=utf-8")  # type: ignore[attr-defined]
        else:
            route.continue_()  # type: ignore[attr-defined]

    page.context.route(server.url + job, stale)
    plan(lead, job)
    eventually(server, "SELECT count(*) FROM visit WHERE job_id=?", job.rsplit("/", 1)[1], expected=1)
    expect(page.locator("#_visit_steps .steps")).to_be_visible()


def test_offline_the_dispatched_visit_takes_the_button_s_place(lead: Phone, server: Server) -> None:
    job = planned(lead)
    page = lead.page
    before = visits(server, job)
    lead.ready_for_offline()
    lead.go(job)
    lead.seen(job)
    lead.go(f"{job}/dispatch")
    lead.offline()
    form = page.locator("form[data-op='job.dispatch']")
    form.locator("[name=technician_id]").select_option(index=1)
    press(page, "form[data-op='job.dispatch']")
    expect(page).to_have_url(re.compile(re.escape(job) + "$"))
    piece = page.locator("#plan-visit [data-pending-clone]")
    expect(piece).to_be_visible()
    expect(page.locator("a[href$='/dispatch']")).to_have_count(0)
    lead.offline(False)
    steps.wait_all_received(lead)
    assert visits(server, job) == before + 1


# Undo


def test_a_decision_stays_at_its_place_says_what_it_was_and_is_sent_later(lead: Phone, server: Server) -> None:
    page = lead.page
    page.clock.install()
    lead.go("/inbox")
    fetched = parts_fetched(page)
    card = approval(page)
    case = str(card.get_attribute("id"))
    button = card.locator("form[data-undo] button").first
    kind = str(card.locator("form[data-undo]").first.get_attribute("data-op"))
    below = page.locator(f"#{case} ~ li.card").first
    before, next_before = page.locator(f"#{case}").bounding_box(), below.bounding_box()
    count = int(str(page.locator("nav [data-count]").first.get_attribute("data-count")))
    cards = int(str(page.locator("[data-cases]").get_attribute("data-cases")))
    button.click()
    undo = page.locator(f"#{case} {UNDO}")
    expect(undo).to_be_visible()
    expect(page.locator(f"#{case} [data-fill=title]")).to_have_text(re.compile("¥|·"))
    expect(page.locator(f"#toast {UNDO}")).to_be_visible()
    expect(undo).to_have_text(re.compile(r"\d"))
    after, next_after = page.locator(f"#{case}").bounding_box(), below.bounding_box()
    assert all((before, after, next_before, next_after))
    assert abs(after["height"] - before["height"]) < 1
    assert abs(next_after["y"] - next_before["y"]) < 1
    expect(page.locator("nav [data-count] .count").first).to_have_text(re.compile(rf"^{count - 1}\D"))
    record = case.removeprefix("case-")
    assert decided(server, kind, record) == 0
    eventually(
        server,
        "SELECT count(*) FROM receipt WHERE kind=? AND agg_id=? AND outcome='accepted'",
        kind,
        record,
        expected=1,
    )
    steps.wait_all_received(lead)
    # Nothing moves by itself: the card stays as high as it was until the page is opened anew.
    expect(page.locator(UNDO)).to_have_count(0)
    expect(page.locator("#_inbox h2 [data-cases]")).to_have_text(re.compile(rf"^{cards - 1}\+?$"))
    # The page looks every second whether it may draw the list anew; these looks take no time here.
    for _ in range(5):
        page.clock.fast_forward(1100)
    final, next_final = page.locator(f"#{case}").bounding_box(), below.bounding_box()
    assert final is not None
    assert next_final is not None
    assert abs(final["height"] - before["height"]) < 1
    assert abs(next_final["y"] - next_before["y"]) < 1
    # It may once the card is out of sight, and not before.
    assert fetched == []
    page.evaluate("() => scrollTo(0, document.body.scrollHeight)")
    expect(page.locator(f"#{case}")).to_have_count(0)
    lead.go("/inbox")
    expect(page.locator(f"#{case}")).to_have_count(0)


def test_what_was_decided_is_in_view_on_a_high_card(lead: Phone) -> None:
    page = lead.page
    lead.go("/inbox")
    card = approval(page, "return")
    case = str(card.get_attribute("id"))
    card.evaluate("card => { card.style.paddingTop = '1500px'; }")
    form = page.locator(f"#{case} form[data-op$='.return']")
    page.locator(f"#{case} details.sheet summary").first.click()
    form.locator("[name=reason]").fill(steps.CAUSE)
    form.locator("button").click()
    undo = page.locator(f"#{case} {UNDO}")
    expect(undo).to_be_visible()
    page.locator(f"#{case}").evaluate("card => { card.style.paddingTop = ''; }")
    expect(undo).to_be_in_viewport()
    expect(page.locator(f"#{case} [data-fill='data.reason']")).to_have_text(steps.CAUSE)
    expect(page.locator(f"#{case} [data-fill='data.reason']")).to_be_in_viewport()
    page.locator(f"#toast {UNDO}").click()
    expect(form.locator("[name=reason]")).to_have_value(steps.CAUSE)


def test_undo_puts_the_card_back_and_nothing_was_decided(lead: Phone, server: Server) -> None:
    page = lead.page
    lead.go("/inbox")
    card = approval(page)
    case = str(card.get_attribute("id"))
    kind = str(card.locator("form[data-undo]").first.get_attribute("data-op"))
    card.locator("form[data-undo] button").first.click()
    page.locator(f"#{case} {UNDO}").click()
    expect(page.locator(f"#{case} form[data-op='{kind}'] button")).to_be_visible()
    steps.wait_all_received(lead)
    assert decided(server, kind, case.removeprefix("case-")) == 0
    assert steps.ops_on_phone(page) == []


def test_undo_of_a_return_brings_its_reason_back(lead: Phone, server: Server) -> None:
    page = lead.page
    lead.go("/inbox")
    card = approval(page, "return")
    case = str(card.get_attribute("id"))
    form = page.locator(f"#{case} form[data-op$='.return']")
    page.locator(f"#{case} details.sheet summary").first.click()
    form.locator("[name=reason]").fill(steps.CAUSE)
    form.locator("button").click()
    page.locator(f"#{case} {UNDO}").click()
    expect(form.locator("[name=reason]")).to_have_value(steps.CAUSE)
    expect(form.locator("[name=reason]")).to_be_visible()
    steps.wait_all_received(lead)
    kind = str(form.get_attribute("data-op"))
    assert decided(server, kind, case.removeprefix("case-")) == 0


def test_a_decision_on_a_page_of_its_own_can_be_taken_back_on_the_next(lead: Phone, server: Server) -> None:
    page = lead.page
    lead.go("/inbox")
    record = str(
        approval(page).locator("form[data-op='expense_claim.approve'], form[data-op]").first.get_attribute("data-agg")
    )
    kind, _, ident = record.partition(":")
    lead.go(f"/inbox/{kind}/{ident}/return")
    form = page.locator("form[data-draft]")
    form.locator("[name=reason]").fill(steps.CAUSE)
    form.locator(".dock button").click()
    expect(page).to_have_url(re.compile(r"/inbox$"))
    page.locator(f"#case-{ident} {UNDO}").click()
    expect(page.locator(f"#case-{ident} form[data-op='{kind}.return'] [name=reason]")).to_have_value(steps.CAUSE)
    assert decided(server, f"{kind}.return", ident) == 0


def test_a_hidden_page_sends_what_was_decided_at_once(lead: Phone, server: Server) -> None:
    page = lead.page
    lead.go("/inbox")
    card = approval(page)
    case = str(card.get_attribute("id"))
    kind = str(card.locator("form[data-undo]").first.get_attribute("data-op"))
    card.locator("form[data-undo] button").first.click()
    expect(page.locator(f"#{case} {UNDO}")).to_be_visible()
    hide(page)
    expect(page.locator(f"#{case} {UNDO}")).to_have_count(0)
    eventually(
        server,
        "SELECT count(*) FROM receipt WHERE kind=? AND agg_id=? AND outcome='accepted'",
        kind,
        case.removeprefix("case-"),
        expected=1,
    )


def test_a_closed_tab_sends_what_was_decided(lead: Phone, server: Server) -> None:
    page = lead.new_tab()
    page.goto(server.url + "/inbox")
    card = approval(page)
    case = str(card.get_attribute("id"))
    kind = str(card.locator("form[data-undo]").first.get_attribute("data-op"))
    card.locator("form[data-undo] button").first.click()
    expect(page.locator(f"#{case} {UNDO}")).to_be_visible()
    page.goto("about:blank")
    eventually(
        server,
        "SELECT count(*) FROM receipt WHERE kind=? AND agg_id=? AND outcome='accepted'",
        kind,
        case.removeprefix("case-"),
        expected=1,
    )


def test_a_discarded_expense_can_be_taken_back(tech: Phone, server: Server) -> None:
    page = tech.page
    tech.go("/expenses/new")
    page.fill("[name=amount]", "19.17")
    steps.choose(page, "kind", "parking")
    press(page, EXPENSE)
    expect(page).to_have_url(re.compile(r"/expenses$"))
    steps.wait_all_received(tech)
    page.locator("#open-items li", has_text="19.17").locator("a").click()
    page.click("form[data-op='expense_item.discard'] button")
    expect(page).to_have_url(re.compile(r"/expenses$"))
    page.locator(f"#toast {UNDO}").click()
    expect(page.locator("#open-items li a", has_text="19.17")).to_be_visible()
    assert rows(server, "SELECT state FROM expense_item WHERE amount=19.17") != [("discarded",)]


# The server's no


def test_a_decision_that_came_too_late_says_who_was_first_and_goes(
    lead: Phone, another_phone: Phone, server: Server
) -> None:
    page = lead.page
    lead.go("/inbox")
    case = str(approval(page, "return").get_attribute("id"))
    lead.cut("/sync")
    page.locator(f"#{case} form[data-undo] button").first.click()
    expect(page.locator(f"#{case} {UNDO}")).to_be_visible()
    first = another_phone
    first.sign_in("lead1")
    first.go("/inbox")
    first.page.locator(f"#{case} details.sheet summary").first.click()
    first.page.fill(f"#{case} form[data-op$='.return'] [name=reason]", steps.CAUSE)
    first.page.click(f"#{case} form[data-op$='.return'] button")
    first.page.wait_for_selector(f"#{case} {UNDO}")
    steps.wait_all_received(first)
    lead.mend()
    page.evaluate("() => dispatchEvent(new Event('online'))")
    banner = page.locator("#refused")
    expect(banner).to_contain_text(steps.CAUSE)
    expect(banner.locator("a")).to_have_attribute("href", re.compile(rf"/{case.removeprefix('case-')}$"))
    banner.locator("button").click()
    expect(page.locator("#refused:visible")).to_have_count(0)
    expect(page.locator(f"#{case}")).to_have_count(0)
    assert "conflict" not in str(steps.ops_on_phone(page))


def refuse(page: Page, name: str) -> None:
    """Typed past the phone's own check, as an older page with other limits would."""
    page.evaluate("name => document.querySelector(`[name='${name}']`).removeAttribute('maxlength')", name)
    page.fill(f"[name='{name}']", LONG)


def test_the_form_stays_with_the_reasons_at_its_fields(tech: Phone, server: Server, tmp_path: Path) -> None:
    page = tech.page
    job = steps.next_job(tech)
    tech.go(f"/parts/new?job={job.rsplit('/', 1)[1]}")
    page.locator("[name='lines.0.part_id']").select_option(index=2)
    page.fill("[name='lines.0.qty']", "3")
    refuse(page, "reason")
    press(page, PARTS)
    expect(page.locator("#err-reason")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/parts/new"))
    expect(page.locator("[name='lines.0.qty']")).to_have_value("3")
    expect(page.locator("[name=reason]")).to_be_focused()
    expect(page.locator("#refused")).to_have_count(0)
    page.fill("[name=reason]", steps.CAUSE)
    press(page, PARTS)
    expect(page).not_to_have_url(re.compile(r"/parts/new"))
    steps.wait_all_received(tech)
    assert rows(server, "SELECT count(*) FROM parts_request WHERE reason=?", steps.CAUSE) == [(1,)]
    sql = "SELECT count(*) FROM receipt WHERE kind=? AND outcome='rejected' AND superseded_by IS NULL"
    assert rows(server, sql, "parts_request.submit") == [(0,)]


def test_a_no_that_comes_later_stands_on_top_of_the_page_and_leads_to_the_form(tech: Phone, server: Server) -> None:
    page = tech.page
    tech.go("/expenses/new")
    page.fill("[name=amount]", "31.31")
    steps.choose(page, "kind", "parking")
    refuse(page, "note")
    tech.cut("/sync")
    press(page, EXPENSE)
    expect(page).to_have_url(re.compile(r"/expenses$"))
    tech.mend()
    page.evaluate("() => dispatchEvent(new Event('online'))")
    banner = page.locator("#refused")
    expect(banner).to_be_visible()
    expect(banner).to_have_attribute("role", "alert")
    banner.locator("button").click()
    expect(page).to_have_url(re.compile(r"/expenses/new"))
    expect(page.locator("[name=amount]")).to_have_value("31.31")
    expect(page.locator("#err-note")).to_be_visible()
    expect(page.locator("#refused")).to_be_hidden()


def test_a_refused_claim_opens_at_once_also_without_a_signal(tech: Phone, server: Server) -> None:
    page = tech.page
    tech.go("/expenses/new")
    page.fill("[name=amount]", "27.27")
    steps.choose(page, "kind", "parking")
    press(page, EXPENSE)
    expect(page).to_have_url(re.compile(r"/expenses$"))
    steps.wait_all_received(tech)
    tech.ready_for_offline()
    tech.go("/expenses/claims/new")
    refuse(page, "note")
    tech.cut("/sync")
    press(page, CLAIM)
    expect(page).to_have_url(re.compile(r"/expenses$"))
    # The form's page is on the phone no more: it is fetched as the refusal comes.
    page.evaluate(FORGET_PAGE, "/expenses/claims/new")
    tech.cut("/sync/pack")
    page.evaluate("() => dispatchEvent(new Event('online'))")
    expect(page.locator("#refused")).to_be_visible()
    tech.seen("/expenses/claims/new")
    tech.go("/outbox")
    tech.offline()
    page.locator('[data-outbox-group="attention"] [data-act=correct]').click()
    expect(page.locator(CLAIM)).to_be_visible()
    expect(page.locator("#err-note")).to_be_visible()


def test_what_waits_names_its_amount_with_two_decimals(tech: Phone) -> None:
    page = tech.page
    tech.ready_for_offline()
    tech.go("/expenses/new")
    page.wait_for_function("form => document.querySelector(form)?.noValidate", arg=EXPENSE)
    tech.offline()
    page.fill("[name=amount]", "12.5")
    steps.choose(page, "kind", "parking")
    press(page, EXPENSE)
    expect(page).to_have_url(re.compile("/expenses$"))
    expect(page.locator("#open-items")).to_contain_text(re.compile(r"\u00a5\s?12\.50"))


def test_the_phone_says_itself_what_it_can_know(tech: Phone, another_phone: Phone) -> None:
    page = tech.page
    tech.go("/expenses/new")
    page.wait_for_function("form => document.querySelector(form)?.noValidate", arg=EXPENSE)
    page.fill("[name=amount]", "5")
    steps.choose(page, "kind", "parking")
    page.evaluate(
        """() => {
            const day = new Date(Date.now() + 2 * 86400000).toLocaleDateString('sv-SE');
            const input = document.querySelector('[name=spent_on]');
            input.removeAttribute('max');
            input.value = day;
        }"""
    )
    press(page, EXPENSE)
    expect(page.locator("#err-spent_on")).to_be_visible()
    assert steps.ops_on_phone(page) == []
    page.fill("[name=spent_on]", page.evaluate("new Date().toLocaleDateString('sv-SE')"))
    press(page, EXPENSE)
    steps.wait_saved(page)
    steps.wait_all_received(tech)
    tech.go("/expenses/claims/new")
    page.wait_for_function("form => document.querySelector(form)?.noValidate", arg=CLAIM)
    for box in page.locator("#claim-items input[type=checkbox]").all():
        box.uncheck()
    press(page, CLAIM)
    expect(page.locator("#err-items")).to_be_visible()
    assert [op["kind"] for op in steps.ops_on_phone(page)] == ["expense_item.capture"]
    lead = another_phone
    lead.sign_in("lead1")
    job = planned(lead)
    lead.go(f"{job}/dispatch")
    form = lead.page.locator("form[data-op='job.dispatch']")
    lead.page.wait_for_function("form => document.querySelector(form)?.noValidate", arg="form[data-op='job.dispatch']")
    form.locator("[name=technician_id]").select_option(index=1)
    form.locator("[name=second_id]").select_option(index=1)
    press(lead.page, "form[data-op='job.dispatch']")
    expect(lead.page.locator("#err-second_id")).to_be_visible()
    assert steps.ops_on_phone(lead.page) == []


# Small things


def test_starting_over_brings_the_first_rows_back(tech: Phone) -> None:
    page = tech.page
    job = steps.next_job(tech)
    tech.go(f"/parts/new?job={job.rsplit('/', 1)[1]}")
    before = page.locator("[data-repeat='lines'] > [data-row]").count()
    page.fill("[name='lines.0.qty']", "4")
    page.locator("[data-add-row]").first.click()
    with steps.answering(page):
        page.locator("[data-draft-discard]").click()
    expect(page.locator("[data-repeat='lines'] > [data-row]")).to_have_count(before)
    assert before > 0
    assert page.input_value("[name='lines.0.qty']") == page.locator("[name='lines.0.qty']").get_attribute("value")


def test_starting_over_brings_back_first_rows_that_a_form_may_do_without(tech: Phone) -> None:
    """A report needs no row of parts or devices, and its page shows one of each all the same."""
    page = tech.page
    job = steps.next_job(tech)
    tech.go(f"{job}/report")
    rows_of = page.locator("[data-repeat] > [data-row]")
    before = rows_of.count()
    assert before == page.locator("[data-repeat][data-min='0']").count() > 0
    page.fill("[name=fault]", steps.FAULT)
    page.on("dialog", lambda dialog: dialog.accept())
    page.locator("[data-draft-discard]").click()
    expect(page.locator("[name=fault]")).to_have_value("")
    expect(rows_of).to_have_count(before)


def test_the_time_of_arrival_stays_while_the_start_is_on_the_phone(tech: Phone) -> None:
    page = tech.page
    steps.next_job(tech)
    tech.offline()
    for kind in ("visit.set_out", "visit.arrive", "visit.start"):
        if page.locator(f"form[data-op='{kind}'] button:visible").count():
            steps.tap(page, kind)
    times = page.locator("#_visit_steps .steps li:nth-child(-n+3) :is(time, [data-time-of])")
    expect(times).to_have_count(3)
    for at in range(3):
        expect(times.nth(at)).to_have_text(re.compile(r"\d{2}:\d{2}"))


# Under the finger


def test_nothing_is_replaced_under_a_finger_and_no_tap_is_lost(phone: Phone, server: Server) -> None:
    phone.sign_in("tech3")
    page = phone.page
    page.clock.install()
    job = steps.next_job(phone).rsplit("/", 1)[1]
    form = page.locator("#_visit_steps .dock form[data-op^='visit.']")
    kind = str(form.get_attribute("data-op"))
    visit = str(form.get_attribute("data-agg")).removeprefix("visit:")
    # A record of this job waits: once another tab sends it, this page has to be drawn anew.
    phone.cut("/sync/push")
    tab = phone.new_tab()
    tab.goto(f"{server.url}/parts/new?job={job}")
    tab.locator("[name='lines.0.part_id']").select_option(index=2)
    tab.fill("[name='lines.0.qty']", "1")
    press(tab, PARTS)
    expect(tab).to_have_url(re.compile(f"/jobs/{job}"))
    page.bring_to_front()
    expect(page.locator("#parts-of-job [data-pending-clone]")).to_have_count(1)
    box = form.locator("button").bounding_box()
    assert box is not None
    fetched = parts_fetched(page)
    # A press counts for five seconds. The page gets four of them, however slow this machine is.
    page.clock.pause_at(page.evaluate("() => Date.now() + 100") / 1000)
    page.evaluate("() => { window.pressed = document.querySelector('#_visit_steps .dock form button'); }")
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    phone.mend()
    tab.evaluate("() => dispatchEvent(new Event('online'))")
    for _ in range(200):
        page.clock.run_for(10)
        if [one["state"] for one in steps.ops_on_phone(page)] == ["accepted"]:
            break
        server.pause()
    assert [one["state"] for one in steps.ops_on_phone(page)] == ["accepted"]
    page.clock.run_for(2000)
    assert fetched == []
    assert page.evaluate("() => window.pressed.isConnected")
    page.mouse.up()
    page.clock.resume()
    expect(page.locator(f"form[data-op='{kind}'] button:visible")).to_have_count(0)
    sql = "SELECT count(*) FROM receipt WHERE kind=? AND agg_id=? AND outcome='accepted'"
    eventually(server, sql, kind, visit, expected=1)
    # And then the page is drawn anew after all.
    expect(page.locator("#parts-of-job li a")).not_to_have_count(0)
