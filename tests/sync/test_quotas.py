"""How much one person may bring about, refused in words that a phone retries later; nothing is lost (A23)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from fieldapp.commandbus.models import Notice
from fieldapp.extensions import db
from fieldapp.kernel import clock
from tests.support.bench import DEVICE, Bench
from tests.sync.test_attachments import create
from tests.sync.test_hello import hello
from tests.sync.test_push import capture, push

MEGABYTE = 1024 * 1024


def announced(bench: Bench, client: Any, size: int) -> Any:
    note, _ = bench.photo("receipt")
    return create(client, {**note, "size": size})


def test_files_without_a_record_are_limited_by_size(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    answers = [announced(bench, client, 25 * MEGABYTE) for _ in range(42)]
    assert [one.status_code for one in answers] == [201] * 40 + [423] * 2
    assert answers[-1].json["error"]["code"] == "attachment.too_many"
    assert answers[-1].json["error"]["words"].startswith("Too many files without a record")
    assert announced(bench, bench.client_of(bench.cast.tech2), 25 * MEGABYTE).status_code == 201


def test_files_without_a_record_are_limited_by_number(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    client, begun = bench.client_of(bench.cast.tech), clock.now()
    answers = [announced(bench, client, 1000).status_code for _ in range(202)]
    assert answers == [201] * 200 + [423] * 2
    monkeypatch.setattr(clock, "now", lambda: begun + timedelta(days=8))
    assert announced(bench, client, 1000).status_code == 201, "nobody is kept out for good"


def test_a_file_that_a_record_names_is_always_taken(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    for _ in range(41):
        announced(bench, client, 25 * MEGABYTE)
    note, _ = bench.photo("receipt")
    assert push(client, capture(bench, atts=[note])).json["results"][0]["outcome"] == "accepted"
    assert create(client, note).status_code == 200


def test_a_record_frees_the_place_of_its_file(bench: Bench) -> None:
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
    assert [one.status_code for one in answers] == [200] * 19 + [429]
    assert answers[-1].json["error"]["code"] == "device.too_many"
    assert int(answers[-1].headers["Retry-After"]) > 0
    # The phones that are known go on, and so do records.
    assert hello(bench, client, dev=DEVICE).status_code == 200
    assert push(client, capture(bench)).json["results"][0]["outcome"] == "accepted"
    monkeypatch.setattr(clock, "now", lambda: begun + timedelta(days=1, minutes=1))
    assert hello(bench, client, dev=str(uuid4())).status_code == 200


def test_many_phones_with_missing_records_are_told_of_a_few_times_and_all_listed(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    for _ in range(12):
        assert hello(bench, client, dev=str(uuid4()), next_seq=3, held={}).status_code == 200
    with bench.app.app_context():
        lines = select(func.count()).select_from(Notice)
        assert db.session.scalar(lines.where(Notice.kind == "device.lost_of")) == 5
        assert db.session.scalar(lines.where(Notice.kind == "device.lost")) == 5
    page = bench.client_of(bench.cast.leader).get("/phones?state=lost").text
    assert page.count("has not seen it yet") == 12
