"""Messages in the inbox: one that is opened is read, and all can be marked at once."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import select

from fieldapp.kernel import clock
from fieldapp.platform.commandbus import writing
from fieldapp.platform.commandbus.models import Notice
from fieldapp.platform.extensions import db
from tests.support.bench import Bench, Person

FORM = re.compile(r'<form method="post" action="(/inbox/read/\d+)".*?</form>', re.S)
HIDDEN = re.compile(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)">')


def tell(bench: Bench, *people: Person, job: str = "") -> list[int]:
    """A message for each of these people, in this order."""
    with bench.app.app_context(), writing() as session:
        left = [
            Notice(
                user_id=one.id,
                kind="visit.given_away",
                url=f"/jobs/{job}",
                params={"who": "Lead", "job": f"Huayu {n}"},
                created_at=clock.now(),
            )
            for n, one in enumerate(people)
        ]
        session.add_all(left)
        session.flush()
        return [one.id for one in left]


def unread(bench: Bench) -> list[int]:
    with bench.app.app_context():
        found = list(db.session.scalars(select(Notice.id).where(Notice.read_at.is_(None)).order_by(Notice.id)))
        db.session.remove()
        return found


def forms_of(client: Any) -> dict[str, dict[str, str]]:
    """The forms of the inbox that open a message, by address, with their hidden fields."""
    return {one.group(1): dict(HIDDEN.findall(one.group(0))) for one in FORM.finditer(client.get("/inbox").text)}


def test_a_message_that_is_opened_is_read_and_leads_to_its_record(bench: Bench) -> None:
    job, _ = bench.make_job(bench.cast.tech)
    first, second, third, other = tell(bench, *[bench.cast.tech] * 3, bench.cast.tech2, job=job)
    client = bench.client_of(bench.cast.tech)
    url = f"/inbox/read/{second}"
    answer = client.post(url, data=forms_of(client)[url])
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/jobs/{job}")
    assert unread(bench) == [first, third, other]
    assert set(forms_of(client)) == {f"/inbox/read/{first}", f"/inbox/read/{third}"}


def test_a_phone_marks_one_message_by_the_aggregate_of_its_form(bench: Bench) -> None:
    first, second, third = tell(bench, *[bench.cast.tech] * 3)
    page = bench.client_of(bench.cast.tech).get("/inbox").text
    form = re.search(rf'action="/inbox/read/{second}".*?data-agg="(\w+):([0-9a-f-]+)"', page)
    assert form is not None
    result = bench.send(bench.cast.tech, "notice.dismiss", (form.group(1), form.group(2)), {"up_to": second})
    assert result.outcome == "accepted"
    assert unread(bench) == [first, third]


def test_all_messages_up_to_the_newest_shown_are_read_at_once(bench: Bench) -> None:
    _, second, other = tell(bench, bench.cast.tech, bench.cast.tech, bench.cast.tech2)
    client = bench.client_of(bench.cast.tech)
    page = client.get("/inbox").text
    form = page[page.index('action="/inbox/read"') :]
    fields = dict(HIDDEN.findall(form[: form.index("</form>")]))
    assert fields["up_to"] == str(second)
    (later,) = tell(bench, bench.cast.tech)
    assert client.post("/inbox/read", data=fields).status_code == 303
    assert unread(bench) == [other, later]


def test_nobody_opens_the_messages_of_others(bench: Bench) -> None:
    (mine,) = tell(bench, bench.cast.tech)
    client = bench.client_of(bench.cast.tech2)
    for number in (mine, mine + 1, 2**64):
        assert client.post(f"/inbox/read/{number}", data={"up_to": str(number)}).status_code == 404
    assert unread(bench) == [mine]


def test_an_unread_message_counts_in_the_tab_until_it_is_opened(bench: Bench) -> None:
    job, _ = bench.make_job(bench.cast.tech)
    (number,) = tell(bench, bench.cast.tech, job=job)
    client = bench.client_of(bench.cast.tech)
    count = '<b class="count"'
    fields = forms_of(client)[f"/inbox/read/{number}"]
    assert count in client.get("/me").text
    client.post(f"/inbox/read/{number}", data=fields)
    assert count not in client.get("/me").text


@pytest.mark.parametrize(("who", "shown"), [("leader", True), ("manager", True), ("tech", False), ("finance", False)])
def test_only_who_decides_is_led_to_own_decisions(bench: Bench, who: str, shown: bool) -> None:
    page = bench.client_of(getattr(bench.cast, who)).get("/inbox").text
    assert ('href="/inbox/done"' in page) is shown


def test_an_administrator_begins_with_the_people(bench: Bench) -> None:
    assert bench.client_of(bench.cast.admin).get("/").headers["Location"] == "/people"
