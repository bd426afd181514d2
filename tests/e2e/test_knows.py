"""A form knows what its phone knows: after an offline report, with kept pages of different ages (ADR 28)."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e import steps
from tests.e2e.conftest import Phone, Server
from tests.e2e.steps import eventually, rows

REPORT = 'form[data-op="service_report.submit"]'
CLAIM = 'form[data-op="expense_claim.submit"]'
MORE = 'form[data-op="service_report.resubmit"]'
#: As of when this phone knows which expenses are free.
FREE_AT = """async () => {
    const user = document.documentElement.dataset.user;
    return (await (await (await caches.open(`visited-${user}-facts`)).match('/__facts/free')).json()).at;
}"""


def write_report(page: Page, fault: str, form: str = REPORT, another_visit: bool = False) -> None:
    """Fills in a short unsigned report and sends it."""
    steps.choose(page, "result", "another_visit" if another_visit else "solved")
    page.fill("[name=fault]", fault)
    page.fill("[name=work]", steps.WORK)
    if another_visit:
        page.fill("[name=reason]", steps.CAUSE)
        page.fill("[name=plan_at]", (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%dT09:00"))
        page.fill("[name=plan_people]", "tech1")
        page.fill("[name=plan_tools]", "heat gun")
    page.locator("label.check:has([name=unsigned])").click()
    page.fill("[name=no_signature_reason]", "nobody there")
    page.locator(f"{form} .dock button").click()
    steps.wait_saved(page)


def capture(phone: Phone, folder: Path, amount: str) -> None:
    page = phone.page
    phone.go("/expenses/new")
    steps.add_photos(page, "receipt", steps.picture(folder, f"{amount}.jpg", 300))
    page.fill("[name=amount]", amount)
    steps.choose(page, "kind", "local_transport")
    page.locator("form[data-op='expense_item.capture'] .dock button").click()
    steps.wait_saved(page)


def amounts(page: Page) -> list[str]:
    """The amounts of the expenses that the claim form offers, ticked or not."""
    return sorted(
        one.strip() for one in page.locator("#claim-items [data-item]:visible [data-amount]").all_text_contents()
    )


def kinds(page: Page) -> list[str]:
    return [one["kind"] for one in steps.ops_on_phone(page)]


def test_after_an_offline_report_the_visit_is_reported_on_every_screen(phone: Phone, server: Server) -> None:
    page = phone.page
    phone.sign_in("tech1")
    phone.ready_for_offline()
    phone.go("/jobs")
    second = page.locator("template[data-next-card]").first.get_attribute("data-next-card")
    job = steps.next_job(phone)
    phone.offline()
    for kind in ("visit.set_out", "visit.arrive", "visit.start"):
        steps.tap(page, kind)
    phone.go(f"{job}/report")
    visit = page.locator(f"{REPORT} [name=visit_id]").input_value()
    write_report(page, steps.FAULT)

    # The job's page: the step is done, and nothing leads to a second report.
    expect(page).to_have_url(re.compile(re.escape(job) + "$"))
    expect(page.locator("#_visit_steps .strip .ref")).to_be_visible()
    expect(page.locator(f'a[href="{job}/report"]:visible')).to_have_count(0)
    expect(page.locator("#reports-of-job li.pending")).to_be_visible()
    expect(page.locator("#reports-of-job [data-none]:visible")).to_have_count(0)
    times = page.locator("#_visit_steps .steps li:nth-child(-n+4) small")
    expect(times).to_have_count(4)
    for at in range(4):
        expect(times.nth(at)).to_have_text(re.compile(r"\d{2}:\d{2}"))

    # The list: the next job moved up, with its own step; the reported one stands below.
    phone.go("/jobs")
    expect(page.locator("#next-card")).to_have_attribute("data-visit", str(second))
    expect(page.locator(f'#next-card a[href="{job}"]')).to_have_count(0)
    expect(page.locator(f'[data-card] a[href="{job}"]:visible')).to_have_count(1)
    expect(page.locator(f"#s-{visit} [data-pending-clone].ok")).to_be_visible()
    expect(page.locator(f'a[href="{job}/report"]:visible')).to_have_count(0)
    steps.tap(page, "visit.set_out")
    assert kinds(page).count("visit.set_out") == 2

    # The address of the form: a sentence; the form is there for whoever adds to the report on purpose.
    phone.go(f"{job}/report")
    expect(page.locator("[data-said=sent]")).to_be_visible()
    expect(page.locator(REPORT)).to_be_hidden()
    page.locator("[data-said=sent] [data-more]").click()
    expect(page.locator(f"{MORE} [name=fault]")).to_have_value(steps.FAULT)
    expect(page.locator(f"{MORE} [data-adds]")).to_be_visible()
    page.fill("[name=work]", "and the cable")
    page.locator(f"{MORE} .dock button").click()
    steps.wait_saved(page)
    assert kinds(page).count("service_report.submit") == 1

    phone.offline(False)
    steps.wait_all_received(phone)
    visit = rows(server, "SELECT id, state FROM visit WHERE job_id=? AND state='reported'", job.rsplit("/", 1)[1])
    assert len(visit) == 1
    report = "SELECT version, work FROM service_report WHERE visit_id=?"
    assert rows(server, report, visit[0][0]) == [(2, "and the cable")]
    phone.go(job)
    expect(page.locator(f'a[href="{job}/report"]:visible')).to_have_count(0)


def test_report_form_kept_from_the_first_visit_names_the_visit_that_was_started(
    phone: Phone, desk: Phone, server: Server
) -> None:
    page = phone.page
    phone.sign_in("tech2")
    phone.ready_for_offline()
    job = steps.next_job(phone)
    first = str(page.locator("#_visit_steps form[data-agg]").first.get_attribute("data-agg")).removeprefix("visit:")
    phone.go(f"{job}/report")
    phone.seen(f"{job}/report")
    expect(page.locator(f"{REPORT} [name=visit_id]")).to_have_value(first)
    # No new pack from here on: the form that is kept is the first visit's.
    phone.cut("/sync/pack")
    write_report(page, "first", another_visit=True)
    steps.wait_all_received(phone)
    phone.offline()

    # The leader accepts: the plan becomes the second visit.
    report = rows(server, "SELECT id FROM service_report WHERE visit_id=?", first)[0][0]
    group = rows(server, "SELECT group_id FROM service_report WHERE id=?", report)[0][0]
    leader = rows(
        server,
        "SELECT username FROM user JOIN membership ON user_id=user.id WHERE role='leader' AND group_id=?",
        group,
    )[0][0]
    desk.sign_in(leader)
    desk.go(f"/reports/{report}")
    desk.page.locator('form[data-op="service_report.accept"] button').click()
    eventually(server, "SELECT state FROM visit WHERE id=?", first, expected="accepted_by_leader")
    second = rows(server, "SELECT id FROM visit WHERE job_id=? AND id<>?", job.rsplit("/", 1)[1], first)[0][0]

    # Online for one look at the job's page.
    phone.offline(False)
    phone.go(job)
    expect(page.locator(f'#_visit_steps form[data-agg="visit:{second}"]').first).to_be_visible()
    phone.seen(job)
    keep_old_form(page, f"{job}/report", first)
    phone.offline()
    page.reload()
    for kind in ("visit.set_out", "visit.arrive", "visit.start"):
        steps.tap(page, kind)
    page.locator(f'a[href="{job}/report"]:visible').first.click()
    expect(page.locator(f"{REPORT} [name=visit_id]")).to_have_value(second)
    write_report(page, "second")
    sent = [
        json.loads(one["body"])["data"] for one in steps.ops_on_phone(page) if one["kind"] == "service_report.submit"
    ]
    assert {one["fault"]: one["visit_id"] for one in sent} == {"first": first, "second": second}

    phone.mend()
    phone.offline(False)
    steps.wait_all_received(phone)
    eventually(server, "SELECT state FROM visit WHERE id=?", second, expected="reported")
    assert rows(server, "SELECT is_further FROM service_report WHERE visit_id=?", second) == [(0,)]


def keep_old_form(page: Page, path: str, visit: str) -> None:
    """Only the form that was drawn for this visit is on the phone."""
    left = page.evaluate(
        """async ([path, visit]) => {
            const left = [];
            for (const name of await caches.keys()) {
                if (!/^(pack|visited)-\\d+/.test(name)) continue;
                const held = await (await caches.open(name)).match(path, {ignoreVary: true});
                if (held) left.push((await held.text()).includes(`name="visit_id" value="${visit}"`));
            }
            return left;
        }""",
        [path, visit],
    )
    assert left
    assert all(left)


def test_claim_form_lists_what_is_free_by_all_the_phone_knows(phone: Phone, server: Server, tmp_path: Path) -> None:
    page = phone.page
    phone.sign_in("tech3")
    phone.ready_for_offline()
    capture(phone, tmp_path, "11.00")
    capture(phone, tmp_path, "12.50")
    steps.wait_all_received(phone)
    phone.go("/expenses/claims/new")
    phone.seen("/expenses/claims/new")
    before = amounts(page)
    assert {"11.00", "12.50"} <= set(before)
    phone.cut("/sync/pack")
    phone.offline()
    capture(phone, tmp_path, "7.25")

    # What was captured without signal is listed, too, and the total follows what is ticked.
    phone.go("/expenses/claims/new")
    expect(page.locator("#claim-items .pending [data-amount]")).to_have_count(1)
    assert amounts(page) == sorted([*before, "7.25"])
    while page.locator("#claim-items input:checked").count():
        page.locator("#claim-items input:checked").first.uncheck()
    expect(page.locator("[data-chosen-total]")).to_have_text("0.00")
    for amount in ("11.00", "7.25"):
        page.locator("#claim-items [data-item]", has_text=amount).locator("input").check()
    expect(page.locator("[data-chosen-total]")).to_have_text("18.25")
    page.locator(f"{CLAIM} .dock button").click()
    steps.wait_saved(page)

    # While it waits, its expenses are open no more, it says what it comes to, and they are in no second claim.
    phone.go("/expenses")
    expect(page.locator("#my-claims .pending [data-claimed]")).to_have_text("\u00a5 18.25")
    expect(page.locator("#my-claims [data-none]:visible")).to_have_count(0)
    for amount in ("11.00", "7.25"):
        expect(page.locator("#open-items > li:visible", has_text=amount)).to_have_count(0)
    phone.go("/expenses/claims/new")
    expect(page.locator("#claim-items [data-item]:visible", has_text="11.00")).to_have_count(0)
    rest = sorted(set(before) - {"11.00"})
    assert amounts(page) == rest

    # Received, and the kept form is still the old one. The form's own page would load itself anew in between.
    phone.go("/outbox")
    phone.offline(False)
    steps.wait_all_received(phone)
    phone.offline()
    phone.go("/expenses/claims/new")
    expect(page.locator("#claim-items [data-item]:visible", has_text="11.00")).to_have_count(0)
    assert amounts(page) == rest

    # A newer page states what is free, and knows of the claim; the kept form is older than both.
    phone.offline(False)
    stated = page.evaluate(FREE_AT)
    phone.go("/expenses")
    steps.until(page, f"async (before) => await ({FREE_AT})() > before", stated)
    phone.offline()
    phone.go("/expenses/claims/new")
    expect(page.locator("#claim-items [data-item]:visible", has_text="11.00")).to_have_count(0)
    assert amounts(page) == rest
    page.locator(f"{CLAIM} .dock button").click()
    steps.wait_saved(page)
    phone.go("/expenses/claims/new")
    expect(page.locator("#claim-items [data-none]")).to_be_visible()
    expect(page.locator(f"{CLAIM} .dock")).to_be_hidden()
    phone.mend()
    phone.offline(False)
    steps.wait_all_received(phone)
    assert rows(server, "SELECT count(*) FROM receipt WHERE kind='expense_claim.submit' AND outcome<>'accepted'") == [
        (0,)
    ]
    assert rows(server, "SELECT count(*) FROM expense_claim WHERE state='submitted' AND total=1825") == [(1,)]


@pytest.mark.parametrize(("username", "has_older_form"), [("tech4", False), ("tech3", True)])
def test_second_report_that_met_the_first_goes_on_as_its_next_version(
    phone: Phone, another_phone: Phone, server: Server, username: str, has_older_form: bool
) -> None:
    page = phone.page
    phone.sign_in(username)
    phone.ready_for_offline()
    job = steps.next_job(phone)
    phone.go(f"{job}/report")
    visit = page.locator(f"{REPORT} [name=visit_id]").input_value()
    phone.seen(f"{job}/report")
    phone.offline()
    page.fill("[name=fault]", "typed into the older form")

    # The same person, on another phone, reports the visit first.
    another_phone.sign_in(username)
    another_phone.go(f"{job}/report")
    write_report(another_phone.page, "from the other phone")
    steps.wait_all_received(another_phone)

    write_report(page, "from the cellar")
    if has_older_form:
        # Records arrive, and no page is fetched any more.
        phone.cut("/sync/pack", "/jobs")
    phone.offline(False)
    expect(page.locator("#sync-chip")).to_have_class(re.compile("bad"), timeout=60_000)
    if has_older_form:
        keep_old_form(page, f"{job}/report", visit)
        phone.offline()
    phone.go("/outbox")
    item = page.locator('[data-outbox-group="attention"] li[data-state=conflict]')
    expect(item).to_have_count(1)
    item.locator("[data-act=correct]").click()
    expect(page.locator(f"{MORE} [name=fault]")).to_have_value("from the cellar")
    page.locator(f"{MORE} .dock button").click()
    steps.wait_saved(page)
    phone.mend()
    phone.offline(False)
    steps.wait_all_received(phone)
    report = "SELECT version, fault FROM service_report WHERE job_id=?"
    assert rows(server, report, job.rsplit("/", 1)[1]) == [(2, "from the cellar")]
    phone.go("/outbox")
    expect(page.locator('[data-outbox-group="attention"] li')).to_have_count(0)


def half_typed(page: Page, fault: str) -> None:
    """The form shows what was typed, and one photo."""
    expect(page.locator(".dock button:visible")).to_have_count(1)
    expect(page.locator("[name=fault]:visible")).to_have_value(fault)
    expect(page.locator("[data-photos][data-role=photo] [data-photo-list] > li")).to_have_count(1)


def redraw_for(page: Page, path: str, visit: str, other: str) -> None:
    """Every copy of the page on the phone names another visit."""
    page.evaluate(
        """async ([path, visit, other]) => {
            for (const name of await caches.keys()) {
                if (!/^(pack|visited)-\\d+/.test(name)) continue;
                const cache = await caches.open(name);
                const held = await cache.match(path, {ignoreVary: true});
                if (!held) continue;
                const headers = new Headers(held.headers);
                headers.delete('Content-Encoding');
                const text = (await held.text()).replaceAll(visit, other);
                await cache.delete(path, {ignoreVary: true});
                await cache.put(path, new Response(text, {headers}));
            }
        }""",
        [path, visit, other],
    )


def test_71_a_half_typed_report_is_found_by_a_copy_of_another_visit(phone: Phone, tmp_path: Path) -> None:
    page = phone.page
    phone.sign_in("tech5")
    phone.ready_for_offline()
    job = steps.next_job(phone)
    form = f"{job}/report"
    phone.go(form)
    phone.seen(form)
    visit = page.locator(f"{REPORT} [name=visit_id]").input_value()
    page.fill("[name=fault]", "half typed")
    steps.add_photos(page, "photo", steps.picture(tmp_path, "half.jpg", 300))
    expect(page.locator("[data-draft-note]")).to_be_visible()
    phone.offline()
    page.reload()
    half_typed(page, "half typed")

    # The copy that is shown now is older or newer than the one it was typed into.
    other = "0" * 8 + visit[8:]
    redraw_for(page, form, visit, other)
    page.reload()
    expect(page.locator(f"{REPORT} [name=visit_id]")).to_have_value(other)
    half_typed(page, "half typed")

    # What is typed on goes into the same draft, and the outbox leads to it.
    page.fill("[name=fault]", "typed on")
    expect(page.locator("[data-draft-note]")).to_be_visible()
    phone.go("/outbox")
    expect(page.locator("[data-drafts] [data-draft-key]")).to_have_count(1)
    page.locator("[data-drafts] a").click()
    half_typed(page, "typed on")


def test_71_what_is_added_to_a_report_stays_in_its_form_once_the_report_is_received(
    phone: Phone, server: Server, tmp_path: Path
) -> None:
    """The form becomes that of the next version, and the server's page of it has a key of its own."""
    page = phone.page
    phone.sign_in("tech6")
    phone.ready_for_offline()
    job = steps.next_job(phone)
    form = f"{job}/report"
    phone.offline()
    phone.go(form)
    write_report(page, "first")
    phone.go(form)
    page.locator("[data-said=sent] [data-more]").click()
    page.fill("[name=fault]", "and more")
    steps.add_photos(page, "photo", steps.picture(tmp_path, "more.jpg", 300))
    expect(page.locator("[data-draft-note]")).to_be_visible()
    page.reload()
    page.locator("[data-said=sent] [data-more]").click()
    half_typed(page, "and more")

    phone.offline(False)
    steps.wait_all_received(phone)
    phone.go(form)
    expect(page.locator(MORE)).to_be_visible()
    phone.seen(form)
    half_typed(page, "and more")
    phone.offline()
    page.reload()
    half_typed(page, "and more")

    # The photo belongs to what is sent.
    page.locator(f"{MORE} .dock button").click()
    steps.wait_saved(page)
    phone.offline(False)
    steps.wait_all_received(phone)
    report = rows(server, "SELECT id, version, fault FROM service_report WHERE job_id=?", job.rsplit("/", 1)[1])
    assert [one[1:] for one in report] == [(2, "and more")]
    photos = "SELECT count(*) FROM attachment WHERE state='stored' AND agg_id=?"
    assert rows(server, photos, report[0][0]) == [(1,)]
