"""Limits on request bodies that are small but expand to something large."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

import pytest
from sqlalchemy import func, select

from fieldapp.kernel import clock, ids
from fieldapp.platform.commandbus.models import Attachment, Receipt
from fieldapp.platform.extensions import db
from fieldapp.platform.sync.inputs import MAX_SPANS, numbers
from fieldapp.platform.sync.losses import WINDOW
from fieldapp.services.devices import Device
from tests.platform.sync.test_attachments import b64
from tests.platform.sync.test_hello import hello
from tests.support.bench import DEVICE, Bench


def introduction(bench: Bench) -> dict[str, Any]:
    return {"dev": DEVICE, "ep": "0a1b2c3d", "user": bench.cast.tech.id, "build": "b", "now": clock.iso(clock.now())}


def packed(content: Any) -> bytes:
    return gzip.compress(json.dumps(content).encode())


def test_more_spans_than_a_phone_has_records_are_refused(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    hello_body = {**introduction(bench), "next_seq": 10_000, "held": {"0a1b2c3d": [[1, 99_999]] * 100_000}}
    body = gzip.compress(json.dumps(hello_body, separators=(",", ":")).encode())
    assert len(body) < 3000
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    answer = client.post("/sync/hello", data=body, headers=headers)
    assert answer.status_code == 413
    assert (answer.json["error"]["code"], answer.json["limits"]["batch_ops"]) == ("hello.too_many_spans", 50)
    with bench.app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Device)) == 0


def test_spans_of_all_epochs_are_counted_together(bench: Bench) -> None:
    spans = {f"{epoch:08x}": [[1, 9]] * 1000 for epoch in range(21)}
    assert hello(bench, bench.client_of(bench.cast.tech), held=spans).status_code == 413
    many = {f"{epoch:08x}": [[1, 9]] for epoch in range(1000)}
    assert hello(bench, bench.client_of(bench.cast.tech), held=many).status_code == 400


def test_overlapping_spans_give_each_number_once() -> None:
    spans = [(1, 2**60)] * MAX_SPANS
    assert list(numbers(spans, 1, 6)) == [1, 2, 3, 4, 5]
    assert sum(1 for _ in numbers([(1, 99_999)] * MAX_SPANS, 10_000 - WINDOW, 10_000)) == WINDOW
    assert list(numbers([(4, 5), (1, 2), (2, 4), (9, 3), (-5, 1)], 1, 5)) == [1, 2, 3, 4]
    assert list(numbers([(5, -5), (2**60, 2**61)], 1, 5)) == []


def test_hello_with_the_most_spans_reports_missing_numbers(bench: Bench) -> None:
    held = {"0a1b2c3d": [[1, 3]] * (MAX_SPANS - 1) + [[5, 99_999]]}
    answer = hello(bench, bench.client_of(bench.cast.tech), next_seq=4000, held=held)
    assert answer.json["missing_seqs"] == [4]


def test_stored_discarded_numbers_are_limited(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    for end in range(1000, 20_000, 1000):
        hello(bench, client, next_seq=end, held={}, dropped={"0a1b2c3d": list(range(end - 1000, end))})
    with bench.app.app_context():
        device = db.session.scalar(select(Device))
        assert device is not None
        assert len(device.dropped or ()) <= WINDOW
        assert device.missing == []


@pytest.mark.parametrize(
    "over",
    [
        {"build": "b\0", "display_mode": "\0"},
        {"now": "2026\0"},
        {"now": "1" * 500_000},
        {"pending": {"min_seq": 10**40, "max_seq": -(10**40), "count": 10**40, "oldest_utc": "\0"}},
        {"pending": {"min_seq": 1, "max_seq": 1, "count": 1, "oldest_utc": "9999-12-31T23:59:59Z"}},
        {"held": {"\0": [[1, 1]]}, "dropped": {"\0": [1]}},
        {"held": {"0a1b2c3d": [[10**40, 10**41]]}},
        {"user": 10**40},
    ],
)
def test_hello_texts_are_cut_to_what_can_be_stored(bench: Bench, over: dict[str, Any]) -> None:
    assert hello(bench, bench.client_of(bench.cast.tech), next_seq=4, **over).status_code == 200
    assert bench.client_of(bench.cast.tech).get("/me/devices").status_code == 200
    assert bench.client_of(bench.cast.leader).get("/phones").status_code == 200


@pytest.mark.parametrize("over", [{"ep": "0a1b2c3\0"}, {"ep": "GGGGGGGG"}, {"dev": "\0" * 36}, {"next_seq": 2**53}])
def test_malformed_device_id_is_a_400(bench: Bench, over: dict[str, Any]) -> None:
    assert hello(bench, bench.client_of(bench.cast.tech), **over).status_code == 400


def test_receipts_are_only_asked_for_by_ids(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    answer = client.post("/sync/receipts", json={"ops": ["\0", "x" * 500, str(ids.uuid7())] * 1500})
    assert (answer.status_code, answer.json["results"]) == (200, [])


@pytest.mark.parametrize("path", ["/sync/hello", "/sync/push", "/sync/receipts"])
@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_a_body_that_unpacks_to_more_than_a_megabyte_is_refused(bench: Bench, path: str, pack: Any) -> None:
    body = pack(b'{"ops": ["' + b"x" * (64 << 20) + b'"]}')
    assert len(body) < 100_000
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    assert bench.client_of(bench.cast.tech).post(path, data=body, headers=headers).status_code == 413


def test_a_push_of_rows_is_answered_briefly(bench: Bench) -> None:
    """Send 2 KB of gzip with 200,000 empty rows, each of which would be reported with all its missing fields."""
    agg = ("parts_request", str(ids.uuid7()))
    body = bench.envelope(bench.cast.tech, "parts_request.submit", agg, {"id": agg[1], "lines": [{}] * 200_000})
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    small = packed({"ops": [body]})
    assert len(small) < 5000
    answer = bench.client_of(bench.cast.tech).post("/sync/push", data=small, headers=headers)
    assert answer.json["results"][0]["outcome"] == "rejected"
    assert len(answer.data) < 3000
    with bench.app.app_context():
        assert db.session.scalar(select(Receipt.outcome)) == "rejected"


@pytest.mark.parametrize(
    ("meta", "length", "status"),
    [
        ({"filename": "a\0b.jpg", "filetype": "image/\0jpeg", "role": "pho\0to"}, "5", 201),
        ({"filename": "x" * 5000}, "5", 201),
        ({"id": "\0"}, "5", 400),
        ({"sha256": "\0" * 64}, "5", 400),
        ({"filename": "a"}, "5" * 5000, 400),
        ({"filename": "a"}, "²", 400),
        ({"filename": "a"}, "1_0", 400),
        ({"filename": "a"}, str(2**62), 413),
    ],
)
def test_upload_metadata_is_cut_to_what_can_be_stored(
    bench: Bench, meta: dict[str, str], length: str, status: int
) -> None:
    header = ",".join(f"{name} {b64(value)}" for name, value in meta.items())
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": length, "Upload-Metadata": header}
    answer = bench.client_of(bench.cast.tech).post("/sync/attachments", headers=headers)
    assert answer.status_code == status
    if status == 201:
        with bench.app.app_context():
            name, mime, role = db.session.execute(select(Attachment.name, Attachment.mime, Attachment.role)).one()
            assert "\0" not in name + mime + role
            assert len(name) <= 255


@pytest.mark.parametrize("offset", ["-1", "1" * 5000, "x", "", "0x1", str(2**63)])
def test_malformed_upload_offset_is_a_400(bench: Bench, offset: str) -> None:
    client = bench.client_of(bench.cast.tech)
    attachment_id = str(ids.uuid7())
    meta = f"id {b64(attachment_id)},filename {b64('a.jpg')}"
    made = client.post(
        "/sync/attachments", headers={"Tus-Resumable": "1.0.0", "Upload-Length": "5", "Upload-Metadata": meta}
    )
    assert made.status_code == 201
    headers = {"Upload-Offset": offset, "Content-Type": "application/offset+octet-stream", "Tus-Resumable": "1.0.0"}
    assert client.patch(f"/sync/attachments/{attachment_id}", data=b"12345", headers=headers).status_code == 400
