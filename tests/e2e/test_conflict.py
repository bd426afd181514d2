"""Two people and one record, and work on a job that was cancelled meanwhile, in a real browser at 360 px."""

from __future__ import annotations

import json
import re

from playwright.sync_api import expect

from tests.e2e import steps
from tests.e2e.conftest import Phone, Server
from tests.e2e.steps import eventually, rows
from tests.e2e.test_accessibility import look_at

AMEND = 'form[data-op="asset.amend"]'


def fill_and_send(phone: Phone, url: str, **fields: str) -> None:
    """Changes fields of the equipment's form and sends it."""
    phone.go(url)
    for name, value in fields.items():
        phone.page.fill(f"{AMEND} [name={name}]", value)
    phone.page.locator(f"{AMEND} .dock button").click()
    steps.wait_saved(phone.page)


def asset_of(server: Server, asset: str) -> dict[str, object]:
    names = ("serial_no", "model", "mounted_at", "note")
    row = rows(server, f"SELECT {', '.join(names)} FROM asset WHERE id=?", asset)[0]  # noqa: S608 - our own names
    return dict(zip(names, row, strict=True))


def effects(server: Server, asset: str) -> list[dict[str, object]]:
    """The values of an asset after each entry of the audit log, the oldest first."""
    sql = (
        "SELECT e.id, c.body FROM audit_entry e JOIN audit_content c ON c.entry_id = e.id "
        "WHERE e.agg_type='asset' AND e.agg_id=? ORDER BY e.id"
    )
    found: dict[int, dict[str, object]] = {}
    for number, body in rows(server, sql, asset):
        found.setdefault(number, {}).update(json.loads(body).get("after") or {})
    return list(found.values())


def conflict_arrives(phone: Phone) -> None:
    """Back in the street: the record is sent by itself and comes back as a conflict."""
    phone.offline(False)
    expect(phone.page.locator("#sync-chip")).to_have_class(re.compile("bad"), timeout=60_000)
    phone.go("/outbox")
    expect(phone.page.locator('[data-outbox-group="attention"] li[data-state=conflict]')).to_have_count(1)


def test_51_one_field_by_two_people(phone: Phone, desk: Phone, server: Server) -> None:
    page = phone.page
    phone.sign_in("tech1")
    phone.ready_for_offline()
    job = steps.next_job(phone)
    link = page.locator('#_equipment a[href*="/assets/"]').first
    url = str(link.get_attribute("href"))
    asset = url.rsplit("/", 1)[1]
    before = asset_of(server, asset)

    # In the cellar: the form opens from the pack; the correction stands on the job's page while it waits.
    phone.offline()
    link.click()
    expect(page).to_have_url(re.compile(re.escape(url)))
    fill_and_send(phone, url, serial_no="T-2222", note="Loose cable")
    expect(page).to_have_url(re.compile(re.escape(job) + "$"))
    expect(page.locator(f"#asset-{asset} .strip")).to_contain_text("T-2222")

    # Meanwhile the desk changes the same field and another one.
    desk.sign_in("agent")
    fill_and_send(desk, url, serial_no="D-1111", mounted_at="Cab, left")
    eventually(server, "SELECT serial_no FROM asset WHERE id=?", asset, expected="D-1111")

    # The card: both values in words; nothing is sent before one chose.
    conflict_arrives(phone)
    card = page.locator("[data-conflict]")
    expect(card).to_contain_text("T-2222")
    expect(card).to_contain_text("D-1111")
    decide = card.locator("[data-act=decide]")
    expect(decide).to_be_disabled()
    assert look_at(page, "the card of a conflict") == []
    card.locator('label:has(input[value="mine"])').click()
    decide.click()
    expect(page.locator('[data-outbox-group="attention"]')).to_be_hidden()
    steps.wait_all_received(phone)
    eventually(server, "SELECT serial_no FROM asset WHERE id=?", asset, expected="T-2222")
    assert asset_of(server, asset) == {
        **before,
        "serial_no": "T-2222",
        "note": "Loose cable",
        "mounted_at": "Cab, left",
    }
    assert effects(server, asset) == [
        {"serial_no": "D-1111", "mounted_at": "Cab, left"},
        {"serial_no": "T-2222", "note": "Loose cable"},
    ]
    outcomes = rows(server, "SELECT outcome FROM receipt WHERE agg_id=? AND channel='sync' ORDER BY received_at", asset)
    assert outcomes == [("accepted",), ("conflict",), ("accepted",)]

    # Once more, decided in the reopened form: theirs is taken, what nobody disputes is kept.
    phone.go(url)
    phone.offline()
    fill_and_send(phone, url, model="T-MODEL", note="Cable fixed")
    fill_and_send(desk, url, model="D-MODEL")
    eventually(server, "SELECT model FROM asset WHERE id=?", asset, expected="D-MODEL")
    conflict_arrives(phone)
    page.locator("li[data-state=conflict] [data-act=correct]").click()
    expect(page.locator("#err-model")).to_contain_text("D-MODEL")
    expect(page.locator("[name=model]")).to_have_value("T-MODEL")
    expect(page.locator("[name=note]")).to_have_value("Cable fixed")
    assert look_at(page, "the form with both values") == []
    page.locator("#err-model + .row button").nth(1).click()
    expect(page.locator("[name=model]")).to_have_value("D-MODEL")
    page.locator(f"{AMEND} .dock button").click()
    steps.wait_saved(page)
    steps.wait_all_received(phone)
    eventually(server, "SELECT note FROM asset WHERE id=?", asset, expected="Cable fixed")
    assert effects(server, asset)[2:] == [{"model": "D-MODEL"}, {"note": "Cable fixed"}]
    assert server.flask("check").returncode == 0
    assert phone.problems == desk.problems == []


def test_50_late_work_on_a_cancelled_job(phone: Phone, another_phone: Phone, server: Server) -> None:
    page, lead = phone.page, another_phone
    phone.sign_in("tech2")
    phone.ready_for_offline()
    job = steps.next_job(phone)
    visit = str(page.locator('form[data-agg^="visit:"]').first.get_attribute("data-agg")).split(":")[1]
    phone.offline()

    # The leader calls the job off, and says why.
    lead.sign_in("lead1")
    lead.go(job)
    lead.page.locator(f'#_summary a[href="{job}/cancel"]').click()
    lead.page.fill("[name=reason]", "Called off by the customer")
    lead.page.locator('form[data-op="job.cancel"] .dock button').click()
    steps.wait_saved(lead.page)
    eventually(server, "SELECT state FROM job WHERE id=?", job.rsplit("/", 1)[1], expected="cancelled")

    # The technician knows nothing of it, works and reports.
    button = page.locator('.dock form[data-agg^="visit:"] button:visible')
    tapped = 0
    while button.count():
        kind = str(page.locator('.dock form[data-agg^="visit:"]:visible').first.get_attribute("data-op"))
        steps.tap(page, kind)
        tapped += 1
        assert tapped < 5
    phone.go(f"{job}/report")
    steps.choose(page, "result", "solved")
    page.fill("[name=fault]", steps.FAULT)
    page.fill("[name=work]", steps.WORK)
    page.fill("[name=customer_name]", steps.CUSTOMER)
    steps.choose(page, "satisfaction", "5")
    steps.sign(page)
    page.locator("form[data-op='service_report.submit'] .dock button").click()
    steps.wait_saved(page)

    # All of it arrives, is kept and marked, and moves nothing.
    phone.offline(False)
    steps.wait_all_received(phone)
    eventually(server, "SELECT late || late_why FROM service_report WHERE visit_id=?", visit, expected="1cancelled")
    assert rows(server, "SELECT state FROM visit WHERE id=?", visit) == [("cancelled",)]
    assert rows(server, "SELECT count(*) FROM visit_event WHERE visit_id=? AND late", visit) == [(tapped + 1,)]
    phone.go("/outbox")
    notes = page.locator('[data-outbox-group="delivered"] [data-slot=note]:visible')
    expect(notes).to_have_count(tapped + 1)

    # The leader finds it: in the inbox, and on the job's page.
    lead.go("/inbox")
    expect(lead.page.locator(f'#notices form[data-done="{job}"] button').first).to_be_visible()
    lead.go(job)
    expect(lead.page.locator("#_timeline .tag.hot")).to_have_count(tapped + 1)
    expect(lead.page.locator('#_summary form[data-op="job.restore"]')).to_have_count(1)
    assert server.flask("check").returncode == 0
    assert phone.problems == lead.problems == []
