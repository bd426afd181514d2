"""Pages of parts requests: works, signed out, wrong role, other group's, bad input, fragment and page, query counts."""

from __future__ import annotations

import html
import re
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from fieldapp.field.jobs import JOB_PANELS
from fieldapp.kernel import ids
from fieldapp.platform.commandbus import writing
from fieldapp.platform.extensions import db
from fieldapp.platform.web.extension_points import can_view
from fieldapp.supply.parts import part_choices
from fieldapp.supply.parts.manifest import wrong_totals
from fieldapp.supply.parts.models import PartsRequest
from tests.supply.parts.conftest import day
from tests.support.bench import Bench, Cast

MARKUP = "<b>bold</b>"


def get(client: FlaskClient, url: str, **kwargs: Any) -> str:
    answer = client.get(url, **kwargs)
    assert answer.status_code == 200, (url, answer.status_code)
    return answer.get_data(as_text=True)


def test_the_form_offers_the_jobs_parts_first(
    bench: Bench, cast: Cast, client_of: Any, make_job: Any, catalogue: dict[str, str]
) -> None:
    job, _ = make_job()
    page = get(client_of(cast.tech), f"/parts/new?job={job}")
    groups = re.findall(r'<optgroup label="([^"]+)"', page)
    assert html.unescape(groups[0]) == "For this job's devices"
    assert re.search(rf'<option value="{job}" selected', page)
    assert re.search(
        rf'<option value="{catalogue["ANT-02"]}" data-fill-unit_price="62.00" data-fill-name="Antenna"', page
    )
    assert 'name="lines.0.qty" type="number" value="1"' in page
    assert f'value="{day(2)}"' in page
    assert f'min="{day(0)}"' in page
    assert re.search(r'value="normal" checked', page)
    assert "500.00" in page
    assert 'data-op="parts_request.submit"' in page
    assert 'data-agg-new="parts_request"' in page


@pytest.mark.parametrize("asked", ["x", "01890000-0000-7000-8000-000000000000"])
def test_the_form_for_an_unknown_job(cast: Cast, client_of: Any, asked: str) -> None:
    assert client_of(cast.tech).get(f"/parts/new?job={asked}").status_code == 404


def test_the_form_for_somebody_elses_job(cast: Cast, client_of: Any, make_job: Any) -> None:
    job, _ = make_job()
    assert client_of(cast.other_tech).get(f"/parts/new?job={job}").status_code == 404
    assert client_of(cast.finance).get("/parts/new").status_code == 403


def fields(page: str) -> dict[str, str]:
    return {name: re.search(rf'name="{name}" value="([^"]*)"', page).group(1) for name in ("_op", "_issued", "id")}  # type: ignore[union-attr]


def typed(**over: str) -> dict[str, str]:
    return {
        "lines.0.part_id": "00000000-0000-0000-0000-000000000000",
        "lines.0.name": "Probe",
        "lines.0.qty": "2",
        "lines.0.unit_price": "85.00",
        "urgency": "urgent",
        "wanted_on": day(2),
        "reason": "For stock",
        **over,
    }


def test_the_form_without_javascript(cast: Cast, client_of: Any, stored: Any) -> None:
    client = client_of(cast.tech)
    hidden = fields(get(client, "/parts/new"))
    answer = client.post("/parts/new", data={**hidden, **typed()})
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/parts?")
    assert stored(hidden["id"]).total == Decimal("170.00")
    assert stored(hidden["id"]).number.startswith("PR-")
    assert client.post("/parts/new", data={**hidden, **typed()}).status_code == 303, (
        "the same post again is the same one"
    )


def test_a_refused_form_keeps_what_was_typed(cast: Cast, client_of: Any) -> None:
    client = client_of(cast.tech)
    hidden = fields(get(client, "/parts/new"))
    answer = client.post("/parts/new", data={**hidden, **typed(**{"lines.0.qty": "0", "reason": MARKUP})})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    assert re.search(r'id="err-lines-0-qty">Must be between 1 and 999', page)
    assert 'value="Probe"' in page


def test_who_finds_what_in_the_list(cast: Cast, client_of: Any, ask: Any) -> None:
    ask(cast.tech, lines=[{"name": "Small probe", "qty": "1", "unit_price": "499.99"}])
    ask(cast.tech, lines=[{"name": "Dear board", "qty": "1", "unit_price": "500.00"}])
    ask(cast.tech2, lines=[{"name": "Second man", "qty": "1", "unit_price": "1.00"}])
    expected = {
        "tech": {"Small probe", "Dear board"},
        "tech2": {"Second man"},
        "other_tech": set(),
        "leader": {"Small probe", "Dear board", "Second man"},
        "other_leader": set(),
        "purchasing": {"Dear board"},
        "executive": {"Dear board"},
        "manager": {"Small probe", "Dear board", "Second man"},
        "finance": {"Small probe", "Dear board", "Second man"},
    }
    for key, names in expected.items():
        page = get(client_of(getattr(cast, key)), "/parts")
        assert {name for name in ("Small probe", "Dear board", "Second man") if name in page} == names, key
    for key in ("hr", "admin"):
        assert client_of(getattr(cast, key)).get("/parts").status_code == 403


def test_filters_and_fragment(cast: Cast, client_of: Any, ask: Any, decide: Any) -> None:
    first, _ = ask(cast.tech, lines=[{"name": "Probe 100%", "qty": "1", "unit_price": "5.00"}])
    ask(cast.tech, lines=[{"name": MARKUP, "qty": "1", "unit_price": "5.00"}])
    decide(cast.leader, "approve", first)
    client = client_of(cast.tech)
    fragment = get(client, "/parts?state=approved_by_leader", headers={"HX-Request": "true"})
    assert fragment.lstrip().startswith('<section id="_requests"')
    assert "Probe 100%" in fragment
    assert "bold" not in fragment
    assert "&lt;b&gt;bold" in get(client, "/parts")
    assert "Probe" in get(client, "/parts?q=100%25")
    assert "No request fits" in get(client, "/parts?q=100_")
    assert "No request fits" in get(client, "/parts?month=2020-01")
    assert "Probe" in get(client, f"/parts?month={day(0)[:7]}")
    for nonsense in ("month=x", "after=x", "state=x", f"q={'x' * 300}"):
        get(client, f"/parts?{nonsense}")


def test_the_next_page_follows_the_key(cast: Cast, client_of: Any, ask: Any) -> None:
    for number in range(51):
        ask(cast.tech, lines=[{"name": f"Probe {number:02}", "qty": "1", "unit_price": "5.00"}])
    client = client_of(cast.tech)
    first = get(client, "/parts")
    following = re.search(r'href="(/parts\?after=[^"]+)"', first)
    assert following is not None
    second = get(client, following.group(1))
    seen = [set(re.findall(r"Probe \d\d", page)) for page in (first, second)]
    assert (len(seen[0]), len(seen[1])) == (50, 1)
    assert not seen[0] & seen[1]
    assert 'data-pending="parts_request.submit"' in first
    assert 'data-pending="parts_request.submit"' not in second


def test_one_request(cast: Cast, client_of: Any, ask: Any, decide: Any, make_job: Any) -> None:
    job, _ = make_job()
    record, result = ask(cast.tech, job_id=job, lines=[{"name": "Board", "qty": "2", "unit_price": "620.00"}])
    url = f"/parts/{record}"
    own = get(client_of(cast.tech), url)
    assert "1,240.00" in own
    assert result.ref in own
    assert f"/parts/{record}/withdraw" in own
    assert "/correct" not in own
    leader = get(client_of(cast.leader), url)
    assert f"/inbox/parts_request/{record}/approve" in leader
    assert "/withdraw" not in leader
    decide(cast.leader, "approve", record, "Looks right.")
    own = get(client_of(cast.tech), url)
    assert "Looks right." in own
    assert "Leader Person" in own
    assert "/withdraw" not in own
    assert "/inbox/parts_request" not in get(client_of(cast.leader), url)
    decide(cast.purchasing, "return", record, "Repair it <b>first</b>.")
    own = get(client_of(cast.tech), url)
    assert "Repair it &lt;b&gt;first&lt;/b&gt;." in own
    assert f"{url}/correct" in own
    for stranger in (cast.other_leader, cast.other_tech, cast.tech2):
        assert client_of(stranger).get(url).status_code == 404
        assert client_of(stranger).get(f"{url}/correct").status_code == 404
    assert client_of(cast.tech).get(f"/parts/{ids.uuid7()}").status_code == 404
    assert get(client_of(cast.tech), url, headers={"HX-Request": "true"}).lstrip().startswith('<section id="_request"')


def test_the_correction_is_filled_in(cast: Cast, client_of: Any, ask: Any, decide: Any, stored: Any) -> None:
    record, _ = ask(cast.tech)
    decide(cast.leader, "return", record, "Which probe?")
    client = client_of(cast.tech)
    page = get(client, f"/parts/{record}/correct")
    assert "Which probe?" in page
    assert 'value="Probe"' in page
    assert 'value="85.00"' in page
    hidden = {name: re.search(rf'name="{name}" value="([^"]*)"', page).group(1) for name in ("_op", "_issued")}  # type: ignore[union-attr]
    answer = client.post(f"/parts/{record}/correct", data={**hidden, **typed(**{"lines.0.name": "Probe T5"})})
    assert answer.status_code == 303
    assert stored(record).state == "submitted"
    page = get(client, f"/parts/{record}")
    assert "Probe T5" in page
    assert "Parts requested" in page
    assert "Corrected and sent again" in page


def test_withdrawing_without_javascript(cast: Cast, client_of: Any, ask: Any, stored: Any) -> None:
    record, _ = ask(cast.tech)
    client = client_of(cast.tech)
    page = get(client, f"/parts/{record}")
    form = re.search(
        r'action="(/parts/[^"]+/withdraw)".*?name="_op" value="([^"]+)".*?name="_issued" value="([^"]+)"', page
    )
    assert form is not None
    assert client.post(form.group(1), data={"_op": form.group(2), "_issued": form.group(3)}).status_code == 303
    assert stored(record).state == "withdrawn"
    assert client.post(form.group(1), data={"_op": str(ids.uuid7())}).status_code == 409


def test_the_inbox_says_what_speaks_against_it(
    cast: Cast, client_of: Any, ask: Any, make_job: Any, catalogue: Any
) -> None:
    job, _ = make_job()
    ask(cast.tech, job_id=job, lines=[{"name": "Mainboard", "qty": "1", "unit_price": "186.00"}])
    ask(cast.tech, job_id=job, lines=[{"name": "Mainboard 72", "qty": "1", "unit_price": "320.00"}])
    ask(cast.tech, lines=[{"part_id": catalogue["TERM-01"], "qty": "1"}])
    ask(cast.tech, lines=[{"part_id": catalogue["CAM-01"], "qty": "1", "unit_price": "400.00"}])
    page = get(client_of(cast.leader), "/inbox")
    assert "No. 2 for this job within 7 days, together ¥\u00a0506.00." in page
    assert "2 requests for this job within 7 days, together ¥\u00a0506.00." in page
    assert "Mainboard stands in 2 lines, together ¥\u00a0506.00." in page
    assert "Together that reaches the limit of ¥\u00a0500.00." in page
    assert "leader → purchasing → general manager" in page
    assert "catalogue ¥\u00a0499.99" in page
    assert "Nothing waits" in get(client_of(cast.other_leader), "/inbox")


def test_three_requests_of_one_person_for_one_thing_without_a_job_are_pointed_out(
    cast: Cast, client_of: Any, ask: Any, decide: Any, catalogue: Any
) -> None:
    requests = [
        ask(cast.tech, lines=[{"part_id": catalogue["CAM-01"], "qty": "5", "unit_price": "499.99"}])[0]
        for _ in range(3)
    ]
    ask(cast.tech2, lines=[{"part_id": catalogue["CAM-01"], "qty": "5", "unit_price": "499.99"}])
    told = "asked for by the same person in 3 requests within 7 days, together ¥\u00a07,499.85."
    page = get(client_of(cast.leader), "/inbox")
    assert page.count(told) == 3
    assert page.count("Together that reaches the limit of ¥\u00a0500.00.") == 3
    assert told in get(client_of(cast.leader), f"/parts/{requests[0]}")
    decide(cast.tech, "withdraw", requests[0])
    assert get(client_of(cast.leader), "/inbox").count("in 2 requests within 7 days") == 2


def test_parts_whose_list_price_sent_them_up_are_no_split(
    cast: Cast, client_of: Any, ask: Any, catalogue: dict[str, str]
) -> None:
    for _ in range(2):
        ask(cast.tech, lines=[{"part_id": catalogue["TERM-01"], "qty": "1", "unit_price": "499.00"}])
    page = get(client_of(cast.leader), "/inbox")
    assert page.count("leader → purchasing → general manager") == 2
    assert "asked for by the same person" not in page
    assert "reaches the limit" not in page


def test_a_withdrawn_request_counts_in_no_sum(cast: Cast, client_of: Any, ask: Any, decide: Any, make_job: Any) -> None:
    job, _ = make_job()
    first, _ = ask(cast.tech, job_id=job)
    decide(cast.tech, "withdraw", first)
    ask(cast.tech, job_id=job)
    assert "for this job within" not in get(client_of(cast.leader), "/inbox")


def test_parts_on_the_jobs_page(app: Flask, bench: Bench, cast: Cast, ask: Any, make_job: Any) -> None:
    job, _ = make_job()
    record, _ = ask(cast.tech, job_id=job)
    with app.test_request_context():
        actor = bench.actor(cast.tech)
        panels = [panel for of_feature in JOB_PANELS.all() for panel in of_feature(actor, _Job(job))]
        panel = next(p for p in panels if p.template == "supply/parts/_job_parts.html")
        html = app.jinja_env.get_template(panel.template).render(panel=panel.context)
        db.session.remove()
    assert f"/parts/{record}" in html
    assert "Probe ×2" in html
    assert f'data-where="job_id={job}"' in html
    assert f"/parts/new?job={job}" in html


class _Job:
    def __init__(self, job_id: str) -> None:
        self.id = job_id


def test_queries_do_not_grow_with_the_list(
    cast: Cast, client_of: Any, ask: Any, decide: Any, make_job: Any, queries: Any
) -> None:
    job, _ = make_job()
    counts: dict[str, list[int]] = {}
    get(client_of(cast.tech), "/parts")
    for round_ in (1, 12):
        for _ in range(round_):
            record, _ = ask(cast.tech, job_id=job, lines=[{"name": "Board", "qty": "1", "unit_price": "620.00"}] * 3)
        decide(cast.leader, "approve", record)
        for person, path in (
            (cast.leader, "/parts"),
            (cast.tech, "/parts"),
            (cast.leader, f"/parts/{record}"),
            (cast.purchasing, f"/parts/{record}"),
            (cast.tech, f"/parts/new?job={job}"),
            (cast.purchasing, "/inbox"),
        ):
            client = client_of(person)
            with queries() as count:
                get(client, path)
            counts.setdefault(re.sub(r"[0-9a-f-]{36}", "…", f"{person.username} {path}"), []).append(count.count)
    assert all(count <= 12 for both in counts.values() for count in both), counts
    assert all(first == second for first, second in counts.values()), counts


def test_what_lies_on_the_phone_changes_with_the_records(bench: Bench, cast: Cast, ask: Any, catalogue: Any) -> None:
    def pack() -> dict[str, str]:
        return {url: etag for url, etag in bench.pack_of(cast.tech).items() if url.startswith("/parts")}

    before = pack()
    assert {"/parts", "/parts/new"} <= set(before)
    ask(cast.tech)
    after = pack()
    assert before["/parts"] != after["/parts"]
    assert before["/parts/new"] == after["/parts/new"]


def test_choices_for_other_features(app: Flask, catalogue: dict[str, str], queries: Any) -> None:
    with app.test_request_context(), queries() as count:
        choices = part_choices()
        assert part_choices() == choices
        db.session.remove()
    assert (catalogue["ANT-02"], "ANT-02 Antenna", {"unit_price": "62.00", "name": "Antenna"}) in choices
    assert count.count == 1


def test_attachments_follow_the_request(app: Flask, bench: Bench, cast: Cast, ask: Any) -> None:
    record, _ = ask(cast.tech, {"atts": [bench.photo()[0]]})
    with app.test_request_context():
        sees = {
            key: can_view(bench.actor(getattr(cast, key)), "parts_request", record)
            for key in ("tech", "tech2", "leader", "other_leader", "manager", "purchasing", "hr")
        }
        db.session.remove()
    assert {key for key, may in sees.items() if may} == {"tech", "leader", "manager"}


def test_check_finds_a_wrong_total(app: Flask, ask: Any, cast: Cast) -> None:
    record, _ = ask(cast.tech)
    with app.app_context():
        assert list(wrong_totals()) == []
        with writing() as session:
            session.get_one(PartsRequest, record).total = Decimal("1.00")
        assert len(list(wrong_totals())) == 1
        db.session.remove()


def test_why_it_came_back_stands_where_that_is_said(bench: Bench, cast: Cast, client_of: Any, ask: Any) -> None:
    """In the row of a list, on the job's page and first on its own page, not one tap further."""
    record, _ = ask(cast.tech)
    reason = {"reason": "Too many, please check"}
    result = bench.send(cast.leader, "parts_request.return", ("parts_request", record), reason)
    assert result.outcome == "accepted"
    client = client_of(cast.tech)
    said = f"Returned by {cast.leader.name}: Too many, please check"
    assert said in client.get("/parts").text
    page = client.get(f"/parts/{record}").text
    assert said in page
    assert page.index(said) < page.index("<h2>Parts</h2>")
