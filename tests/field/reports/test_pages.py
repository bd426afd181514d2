"""Pages of reports: who gets in, what they show, and the path without JavaScript."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from fieldapp.field.jobs import JOB_TAGS
from fieldapp.field.reports import NextVisitPlan, ServiceReport
from fieldapp.field.reports.queries.one import sees
from fieldapp.kernel import clock
from fieldapp.platform.extensions import db
from tests.field.reports.sheets import (
    OTHER_STROKES,
    cancel,
    corrected,
    decide,
    give_away,
    make_part,
    only_report,
    plan,
    submit,
    versions,
    visit_of,
)
from tests.support.bench import Bench

LIMIT = 12


@pytest.fixture
def sent(bench: Bench) -> str:
    """A report that waits for the leader."""
    _, visit = bench.make_job(state="working")
    assert submit(bench, bench.cast.tech, visit, cause="<b>Age</b>").outcome == "accepted"
    return only_report(bench).id


def page(bench: Bench, who: str, url: str, **headers: str) -> Any:
    return bench.client_of(getattr(bench.cast, who)).get(url, headers=headers)


# -- the form ------------------------------------------------------------------------------------------------


def test_the_form_asks_for_the_result_first(bench: Bench) -> None:
    job, visit = bench.make_job()
    make_part(bench)
    html = page(bench, "tech", f"/jobs/{job}/report").text
    assert f'name="visit_id" value="{visit}"' in html
    assert f'data-draft="service_report:{visit}"' in html
    assert 'data-agg-new="service_report"' in html
    names = re.findall(r'name="([a-z_]+)"', html)
    assert names.index("result") < names.index("fault") < names.index("work") < names.index("signature")
    assert "PCB-1 Main board" in html
    assert re.search(r'<option value="HA8K321" data-fill-old_terminal="8832019"', html)
    assert 'value="Tech Person"' in html


@pytest.mark.parametrize(("category", "is_open"), [("gps_terminal", True), ("printer", False)])
def test_device_rows_are_open_for_terminals_only(bench: Bench, category: str, is_open: bool) -> None:
    job, _ = bench.make_job(category=category)
    html = page(bench, "tech", f"/jobs/{job}/report").text
    assert ("<details open><summary>Vehicles" in html) is is_open


@pytest.mark.parametrize(
    ("who", "status"),
    [("tech2", 404), ("other_tech", 404), ("other_leader", 404), ("leader", 403), ("finance", 403), ("hr", 403)],
)
def test_only_people_of_the_visit_get_the_form(bench: Bench, who: str, status: int) -> None:
    job, _ = bench.make_job()
    assert page(bench, who, f"/jobs/{job}/report").status_code == status


def test_signed_out(bench: Bench, sent: str) -> None:
    client = bench.app.test_client()
    job = only_report(bench).job_id
    for url in (
        f"/jobs/{job}/report",
        f"/jobs/{job}/reports",
        "/reports",
        f"/reports/{sent}",
        f"/reports/{sent}/correct",
    ):
        answer = client.get(url)
        assert (answer.status_code, "/login" in answer.headers["Location"]) == (302, True)


def post(bench: Bench, url: str, **fields: str) -> Any:
    client = bench.client_of(bench.cast.tech)
    html = client.get(url).text
    form = html[html.index("data-op=") :]
    hidden = dict(re.findall(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)">', form))
    return client.post(url, data={**hidden, **fields})


def test_a_plain_post_goes_through_the_same_door(bench: Bench) -> None:
    job, _ = bench.make_job(state="working")
    fields = {"result": "solved", "fault": "f", "work": "w", "no_signature_reason": "Nobody there"}
    answer = post(bench, f"/jobs/{job}/report", **fields)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/jobs/{job}?sent=1")
    report = only_report(bench)
    assert re.fullmatch(r"R\d{6}-[0-9A-F]{4}", report.ref)
    assert report.no_signature_reason == "Nobody there"


def test_d_job_7_what_is_missing_stands_at_its_field_and_nothing_typed_is_lost(bench: Bench) -> None:
    job, _ = bench.make_job(state="working")
    answer = post(bench, f"/jobs/{job}/report", result="another_visit", fault="kept", work="w", plan_people="")
    assert answer.status_code == 422
    assert re.search(r'id="err-plan_at">Please fill this in', answer.text)
    assert re.search(r'id="err-signature">Please fill this in', answer.text)
    assert ">kept</textarea>" in answer.text
    assert "novalidate" in answer.text


def test_late_work_is_announced_on_the_form(bench: Bench) -> None:
    job, visit = bench.make_job()
    cancel(bench, visit)
    assert "was cancelled meanwhile" in page(bench, "tech", f"/jobs/{job}/report").text
    other, taken = bench.make_job()
    give_away(bench, taken, bench.cast.tech, bench.cast.tech2)
    assert "given to somebody else" in page(bench, "tech", f"/jobs/{other}/report").text


def test_where_a_report_waits_the_address_of_the_form_adds_to_it(bench: Bench, sent: str) -> None:
    job = only_report(bench).job_id
    html = page(bench, "tech", f"/jobs/{job}/report").text
    assert "Add to the report" in html
    assert "Send the addition" in html
    assert "It is sent as a new version of the same report." in html
    assert "Send the corrected report" not in html
    assert f'data-agg="service_report:{sent}"' in html
    assert 'data-op="service_report.submit"' not in html


def test_where_the_report_is_accepted_a_further_one_is_behind_a_word_of_its_own(bench: Bench, sent: str) -> None:
    decide(bench, bench.cast.leader, "accept", sent)
    html = page(bench, "tech", f"/jobs/{only_report(bench).job_id}/report").text
    assert html.index(f'href="/reports/{sent}"') < html.index("<details>") < html.index("Add a further report")
    assert html.index("Add a further report") < html.index('data-op="service_report.submit"')


def test_pages_state_the_visit_that_wants_a_report(bench: Bench) -> None:
    job, visit = bench.make_job(state="working")
    due = {f"due:{job}": {"visit": visit, "report": "", "state": ""}}
    assert stated(page(bench, "tech", f"/jobs/{job}/report").text) == due
    on_job = stated(page(bench, "tech", f"/jobs/{job}").text)
    assert on_job == {**due, f"job:{job}": {"visit": visit, "state": "working"}}
    assert stated(page(bench, "tech", "/jobs").text) == {f"job:{job}": {"visit": visit, "state": "working"}}
    assert f"job:{job}" not in stated(page(bench, "leader", f"/jobs/{job}").text)


def stated(html: str) -> dict[str, Any]:
    """The facts that a page states (ADR 28)."""
    found: dict[str, Any] = {}
    for block in re.findall(r"<template data-facts>(.*?)</template>", html, re.S):
        found |= json.loads(block)
    return found


def test_a_returned_report_is_corrected_with_the_reason_on_top(bench: Bench, sent: str) -> None:
    decide(bench, bench.cast.leader, "return", sent, reason="Which <i>feed</i>?")
    job = only_report(bench).job_id
    for url in (f"/reports/{sent}/correct", f"/jobs/{job}/report"):
        html = page(bench, "tech", url).text
        assert html.index("Which &lt;i&gt;feed&lt;/i&gt;?") < html.index('data-op="service_report.resubmit"')
        assert f'data-agg="service_report:{sent}"' in html
        assert f'action="/reports/{sent}/correct"' in html
        assert "Antenna feed aged, no signal</textarea>" in html
        assert "&lt;b&gt;Age&lt;/b&gt;</textarea>" in html
        assert 'name="signature" value=""' in html, "signed anew"
    assert post(bench, f"/reports/{sent}/correct", **_typed()).headers["Location"] == f"/jobs/{job}?sent=1"
    assert len(versions(bench)) == 2


def _typed() -> dict[str, str]:
    return {"result": "solved", "fault": "Better", "work": "w", "signature": str(OTHER_STROKES).replace(" ", "")}


@pytest.mark.parametrize(("who", "status"), [("tech2", 404), ("other_tech", 404), ("leader", 404), ("finance", 403)])
def test_only_the_author_gets_the_correction(bench: Bench, sent: str, who: str, status: int) -> None:
    decide(bench, bench.cast.leader, "return", sent, reason="More")
    assert page(bench, who, f"/reports/{sent}/correct").status_code == status


def test_an_accepted_report_is_only_read(bench: Bench, sent: str) -> None:
    decide(bench, bench.cast.leader, "accept", sent)
    assert page(bench, "tech", f"/reports/{sent}/correct").headers["Location"] == f"/reports/{sent}"
    assert "/correct" not in page(bench, "tech", f"/reports/{sent}").text


# -- the report ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("tech", 200),
        ("leader", 200),
        ("manager", 200),
        ("finance", 200),
        ("agent", 200),
        ("quality", 200),
        ("executive", 200),
        ("tech2", 404),
        ("other_tech", 404),
        ("other_leader", 404),
        ("purchasing", 403),
        ("hr", 403),
        ("admin", 403),
    ],
)
def test_who_reads_a_report_and_its_photos(bench: Bench, sent: str, who: str, status: int) -> None:
    person = getattr(bench.cast, who)
    assert page(bench, who, f"/reports/{sent}").status_code == status
    actor = bench.actor(person)
    with bench.app.app_context():
        assert sees(actor, sent) is (status == 200)


def test_an_unknown_report_is_not_found(bench: Bench) -> None:
    assert page(bench, "leader", "/reports/01890000-0000-7000-8000-000000000000").status_code == 404


def test_the_report_shows_what_was_signed_and_decided(bench: Bench, sent: str) -> None:
    decide(bench, bench.cast.leader, "return", sent, reason="Which feed?")
    parts = [{"name": "Feed 3 m", "qty": 2, "old_serial": "A1", "new_serial": "B2"}]
    corrected(bench, bench.cast.tech, sent, fault="Feed torn", parts=parts, **plan(plan_lines=_lines()))
    decide(bench, bench.cast.leader, "accept", sent, reason="Thank you")
    html = page(bench, "tech", f"/reports/{sent}").text
    assert "&lt;b&gt;Age&lt;/b&gt;" in html
    assert '<path d="M61 119C' in html
    assert html.count('<svg viewBox="0 0 600 200"') == 2, "both signatures"
    assert re.search(r'<del>Antenna feed aged, no signal</del> <mark class="diff">Feed torn</mark>', html)
    assert "Feed 3 m ×2 · removed A1 → installed B2" in html
    assert "Which feed?" in html
    assert "Thank you" in html
    assert "Leader Person" in html
    assert "1,240.00" in html
    assert "Next visit planned" in html


def _lines() -> list[dict[str, Any]]:
    return [{"name": "Board", "qty": 2, "unit_price": "620.00"}]


def test_photos_say_how_many_have_arrived(bench: Bench) -> None:
    _, visit = bench.make_job()
    notes = [bench.photo()[0] for _ in range(3)]
    submit(bench, bench.cast.tech, visit, envelope={"atts": notes})
    assert "0/3 photos arrived" in page(bench, "leader", f"/reports/{only_report(bench).id}").text


def test_only_who_may_decide_is_offered_it(bench: Bench, sent: str) -> None:
    offered = {who: "service_report.accept" in page(bench, who, f"/reports/{sent}").text for who in ("tech", "leader")}
    assert 'data-op="service_report.accept"' in page(bench, "leader", f"/reports/{sent}").text
    assert 'data-op="service_report.accept"' not in page(bench, "tech", f"/reports/{sent}").text
    assert 'data-op="service_report.accept"' not in page(bench, "manager", f"/reports/{sent}").text
    assert offered["leader"]


def test_page_and_fragment(bench: Bench, sent: str) -> None:
    part = page(bench, "tech", f"/reports/{sent}", **{"HX-Request": "true"}).text
    assert part.strip().startswith('<section id="_report"')
    assert "<html" not in part
    job = only_report(bench).job_id
    panel = page(bench, "tech", f"/jobs/{job}/reports", **{"HX-Request": "true"}).text
    assert panel.strip().startswith('<section id="_job_reports"')
    assert page(bench, "tech", f"/jobs/{job}/reports").headers["Location"] == f"/jobs/{job}"
    assert page(bench, "other_tech", f"/jobs/{job}/reports").status_code == 404


# -- the list, the job, the inbox ----------------------------------------------------------------------------


def test_the_list_holds_what_one_may_see(bench: Bench, sent: str) -> None:
    seen = {
        who: f"/reports/{sent}" in page(bench, who, "/reports").text
        for who in ("tech", "tech2", "other_tech", "leader", "other_leader", "manager", "quality")
    }
    assert {who for who, is_there in seen.items() if is_there} == {"tech", "leader", "manager", "quality"}
    assert page(bench, "hr", "/reports").status_code == 403


def test_filters(bench: Bench, sent: str) -> None:
    month = clock.today().strftime("%Y-%m")
    for query, is_there in (
        ("state=submitted", True),
        ("state=accepted", False),
        (f"month={month}", True),
        ("month=2020-01", False),
        ("month=nonsense", False),
        (f"technician={bench.cast.tech.id}", True),
        (f"technician={bench.cast.tech2.id}", False),
        ("technician=x", False),
        ("after=broken", True),
    ):
        assert (f"/reports/{sent}" in page(bench, "leader", f"/reports?{query}").text) is is_there, query


def test_the_list_goes_on_from_where_it_stopped(bench: Bench) -> None:
    for _ in range(53):
        _, visit = bench.make_job()
        submit(bench, bench.cast.tech, visit)
    first = page(bench, "tech", "/reports").text
    following = re.search(r'href="(/reports\?after=[^"]+)"', first)
    assert following is not None
    rest = page(bench, "tech", following[1]).text
    pattern = r'href="/reports/([0-9a-f-]{36})"'
    assert (len(set(re.findall(pattern, first))), len(set(re.findall(pattern, rest)))) == (50, 3)
    assert not set(re.findall(pattern, first)) & set(re.findall(pattern, rest))


def test_the_job_page_leads_to_the_form_and_says_what_is_pending(bench: Bench) -> None:
    job, visit = bench.make_job(state="working")
    html = page(bench, "tech", f"/jobs/{job}").text
    assert f'href="/jobs/{job}/report"' in html
    assert f'data-pending="service_report.submit" data-where="visit_id={visit}"' in html
    submit(bench, bench.cast.tech, visit)
    report = only_report(bench).id
    html = page(bench, "tech", f"/jobs/{job}").text
    assert f'href="/reports/{report}"' in html
    assert "service_report.submit" not in html
    decide(bench, bench.cast.leader, "return", report, reason="More")
    assert f'href="/reports/{report}/correct"' in page(bench, "tech", f"/jobs/{job}").text


def test_late_work_is_tagged_on_the_job_list(bench: Bench) -> None:
    _, visit = bench.make_job()
    cancel(bench, visit)
    submit(bench, bench.cast.tech, visit)
    with bench.app.test_request_context(headers={"Accept-Language": "en"}):
        found = [tags([only_report(bench).job_id]) for tags in JOB_TAGS.all()]
    assert [("hot", "Late work")] in [
        [(look, str(words)) for look, words in one] for tags in found for one in tags.values()
    ]


def test_the_inbox_says_what_is_decided_on(bench: Bench) -> None:
    _, visit = bench.make_job(state="working")
    lines = _lines()
    submit(bench, bench.cast.tech, visit, satisfaction=2, fee_amount="80", fee_method="cash", **plan(plan_lines=lines))
    html = page(bench, "leader", "/inbox").text
    for words in ("Huayu Logistics · Terminal offline", "Another visit", "signed", "Satisfaction 2 of 5", "1,240.00"):
        assert words in html, words
    assert "Fee ¥\u00a080.00" in html
    assert "Hot air" in html


UNMATCHED = "No technician of the group is called: Somebody Else, Bob."


def test_d_job_7_the_leader_reads_which_names_of_a_plan_match_nobody(bench: Bench) -> None:
    """Where the leader accepts, and on the report."""
    _, visit = bench.make_job(state="working")
    submit(bench, bench.cast.tech, visit, **plan(plan_people="Somebody Else, Tech2 Person, Bob"))
    for url in ("/inbox", f"/reports/{only_report(bench).id}"):
        html = page(bench, "leader", url).text
        assert f"{UNMATCHED} The next visit is planned for: Tech2 Person." in html, url


def test_names_of_a_late_plan_are_read_without_a_visit_being_promised(bench: Bench) -> None:
    _, visit = bench.make_job(state="working")
    cancel(bench, visit)
    submit(bench, bench.cast.tech, visit, **plan(plan_people="Somebody Else, Bob"))
    html = page(bench, "leader", "/inbox").text
    assert UNMATCHED in html
    assert "The next visit is planned" not in html


@pytest.mark.parametrize("people", ["Tech2 Person, Tech Person", "tech person"])
def test_a_plan_that_names_the_group_needs_no_remark(bench: Bench, people: str) -> None:
    _, visit = bench.make_job(state="working")
    submit(bench, bench.cast.tech, visit, **plan(plan_people=people))
    assert "No technician of the group" not in page(bench, "leader", "/inbox").text


def test_d_job_7_names_that_match_nobody_stand_where_the_next_visit_is_dispatched(bench: Bench, queries: Any) -> None:
    job, visit = bench.make_job(state="working")
    submit(bench, bench.cast.tech, visit, **plan(plan_people="Somebody Else, Bob"))
    leader = bench.client_of(bench.cast.leader)
    with queries() as asked:
        form = leader.get(f"/jobs/{job}/dispatch").text
    assert UNMATCHED in form
    assert "Hot air" in form
    assert asked.count <= LIMIT
    decide(bench, bench.cast.leader, "accept", only_report(bench).id)
    with bench.app.app_context():
        following = db.session.query(NextVisitPlan).one().visit_id
        db.session.remove()
    assert UNMATCHED in leader.get(f"/jobs/{job}/visits/{following}/reassign").text
    assert "Next-visit plan" not in leader.get(f"/jobs/{job}/visits/{visit}/reassign").text


def test_a_returned_plan_is_not_shown_to_who_dispatches(bench: Bench) -> None:
    job, visit = bench.make_job(state="working")
    submit(bench, bench.cast.tech, visit, **plan(plan_people="Somebody Else"))
    decide(bench, bench.cast.leader, "return", only_report(bench).id, reason="More")
    assert "Next-visit plan" not in page(bench, "leader", f"/jobs/{job}/dispatch").text


# -- what the phone takes along, and what pages cost ---------------------------------------------------------


def packed(bench: Bench, who: str = "tech") -> dict[str, str]:
    kept = bench.pack_of(getattr(bench.cast, who))
    return {url: etag for url, etag in kept.items() if "/report" in url}


def test_the_pack_holds_the_form_and_what_came_back(bench: Bench) -> None:
    job, visit = bench.make_job(state="working")
    before = packed(bench)
    assert list(before) == [f"/jobs/{job}/report"]
    make_part(bench)
    assert packed(bench) != before, "a new catalogue is another page"
    submit(bench, bench.cast.tech, visit)
    report = only_report(bench).id
    pages = {f"/jobs/{job}/report", f"/reports/{report}", f"/reports/{report}/correct"}
    waiting = packed(bench)
    assert set(waiting) == pages, "the author may still correct it"
    decide(bench, bench.cast.leader, "return", report, reason="More")
    assert set(packed(bench)) == pages
    assert all(packed(bench)[url] != waiting[url] for url in pages)
    for url in packed(bench):
        assert page(bench, "tech", url).status_code == 200, url
    assert packed(bench, "finance") == {}


def test_pages_stay_within_their_queries(bench: Bench, queries: Any) -> None:
    job, visit = bench.make_job(state="working", others=(bench.cast.tech2,))
    client = bench.client_of(bench.cast.tech)
    leader = bench.client_of(bench.cast.leader)
    lines = _lines()
    client.get("/me")
    with queries() as form:
        assert client.get(f"/jobs/{job}/report").status_code == 200
    submit(bench, bench.cast.tech, visit, **plan(plan_lines=lines))
    report = only_report(bench).id
    with queries() as one:
        assert leader.get(f"/reports/{report}").status_code == 200
    with queries() as few:
        leader.get("/reports")
    for _ in range(8):
        _, more = bench.make_job()
        submit(bench, bench.cast.tech, more, envelope={"atts": [bench.photo()[0]]}, **plan(plan_lines=lines))
    with queries() as many:
        leader.get("/reports")
    assert few.count == many.count
    for asked in (form, one, many):
        assert asked.count <= LIMIT, "\n".join(asked.statements)


def test_the_inbox_asks_as_often_for_many_reports_as_for_one(bench: Bench, queries: Any) -> None:
    leader = bench.client_of(bench.cast.leader)
    leader.get("/inbox")
    counts = []
    for _ in range(2):
        for _ in range(4):
            _, visit = bench.make_job()
            submit(bench, bench.cast.tech, visit, **plan(plan_lines=_lines()))
        with queries() as asked:
            assert leader.get("/inbox").status_code == 200
        counts.append(asked.count)
    assert counts[0] == counts[1] <= LIMIT


def test_a_report_of_a_visit_that_is_elsewhere_now_stays_readable(bench: Bench) -> None:
    _, visit = bench.make_job()
    submit(bench, bench.cast.tech, visit)
    give_away(bench, visit, bench.cast.tech, bench.cast.tech2)
    report = only_report(bench).id
    assert {page(bench, who, f"/reports/{report}").status_code for who in ("tech", "tech2")} == {200}
    assert visit_of(bench, visit).technician_id == bench.cast.tech2.id


def test_demo_data_fill_in(bench: Bench) -> None:
    """Every visit of the demo that has a report gets one; the sealed versions hold."""
    from fieldapp.demo.book import Book
    from fieldapp.field.reports.demo import signature_strokes

    book = Book()
    wanted = [visit for job in book.data("jobs") for visit in job["visits"] if visit["report"]]
    assert wanted
    drawn = signature_strokes(book.id("signature", "any", 0))
    assert drawn == signature_strokes(book.id("signature", "any", 0))
    assert all(len(stroke) % 2 == 0 and all(-50 <= n <= 650 for n in stroke) for stroke in drawn)
    with bench.app.app_context():
        assert db.session.query(ServiceReport).count() == 0


def test_why_it_came_back_stands_on_the_job(bench: Bench, cast: Any, make_job: Any, client_of: Any) -> None:
    """On the card of the job's page and in the list, not one tap further."""
    job, visit = make_job(cast.tech, state="working")
    assert submit(bench, cast.tech, visit).outcome == "accepted"
    assert decide(bench, cast.leader, "return", only_report(bench).id, reason="Which antenna?").outcome == "accepted"
    client = client_of(cast.tech)
    said = f"Returned by {cast.leader.name}: Which antenna?"
    assert said in client.get(f"/jobs/{job}").text
    assert said in client.get("/reports").text
