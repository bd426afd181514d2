"""Daily limits per person, refused with a message that the phone retries later; nothing is lost (A23)."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select

from fieldapp.kernel import clock, ids
from fieldapp.platform.commandbus import IMPORT, execute
from fieldapp.platform.commandbus.models import Notice, Quarantine, Receipt
from fieldapp.platform.extensions import db
from tests.platform.sync.test_attachments import create
from tests.platform.sync.test_hello import hello
from tests.platform.sync.test_push import capture, push
from tests.platform.sync.test_token import bearing
from tests.support.bench import DEVICE, Bench

MEGABYTE = 1024 * 1024


def announced(bench: Bench, client: Any, size: int) -> Any:
    note, _ = bench.photo("receipt")
    return create(client, {**note, "size": size})


def test_files_without_a_record_are_limited_by_size(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    answers = [announced(bench, client, 25 * MEGABYTE) for _ in range(42)]
    assert [answer.status_code for answer in answers] == [201] * 40 + [423] * 2
    assert answers[-1].json["error"]["code"] == "attachment.too_many"
    assert answers[-1].json["error"]["words"].startswith("Too many files without a record")
    assert announced(bench, bench.client_of(bench.cast.tech2), 25 * MEGABYTE).status_code == 201


def test_files_without_a_record_are_limited_by_number(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    client, begun = bench.client_of(bench.cast.tech), clock.now()
    answers = [announced(bench, client, 1000).status_code for _ in range(202)]
    assert answers == [201] * 200 + [423] * 2
    monkeypatch.setattr(clock, "now", lambda: begun + timedelta(days=8))
    assert announced(bench, client, 1000).status_code == 201, "nobody is kept out for good"


def test_file_that_a_record_names_is_accepted_beyond_the_quota(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    for _ in range(41):
        announced(bench, client, 25 * MEGABYTE)
    note, _ = bench.photo("receipt")
    assert push(client, capture(bench, atts=[note])).json["results"][0]["outcome"] == "accepted"
    assert create(client, note).status_code == 200


def test_file_named_by_a_record_no_longer_counts_against_the_quota(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    note, _ = bench.photo("receipt")
    assert create(client, note).status_code == 201
    statuses = [announced(bench, client, 25 * MEGABYTE).status_code for _ in range(40)]
    assert statuses == [201] * 39 + [423]
    push(client, capture(bench, atts=[note]))
    assert announced(bench, client, 25 * MEGABYTE).status_code == 201


def test_new_phones_are_limited_by_the_day(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    client, begun = bench.client_of(bench.cast.tech), clock.now()
    assert hello(bench, client).status_code == 200
    answers = [hello(bench, client, dev=str(uuid4())) for _ in range(20)]
    assert [answer.status_code for answer in answers] == [200] * 19 + [429]
    assert answers[-1].json["error"]["code"] == "device.too_many"
    assert int(answers[-1].headers["Retry-After"]) > 0
    # The phones that are known go on, and so do records.
    assert hello(bench, client, dev=DEVICE).status_code == 200
    assert push(client, capture(bench)).json["results"][0]["outcome"] == "accepted"
    monkeypatch.setattr(clock, "now", lambda: begun + timedelta(days=1, minutes=1))
    assert hello(bench, client, dev=str(uuid4())).status_code == 200


def test_notices_of_missing_records_are_limited_and_all_phones_are_listed(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    for _ in range(12):
        assert hello(bench, client, dev=str(uuid4()), next_seq=3, held={}).status_code == 200
    with bench.app.app_context():
        lines = select(func.count()).select_from(Notice)
        assert db.session.scalar(lines.where(Notice.kind == "device.lost_of")) == 5
        assert db.session.scalar(lines.where(Notice.kind == "device.lost")) == 5
    page = bench.client_of(bench.cast.leader).get("/phones?state=lost").text
    assert page.count("has not seen it yet") == 12


def lines_of(bench: Bench, kind: str) -> int:
    with bench.app.app_context():
        return int(db.session.scalar(select(func.count()).select_from(Notice).where(Notice.kind == kind)) or 0)


def test_notices_of_repeated_losses_of_one_phone_are_limited_per_day(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, begun = bench.client_of(bench.cast.tech), clock.now()

    def lose_and_find(times: int) -> None:
        for _ in range(times):
            hello(bench, client, next_seq=3, held={})
            hello(bench, client, next_seq=3, held={"0a1b2c3d": [[1, 2]]})

    lose_and_find(8)
    assert (lines_of(bench, "device.lost"), lines_of(bench, "device.lost_of")) == (5, 5)
    monkeypatch.setattr(clock, "now", lambda: begun + timedelta(days=1, minutes=1))
    lose_and_find(1)
    assert (lines_of(bench, "device.lost"), lines_of(bench, "device.lost_of")) == (6, 6)


def test_notices_of_records_from_closed_accounts_are_limited_per_day(bench: Bench) -> None:
    phone = bench.client_of(bench.cast.tech)
    token = hello(bench, phone).json["token"]
    bench.send(bench.cast.admin, "user.deactivate", ("user", str(UUID(int=bench.cast.tech.id))), {})
    sender = bearing(bench, token)
    for _ in range(8):
        assert push(sender, capture(bench)).json["results"][0]["outcome"] == "accepted"
    assert lines_of(bench, "device.closed_account") == 5


# -- refused records -----------------------------------------------------------------------------------------


@pytest.fixture
def limits(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that sets the daily limits, also below what an administrator can set."""

    def set_them(records: int = 5, megabytes: int = 20) -> None:
        figures = bench.app.extensions["settings"]
        for key, value in (
            ("records.refused_a_day", records),
            ("records.refused_megabytes_a_day", megabytes),
        ):
            monkeypatch.setitem(figures, key, replace(figures[key], default=value))

    return set_them


def refused(bench: Bench, **over: Any) -> str:
    """Return a well-formed record that the command refuses."""
    body: dict[str, Any] = {**json.loads(capture(bench)), **over}
    body["data"]["amount"] = "-1"
    return json.dumps(body)


def outcomes(answer: Any) -> list[tuple[str, str | None]]:
    return [(result["outcome"], result["code"]) for result in answer.json["results"]]


def stored(bench: Bench) -> tuple[int, int]:
    with bench.app.app_context():
        return tuple(db.session.scalar(select(func.count()).select_from(item)) for item in (Receipt, Quarantine))


REFUSED, FULL = ("rejected", "record.invalid"), ("busy", "record.too_many_refused")


def test_refused_records_beyond_the_limit_of_a_day_are_not_stored(
    bench: Bench, limits: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    limits(records=5)
    client, begun = bench.client_of(bench.cast.tech), clock.now()
    first, more = [refused(bench) for _ in range(4)], [refused(bench) for _ in range(3)]
    assert outcomes(push(client, *first)) == [REFUSED] * 4
    answer = push(client, more[0], capture(bench), more[1], more[2])
    assert outcomes(answer) == [REFUSED, ("accepted", None), FULL, FULL]
    assert answer.json["results"][3]["problems"]["_"][0].startswith("Too many refused records in one day.")
    assert "not stored" in caplog.text
    assert stored(bench) == (6, 0)
    # What is known keeps its answer, what can be taken in is taken in, and nobody else is kept out.
    assert outcomes(push(client, *first, capture(bench))) == [*[REFUSED] * 4, ("accepted", None)]
    other = bench.client_of(bench.cast.tech2)
    assert outcomes(push(other, refused(bench, user=bench.cast.tech2.id))) == [REFUSED]
    # The phone kept them. Sent again the next day they are decided and stored.
    monkeypatch.setattr(clock, "now", lambda: begun + timedelta(days=1, minutes=1))
    assert outcomes(push(client, *more)) == [REFUSED] * 3
    assert stored(bench) == (10, 0)


def test_refused_records_are_limited_by_size(bench: Bench, limits: Any) -> None:
    limits(records=1000, megabytes=1)
    client = bench.client_of(bench.cast.tech)
    large = [refused(bench, data={"note": "x" * 300_000}) for _ in range(4)]
    assert [outcomes(push(client, body))[0] for body in large] == [REFUSED] * 3 + [FULL]
    assert outcomes(push(client, refused(bench))) == [REFUSED], "a small one still fits"


def test_held_records_beyond_the_limit_stay_on_the_phone_until_their_dependency_arrives(
    bench: Bench, limits: Any
) -> None:
    limits(records=2)
    client, parent = bench.client_of(bench.cast.tech), capture(bench)
    waiting = [capture(bench, depends=[json.loads(parent)["op"]]) for _ in range(4)]
    assert outcomes(push(client, *waiting)) == [("held", None)] * 2 + [FULL] * 2
    assert outcomes(push(client, parent)) == [("accepted", None)]
    assert outcomes(push(client, *waiting)) == [("accepted", None)] * 4


def test_quarantined_records_count_against_their_sender(bench: Bench, limits: Any) -> None:
    limits(records=3)
    client = bench.client_of(bench.cast.tech)
    accepted_body = capture(bench)
    push(client, accepted_body)
    reused = [capture(bench, op=json.loads(accepted_body)["op"]) for _ in range(2)]
    foreign = [capture(bench, bench.cast.tech2) for _ in range(3)]
    wrong = ("wrong_user", None)
    assert outcomes(push(client, *foreign[:2])) == [wrong] * 2
    # Who it belongs to does not depend on room: the phone must stop sending.
    answer = push(client, reused[0], foreign[2], reused[1])
    assert outcomes(answer) == [("id_reused", "envelope.id_reused"), wrong, FULL]
    assert outcomes(push(client, foreign[2])) == [wrong]
    assert stored(bench) == (1, 3)
    # What is stored already takes no room, and keeps its answer.
    assert outcomes(push(client, reused[0])) == [("id_reused", "envelope.id_reused")]
    assert stored(bench) == (1, 3)


def test_retry_answers_are_unchanged_beyond_the_limit(bench: Bench, limits: Any) -> None:
    limits(records=1)
    client = bench.client_of(bench.cast.tech)
    future = [json.dumps({**json.loads(capture(bench)), "schema": 99}) for _ in range(2)]
    assert outcomes(push(client, *future)) == [("unsupported_schema", "command.unsupported")] * 2
    assert stored(bench) == (1, 0)


def test_refused_form_beyond_the_limit_is_returned_filled_in(bench: Bench, limits: Any) -> None:
    limits(records=1)
    client = bench.client_of(bench.cast.tech)
    push(client, refused(bench))
    form = {"_op": str(ids.uuid7()), "id": str(ids.uuid7()), "amount": "-1", "note": "what was typed"}
    answer = client.post("/expenses/new", data=form)
    assert answer.status_code == 503
    assert "Too many refused records in one day" in answer.text
    assert "what was typed" in answer.text
    assert stored(bench) == (1, 0)


def test_a_correction_beyond_the_limit_is_taken_in_and_leaves_no_trace_before(bench: Bench, limits: Any) -> None:
    limits(records=1)
    client, wrong = bench.client_of(bench.cast.tech), refused(bench)
    push(client, wrong)
    again = refused(bench, supersedes=json.loads(wrong)["op"])
    assert outcomes(push(client, again)) == [FULL]
    with bench.app.app_context():
        assert db.session.scalar(select(Receipt.superseded_by)) is None
    right = capture(bench, supersedes=json.loads(wrong)["op"])
    assert outcomes(push(client, right)) == [("accepted", None)]


def test_parallel_requests_do_not_pass_the_limit(bench: Bench, limits: Any) -> None:
    limits(records=5)
    people = [bench.cast.tech] * 6
    bodies = [[refused(bench) for _ in range(2)] + [capture(bench, bench.cast.tech2)] for _ in people]
    clients = [bench.client_of(person) for person in people]
    with ThreadPoolExecutor(len(people)) as pool:
        answers = list(pool.map(lambda item: push(item[0], *item[1]), zip(clients, bodies, strict=True)))
    assert {answer.status_code for answer in answers} == {200}
    assert sum(stored(bench)) == 5


def test_rescue_import_is_not_limited_by_its_authors_refused_records(bench: Bench, limits: Any) -> None:
    limits(records=1)
    push(bench.client_of(bench.cast.tech), refused(bench))
    author = bench.actor(bench.cast.tech)
    with bench.app.test_request_context(headers={"Accept-Language": "en"}):
        results = execute([refused(bench)], author, IMPORT, importer=bench.cast.agent.id, signed_in=False)
    assert [result.outcome for result in results] == ["rejected"]
