"""The pages of jobs and customers: who sees what, page and fragment, and what is on them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from fieldapp.kernel import clock, ids

HTMX = {"HX-Request": "true"}


def text(client: Any, url: str, **headers: str) -> str:
    response = client.get(url, headers=headers or None)
    assert response.status_code == 200, (url, response.status_code)
    return str(response.get_data(as_text=True))


# -- the list ------------------------------------------------------------------------------------------------


def test_a_technicians_list_leads_with_the_next_step(cast: Any, client_of: Any, make_job: Any) -> None:
    job, visit = make_job(cast.tech, urgency="emergency")
    page = text(client_of(cast.tech), "/jobs")
    assert 'class="card next"' in page
    assert 'data-op="visit.set_out"' in page
    assert f'action="/jobs/{job}/visits/{visit}/set_out"' in page
    assert 'href="tel:19900000002"' in page
    assert "https://uri.amap.com/marker?position=113.700000,34.750000" in page
    assert "Urgent" in page
    assert "Chargeable" in page


def test_the_visit_under_way_comes_first(cast: Any, client_of: Any, make_job: Any) -> None:
    """Whatever the plan says: who is on the way to somebody sees that one on top."""
    now = clock.now()
    make_job(cast.tech, start=now - timedelta(minutes=5), title="First planned")
    make_job(cast.tech, start=now, state="en_route", title="Under way")
    page = text(client_of(cast.tech), "/jobs")
    assert page.index("Under way") < page.index("First planned")
    assert 'data-op="visit.arrive"' in page


def test_sections_follow_the_day(cast: Any, client_of: Any, make_job: Any) -> None:
    start, _ = clock.day_bounds(clock.today())
    for days, title in ((-2, "Left over"), (0, "One now"), (0, "Two now"), (1, "Next day"), (20, "Far away")):
        make_job(cast.tech, start=start + timedelta(days=days, hours=10), title=title)
    make_job(cast.tech, start=start + timedelta(days=-2, hours=9), title="Old and done", state="accepted_by_leader")
    page = text(client_of(cast.tech), "/jobs")
    order = ["One now", "Two now", "Tomorrow", "Next day", "Later", "Far away", "Earlier, not finished", "Left over"]
    places = [page.index(words) for words in order]
    assert places == sorted(places)
    assert "Old and done" not in page
    assert "Today · 2 jobs" in page
    done = text(client_of(cast.tech), "/jobs?state=done")
    assert "Old and done" in done
    assert "One now" not in done


def test_a_list_shows_only_ones_own(cast: Any, client_of: Any, make_job: Any) -> None:
    make_job(cast.tech, title="Mine alone")
    make_job(cast.tech2, title="With a colleague", others=(cast.tech,))
    make_job(cast.tech2, title="Not mine")
    page = text(client_of(cast.tech), "/jobs")
    assert "Mine alone" in page
    assert "With a colleague" in page
    assert "with Tech2 Person" in page
    assert "Not mine" not in page
    assert "Not mine" not in text(client_of(cast.tech), "/jobs?scope=group")
    assert "No jobs are planned for you." in text(client_of(cast.other_tech), "/jobs")


def test_a_leader_sees_the_group_and_the_unassigned_first(cast: Any, client_of: Any, make_job: Any) -> None:
    make_job(cast.tech, title="Planned one")
    unassigned, _ = make_job(cast.tech, title="Waiting one", state="refused", **{"group": 1})
    make_job(cast.other_tech, group=2, title="Other group")
    _to_state(client_of, unassigned, "new")
    page = text(client_of(cast.leader), "/jobs")
    assert page.index("Waiting one") < page.index("Planned one")
    assert f'href="/jobs/{unassigned}/dispatch"' in page
    assert "Tech Person" in page
    assert "Other group" not in page
    assert 'class="wide"' in page
    everybody = text(client_of(cast.manager), "/jobs")
    assert "Other group" in everybody
    assert "Planned one" in everybody
    assert "/dispatch" not in everybody


def _to_state(client_of: Any, job: str, state: str) -> None:
    from fieldapp.field.jobs.models import Job
    from fieldapp.platform.commandbus import writing
    from fieldapp.platform.extensions import db

    app = client_of.__self__.app
    with app.app_context():
        with writing() as session:
            session.get(Job, job).state = state
        db.session.remove()


@pytest.mark.parametrize(
    "query", ["Huayu", "huayu log", "HA8K", "8832", "1990000", "199-0000-0002", "19900000002", "number", "w-number"]
)
def test_jobs_are_found_by_what_people_have_at_hand(cast: Any, client_of: Any, make_job: Any, query: str) -> None:
    job, _ = make_job(cast.tech)
    query = query.replace("number", job[-10:-2])
    for person in (cast.tech, cast.leader):
        assert "Terminal offline" in text(client_of(person), f"/jobs?q={query}")
        assert "Terminal offline" not in text(client_of(person), "/jobs?q=nothing-like-it")


def test_filters_stay_in_the_address_and_nonsense_is_harmless(cast: Any, client_of: Any, make_job: Any) -> None:
    make_job(cast.tech, title="Planned one")
    client = client_of(cast.leader)
    assert 'value="planned" selected' in text(client, "/jobs?state=planned")
    assert "No job fits this." in text(client, "/jobs?state=solved")
    for query in ("state=%27", "group=x", "after=zzzz", "scope=everything", "q=%25%25_", "q=" + "x" * 500):
        text(client, f"/jobs?{query}")
        text(client_of(cast.tech), f"/jobs?{query}")


def test_long_lists_come_in_pages(cast: Any, client_of: Any, bench: Any, monkeypatch: Any) -> None:
    from fieldapp.platform.web import lists

    monkeypatch.setattr(lists.list_page, "__kwdefaults__", {**lists.list_page.__kwdefaults__, "size": 2})
    now = clock.now()
    for number in range(5):
        bench.make_job(
            cast.tech,
            start=now + timedelta(days=1, minutes=number),
            title=f"Job number {number}",
            received_at=now - timedelta(minutes=number),
        )
    for person in (cast.tech, cast.leader):
        client, url, seen = client_of(person), "/jobs", []
        for _ in range(3):
            page = text(client, url)
            seen += [number for number in range(5) if f"Job number {number}" in page]
            more = page.rpartition('">More</a>')[0].rpartition('href="')[2].replace("&amp;", "&")
            url = more
        assert seen == [0, 1, 2, 3, 4]


# -- one job -------------------------------------------------------------------------------------------------


def test_the_job_page(cast: Any, client_of: Any, make_job: Any, send: Any) -> None:
    job, visit = make_job(cast.tech, state="accepted")
    send(cast.tech, "visit.set_out", ("visit", visit), {})
    page = text(client_of(cast.tech), f"/jobs/{job}")
    for words in ("Huayu Logistics", "It does not show on the map.", "8832019", "HA8K321", "parts are charged", "Liu"):
        assert words in page
    assert 'id="_visit_steps"' in page
    assert 'data-op="visit.arrive"' in page
    assert 'aria-current="step"' in page
    assert "300 m" in page
    assert "by phone" in page


@pytest.mark.parametrize(
    ("state", "next_step"),
    [
        ("assigned", 'data-op="visit.set_out"'),
        ("accepted", 'data-op="visit.set_out"'),
        ("en_route", 'data-op="visit.arrive"'),
        ("on_site", 'data-op="visit.start"'),
        ("working", "/report"),
        ("paused", 'data-op="visit.resume"'),
        ("returned", "/report"),
    ],
)
def test_there_is_one_next_action(cast: Any, client_of: Any, make_job: Any, state: str, next_step: str) -> None:
    job, _ = make_job(cast.tech, state=state)
    page = text(client_of(cast.tech), f"/jobs/{job}")
    before_templates = page[page.index('id="_visit_steps"') :].partition("<template")[0]
    assert next_step in before_templates.partition('class="dock"')[2]


def test_an_offline_chain_is_prepared_in_the_page(cast: Any, client_of: Any, make_job: Any) -> None:
    """Each tap that can still come has its piece, with the next button in it (docs/offline.md)."""
    job, visit = make_job(cast.tech, state="accepted")
    page = text(client_of(cast.tech), f"/jobs/{job}")
    chain = {"set_out": "visit.arrive", "arrive": "visit.start", "start": "/report", "pause": "visit.resume"}
    for tap, following in chain.items():
        opening = f'<template data-pending="visit.{tap}" data-agg="visit:{visit}" data-target="#_visit_steps"'
        piece = page.partition(opening)[2].partition("</template>")[0]
        assert following in piece
        assert 'data-fill="state"' in piece
        state = f'<template data-pending="visit.{tap}" data-agg="visit:{visit}" data-target="#job-state"'
        assert "In progress" in page.partition(state)[2].partition("</template>")[0]
    assert 'data-pending="visit.accept"' not in page
    card = text(client_of(cast.tech), "/jobs").partition(
        f'<template data-pending="visit.set_out" data-agg="visit:{visit}"'
    )
    assert "visit.arrive" in card[2].partition("</template>")[0]


def test_a_returned_report_is_corrected_from_the_card_on_top(cast: Any, client_of: Any, make_job: Any) -> None:
    make_job(cast.tech, state="returned")
    card = text(client_of(cast.tech), "/jobs").partition('id="next-card"')[2].partition("<template data-pending")[0]
    assert "Correct the service report" in card
    assert "Fill in the service report" not in card


@pytest.mark.parametrize("who", ["tech2", "other_tech", "other_leader", "purchasing", "hr", "admin"])
def test_other_peoples_jobs_do_not_exist(cast: Any, client_of: Any, make_job: Any, who: str) -> None:
    job, visit = make_job(cast.tech)
    client = client_of(getattr(cast, who))
    for url in (f"/jobs/{job}", f"/jobs/{job}/visits/{visit}/refuse", f"/jobs/{job}/dispatch"):
        assert client.get(url).status_code in {403, 404}
    assert client.get(f"/jobs/{job}/steps", headers=HTMX).status_code in {403, 404}
    assert client.get(f"/jobs/{ids.uuid7()}").status_code in {403, 404}


@pytest.mark.parametrize("who", ["leader", "manager", "agent", "quality", "finance", "executive"])
def test_those_who_answer_for_it_see_it_without_its_taps(cast: Any, client_of: Any, make_job: Any, who: str) -> None:
    job, _ = make_job(cast.tech)
    page = text(client_of(getattr(cast, who)), f"/jobs/{job}")
    assert 'data-op="visit.set_out"' not in page
    assert (f'href="/jobs/{job}/dispatch"' in page) is (who == "leader")


@pytest.mark.parametrize(("state", "prominent"), [("accepted", False), ("refused", True)])
def test_another_visit_is_no_button_while_one_stands(
    cast: Any, client_of: Any, make_job: Any, state: str, prominent: bool
) -> None:
    """A second press where "Dispatch" was pressed must not open another dispatch."""
    job, _ = make_job(cast.tech, state=state)
    page = text(client_of(cast.leader), f"/jobs/{job}")
    assert f'href="/jobs/{job}/dispatch"' in page
    assert ('<div class="dock" id="plan-visit">' in page) is prominent
    assert ('<div id="plan-visit">' in page) is not prominent


def test_signed_out(anonymous: Any, cast: Any, make_job: Any) -> None:
    job, visit = make_job(cast.tech)
    for url in ("/jobs", f"/jobs/{job}", f"/jobs/{job}/visits/{visit}/accept", f"/customers/{job}"):
        response = anonymous.get(url)
        assert (response.status_code, response.headers["Location"].startswith("/login")) == (302, True)


def test_page_and_fragment(cast: Any, client_of: Any, make_job: Any) -> None:
    job, _ = make_job(cast.tech)
    client = client_of(cast.tech)
    for url, root in (
        ("/jobs", "_jobs"),
        (f"/jobs/{job}/steps", "_visit_steps"),
        (f"/jobs/{job}/timeline", "_timeline"),
    ):
        part = text(client, url, **HTMX)
        assert "<html" not in part
        assert f'id="{root}"' in part
        assert 'data-rendered="' in part
    assert "<html" in text(client, "/jobs")
    assert client.get(f"/jobs/{job}/steps").headers["Location"] == f"/jobs/{job}"


def test_what_was_done_on_the_same_asset(cast: Any, client_of: Any, make_job: Any, app: Any) -> None:
    from fieldapp.field.jobs.models import JobAsset, Visit
    from fieldapp.platform.commandbus import writing
    from fieldapp.platform.extensions import db

    old, old_visit = make_job(cast.tech2, state="accepted_by_leader", title="Changed the card")
    job, _ = make_job(cast.tech)
    with app.app_context():
        with writing() as session:
            asset = session.query(JobAsset).filter_by(job_id=job).one().asset_id
            session.add(JobAsset(job_id=old, asset_id=asset, position=1))
            session.get(Visit, old_visit).result = "solved"
        db.session.remove()
    page = text(client_of(cast.tech), f"/jobs/{job}")
    assert "Changed the card" in page
    assert "Tech2 Person" in page
    assert f'href="/jobs/{old}"' not in page
    assert f'href="/jobs/{old}"' in text(client_of(cast.leader), f"/jobs/{job}")


def test_late_work_stands_on_the_page(cast: Any, client_of: Any, make_job: Any, send: Any, app: Any) -> None:
    """D-JOB-10: shown to the leader as late work on a cancelled job."""
    from fieldapp.field.jobs.models import Visit
    from fieldapp.platform.commandbus import writing
    from fieldapp.platform.extensions import db

    job, visit = make_job(cast.tech)
    with app.app_context():
        with writing() as session:
            session.get(Visit, visit).state = "cancelled"
        db.session.remove()
    untouched = text(client_of(cast.tech), f"/jobs/{job}")
    assert "This visit was cancelled." in untouched
    assert "What was done on site still counts" not in untouched
    send(cast.tech, "visit.arrive", ("visit", visit), {})
    assert "Late work" in text(client_of(cast.leader), f"/jobs/{job}")
    own = text(client_of(cast.tech), f"/jobs/{job}")
    assert "What was done on site still counts" in own
    assert "Late work: something" not in own
    assert "Late work by Tech Person" in text(client_of(cast.leader), "/inbox")


def test_taps_work_without_javascript(cast: Any, client_of: Any, make_job: Any) -> None:
    """The buttons are forms; the same ledger, so a reload is no second tap (ADR 7, failure mode 6)."""
    job, visit = make_job(cast.tech, state="accepted")
    client, where = client_of(cast.tech), f"/jobs/{job}/visits/{visit}"
    form = {"_op": str(ids.uuid7()), "_issued": clock.iso(clock.now())}
    for _ in range(2):
        done = client.post(f"{where}/set_out", data=form)
        assert (done.status_code, done.headers["Location"]) == (303, f"/jobs/{job}?sent=1")
    page = text(client, f"/jobs/{job}")
    assert page.count("Set out") > 0
    assert 'data-op="visit.arrive"' in page
    assert client.post(f"{where}/fly", data=form).status_code == 404
    other, other_visit = make_job(cast.tech, state="assigned")
    refused = client.post(f"/jobs/{other}/visits/{other_visit}/refuse", data={})
    assert refused.status_code == 422
    assert "Please fill this in." in refused.get_data(as_text=True)
    assert "textarea" in text(client, f"/jobs/{other}/visits/{other_visit}/refuse")


# -- customers -----------------------------------------------------------------------------------------------


# -- how much it asks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("who", "most"), [("tech", 12), ("leader", 12), ("manager", 12)])
def test_lists_ask_the_same_number_of_questions_whatever_their_length(
    cast: Any, client_of: Any, make_job: Any, queries: Any, who: str, most: int
) -> None:
    """At most twelve queries a page (docs/performance.md)."""
    client = client_of(getattr(cast, who))
    counts = []
    for _ in range(2):
        for number in range(4):
            make_job(cast.tech, others=(cast.tech2,), start=clock.now() + timedelta(hours=number))
        client.get("/jobs")
        with queries() as asked:
            client.get("/jobs")
        counts.append(asked.count)
    assert counts[0] == counts[1]
    assert counts[0] <= most


def test_the_job_page_asks_little(cast: Any, client_of: Any, make_job: Any, send: Any, queries: Any) -> None:
    job, visit = make_job(cast.tech, state="accepted")
    for verb in ("set_out", "arrive", "start", "pause", "resume"):
        send(cast.tech, f"visit.{verb}", ("visit", visit), {})
    client = client_of(cast.tech)
    client.get(f"/jobs/{job}")
    with queries() as asked:
        client.get(f"/jobs/{job}")
    own = [one for one in asked.statements if not _of_a_panel(one)]
    assert len(own) <= 9, own
    with queries() as fragment:
        client.get(f"/jobs/{job}/steps", headers=HTMX)
    assert fragment.count <= 6


def _of_a_panel(statement: str) -> bool:
    tables = ("service_report", "parts_request", "expense", "attachment", "approval")
    return any(f"FROM {table}" in statement.replace("\n", " ") for table in tables)


def test_every_form_of_the_card_on_top_has_a_number_of_its_own(cast: Any, client_of: Any, make_job: Any) -> None:
    """Pieces are kept between requests; a number kept with them would give two records one op id."""
    make_job(cast.tech, state="accepted")
    client = client_of(cast.tech)
    pages = [text(client, "/jobs") for _ in range(2)]
    ops = [op for page in pages for op in re.findall(r'name="_op" value="([^"]*)"', page)]
    assert len(ops) == len(set(ops)) >= 4
    assert all(ids.is_uuid(op) for op in ops)
    assert all(clock.parse_iso(at) for page in pages for at in re.findall(r'name="_issued" value="([^"]*)"', page))
    assert not any("\x00" in page for page in pages)


def test_one_piece_for_each_tap_serves_all_cards(cast: Any, client_of: Any, make_job: Any) -> None:
    """An offline tap moves any card of the list on; a card names what may still come of it."""
    visits = [make_job(cast.tech, state="accepted")[1] for _ in range(3)]
    started = make_job(cast.tech, state="working")[1]
    page = text(client_of(cast.tech), "/jobs")
    for visit in visits:
        ahead = re.search(rf'id="s-{visit}" data-ahead="([^"]*)"', page)
        assert ahead
        assert ahead[1].split()[:3] == ["visit.set_out", "visit.arrive", "visit.start"]
    assert f'data-agg="visit:{started}"' in page  # the one under way is the card on top
    for tap in ("set_out", "arrive", "start"):
        assert page.count(f'data-pending="visit.{tap}" data-each="s-"') == 1


def test_next_jobs_are_ready_to_move_up_and_the_one_on_top_has_its_place_below(
    cast: Any, client_of: Any, make_job: Any, queries: Any
) -> None:
    start = clock.now() - timedelta(hours=1)
    visits = [make_job(cast.tech, start=start + timedelta(minutes=n))[1] for n in range(3)]
    client = client_of(cast.tech)
    page = text(client, "/jobs")
    assert re.findall(r'id="next-card" data-visit="([^"]+)"', page)[0] == visits[0]
    assert re.findall(r'<template data-next-card="([^"]+)"', page) == visits[1:]
    hidden = dict(re.findall(r'data-card="([^"]+)"( hidden)?', page))
    assert hidden == {visits[0]: " hidden", visits[1]: "", visits[2]: ""}
    for n in range(3, 8):
        make_job(cast.tech, start=start + timedelta(minutes=n))
    with queries() as more:
        assert text(client, "/jobs").count("<template data-next-card") == 3
    assert more.count <= 12
