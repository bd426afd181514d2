"""Tool loans from sending to the decision, on pages, in the inbox, in files."""

from __future__ import annotations

import re

from fieldapp.kernel import clock, ids
from tests.support.bench import Bench

DATA = {"what": "Ladder", "until": clock.today().isoformat()}


def _submit(bench: Bench) -> str:
    record = str(ids.uuid7())
    sent = bench.send(bench.cast.tech, "tool_loan.submit", ("tool_loan", record), {**DATA, "id": record})
    assert (sent.outcome, sent.ver) == ("accepted", 1)
    return record


def test_form_post_makes_a_record_once(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    page = client.get("/tool-loans/new").text
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    for _ in range(2):
        assert client.post("/tool-loans/new", data={**hidden, **DATA}).status_code == 303
    assert len(re.findall(r'href="/tool-loans/[0-9a-f-]{36}"', client.get("/tool-loans").text)) == 1


def test_invalid_form_is_shown_again_with_words(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    page = client.get("/tool-loans/new").text
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    answer = client.post("/tool-loans/new", data={**hidden, **DATA, "what": ""})
    assert answer.status_code == 422
    assert re.search(r'id="err-what"[^>]*>[^<]+<', answer.text)


def test_approval_changes_the_state_and_tells_the_author(bench: Bench) -> None:
    record = _submit(bench)
    assert "Ladder" in bench.client_of(bench.cast.leader).get("/inbox").text
    assert bench.send(bench.cast.leader, "tool_loan.approve", ("tool_loan", record), {}).outcome == "accepted"
    author = bench.client_of(bench.cast.tech)
    assert "Approved" in author.get(f"/tool-loans/{record}").text
    assert "Leader Person approved: Ladder" in author.get("/inbox").text
    again = bench.send(bench.cast.leader, "tool_loan.reject", ("tool_loan", record), {"reason": "late"})
    assert again.outcome == "conflict"


def test_rejection_needs_a_reason_and_a_leader_of_the_group(bench: Bench) -> None:
    record = _submit(bench)
    refuse = ("tool_loan.reject", ("tool_loan", record))
    assert bench.send(bench.cast.leader, *refuse, {}).code == "record.invalid"
    for other in (bench.cast.tech, bench.cast.other_leader):
        assert bench.send(other, *refuse, {"reason": "no"}).outcome == "rejected"
    assert bench.send(bench.cast.leader, *refuse, {"reason": "broken"}).outcome == "accepted"
    assert "broken" in bench.client_of(bench.cast.tech).get("/inbox").text


def test_list_page_and_file_show_the_same_people_the_same_records(bench: Bench) -> None:
    record = _submit(bench)
    cast = bench.cast
    assert record in bench.client_of(cast.tech).get("/tool-loans").text
    for person, status in ((cast.tech, 200), (cast.leader, 200), (cast.tech2, 404), (cast.other_leader, 404)):
        client = bench.client_of(person)
        assert (person, client.get(f"/tool-loans/{record}").status_code) == (person, status)
        assert (record in client.get("/tool-loans").text) == (status == 200)
    assert bench.client_of(cast.hr).get(f"/tool-loans/{record}").status_code == 403
    assert bench.client_of(cast.leader).get("/lists/tool_loans.csv").status_code in {200, 403}


def test_pages_are_kept_offline_and_offered_on_the_add_screen(bench: Bench) -> None:
    assert {"/tool-loans", "/tool-loans/new"} <= bench.pack_of(bench.cast.tech).keys()
    assert "/tool-loans/new" in bench.client_of(bench.cast.tech).get("/add").text
    assert bench.app.test_client().get("/tool-loans").status_code in {302, 303, 401}
