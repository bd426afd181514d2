"""What can be taken back for some seconds, and what the phone is told for that (D-ROLE-6)."""

from __future__ import annotations

import re
from typing import Any

from fieldapp.kernel import ids
from fieldapp.platform.commandbus import UNDO

CLAIM, ITEM = "expense_claim", "expense_item"
TAKEN_BACK = re.compile(
    r"^(expense_claim|parts_request)\.(approve|return|reject|withdraw)$|^service_report\.(accept|return)$"
    r"|^waiting_record\.(?!expire)|^expense_item\.discard$"
)


def claim(bench: Any) -> str:
    item, made = str(ids.uuid7()), str(ids.uuid7())
    tech = bench.cast.tech
    bench.send(tech, f"{ITEM}.capture", (ITEM, item), {"id": item, "amount": "620.00", "kind": "taxi"})
    sent = bench.send(tech, f"{CLAIM}.submit", (CLAIM, made), {"id": made, "items": [item]})
    assert sent.outcome == "accepted"
    return made


def test_decisions_and_deletions_can_be_taken_back_and_nothing_else(bench: Any) -> None:
    commands = bench.app.extensions["commands"].values()
    assert {one.kind for one in commands if one.undo} == {one.kind for one in commands if TAKEN_BACK.match(one.kind)}
    assert {one.undo for one in commands} == {0, UNDO}


def test_the_card_says_in_words_what_was_decided(bench: Any, cast: Any, client_of: Any) -> None:
    made = claim(bench)
    html = client_of(cast.leader).get("/inbox").text
    card = html.split(f'id="case-{made}"')[1].split("<template")[0]
    assert f'data-op="{CLAIM}.approve"' in card
    assert card.count(f'data-undo="{UNDO}"') == 3
    assert f'data-title="Approved: {cast.tech.name}&#39;s expense claim · ¥ 620.00"' in card
    assert f'data-title="Returned: {cast.tech.name}&#39;s expense claim · ¥ 620.00"' in card
    assert html.count("data-undo-row") >= 3


def test_a_form_that_cannot_be_taken_back_is_sent_at_once(cast: Any, client_of: Any, make_job: Any) -> None:
    job, _ = make_job(technician=cast.tech)
    assert "data-undo=" not in client_of(cast.tech).get(f"/jobs/{job}").text


def test_the_number_at_the_inbox_can_follow_decisions(bench: Any, cast: Any, client_of: Any) -> None:
    claim(bench)
    client = client_of(cast.leader)
    tab = client.get("/jobs").text.split('href="/inbox"')[1].split(">")[0]
    assert 'data-count="1"' in tab
    assert f"{CLAIM}.approve" in tab
    assert "visit.accept" not in tab
    part = client.get("/inbox", headers={"HX-Request": "true"}).text
    assert 'data-waiting="1"' in part


def test_without_javascript_a_decision_counts_at_once(bench: Any, cast: Any, client_of: Any) -> None:
    made = claim(bench)
    answer = client_of(cast.leader).post(f"/inbox/{CLAIM}/{made}/approve", data={"_op": str(ids.uuid7())})
    assert answer.status_code == 303
    assert client_of(cast.leader).get("/inbox").text.count('id="case-') == 0
