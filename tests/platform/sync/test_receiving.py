"""Uploads: one writer at a time, confirmed bytes stay, every crash in between is repaired (failure mode 62)."""

from __future__ import annotations

import fcntl
import hashlib
import threading
import tracemalloc
from io import BytesIO
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from fieldapp.kernel import ids
from fieldapp.platform.commandbus.models import Attachment
from fieldapp.platform.extensions import db
from fieldapp.platform.sync.answers import CHUNK
from fieldapp.services.attachments import receiving, store
from tests.platform.sync.test_attachments import b64, create, patch
from tests.support.bench import Bench


def large(bench: Bench, size: int) -> tuple[dict[str, Any], bytes]:
    """Return a real picture padded to at least this many bytes."""
    note, data = bench.photo()
    data += bytes(max(0, size - len(data)))
    return {**note, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}, data


def bare_patch(client: Any, note: dict[str, Any], offset: int, body: Any, **over: Any) -> Any:
    """Send a chunk without a checksum, as tus clients do."""
    headers = {"Tus-Resumable": "1.0.0", "Upload-Offset": str(offset), **over}
    kind = "application/offset+octet-stream"
    return client.patch(f"/sync/attachments/{note['id']}", data=body, headers=headers, content_type=kind)


def head(client: Any, note: dict[str, Any]) -> tuple[int, str]:
    answer = client.head(f"/sync/attachments/{note['id']}", headers={"Tus-Resumable": "1.0.0"})
    return int(answer.headers["Upload-Offset"]), answer.headers["X-Attachment-State"]


def kept(bench: Bench, note: dict[str, Any]) -> bytes:
    with bench.app.app_context():
        return store.path_of(note["sha256"]).read_bytes()


def test_second_writer_of_an_upload_gets_423(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    note, data = bench.photo()
    create(client, note)
    with bench.app.app_context():
        path = store.partial_path(note["id"])
    with path.open("ab") as first:
        fcntl.flock(first.fileno(), fcntl.LOCK_EX)
        response = patch(client, note, 0, data)
        assert (response.status_code, response.headers["Upload-Offset"]) == (423, "0")
        assert "Tus-Resumable" in response.headers
    # Whoever held the lock died: nothing has to be freed by hand.
    assert patch(client, note, 0, data).headers["X-Attachment-State"] == "stored"


def test_eight_parallel_writers_produce_one_complete_file(bench: Bench) -> None:
    note, data = large(bench, 400_000)
    create(bench.client_of(bench.cast.tech), note)
    start = threading.Barrier(8)
    seen: list[list[int]] = []
    odd: list[int] = []

    def write() -> None:
        client = bench.client_of(bench.cast.tech)
        offsets, offset = [], 0
        start.wait()
        for _ in range(400):
            answer = bare_patch(client, note, offset, data[offset : offset + 30_000])
            if answer.status_code not in {204, 409, 423}:
                odd.append(answer.status_code)
            offset = int(answer.headers["Upload-Offset"])
            offsets.append(offset)
            if offset == len(data):
                break
        seen.append(offsets)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert odd == []
    assert all(offsets == sorted(offsets) for offsets in seen)
    assert head(bench.client_of(bench.cast.tech), note) == (len(data), "stored")
    assert kept(bench, note) == data


def set_received(bench: Bench, note: dict[str, Any], received: int) -> None:
    with bench.app.app_context():
        row = db.session.get_one(Attachment, note["id"])
        row.received, row.state, row.stored_at = received, "partial", None
        db.session.commit()
        db.session.remove()


def test_kill_between_file_write_and_row_update_is_repaired_by_next_request(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    note, data = bench.photo()
    create(client, note)
    patch(client, note, 0, data[:100])
    with bench.app.app_context(), store.partial_path(note["id"]).open("ab") as file:
        file.write(data[100:200])
    assert head(client, note)[0] == 100
    assert patch(client, note, 100, data[100:]).headers["X-Attachment-State"] == "stored"
    assert kept(bench, note) == data


def test_kill_between_file_move_and_row_update_is_repaired_by_next_request(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    note, data = bench.photo()
    create(client, note)
    patch(client, note, 0, data[:100])
    patch(client, note, 100, data[100:])
    set_received(bench, note, 100)
    again = patch(client, note, 100, data[100:])
    assert (again.status_code, again.headers["X-Attachment-State"]) == (204, "stored")
    assert kept(bench, note) == data


def test_upload_restarts_if_the_partial_file_is_gone(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    note, data = bench.photo()
    create(client, note)
    patch(client, note, 0, data[:200])
    with bench.app.app_context():
        store.partial_path(note["id"]).unlink()
    response = patch(client, note, 200, data[200:])
    assert (response.status_code, response.headers["Upload-Offset"]) == (409, "0")
    assert head(client, note) == (0, "partial")
    assert patch(client, note, 0, data).headers["X-Attachment-State"] == "stored"


def test_file_moved_into_the_store_is_never_written_to(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Open the file just before another request completes it: the stored file must not change."""
    client = bench.client_of(bench.cast.tech)
    note, data = bench.photo()
    create(client, note)
    patch(client, note, 0, data[:100])
    real = fcntl.flock

    def slow(descriptor: int, kind: int) -> None:
        monkeypatch.setattr(receiving.fcntl, "flock", real)
        patch(bench.client_of(bench.cast.tech), note, 100, data[100:])
        real(descriptor, kind)

    monkeypatch.setattr(receiving.fcntl, "flock", slow)
    assert patch(client, note, 100, data[100:]).status_code == 423
    assert kept(bench, note) == data


def test_large_body_is_received_in_bounded_memory(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    note, data = large(bench, 12 * CHUNK)
    create(client, note)
    body = BytesIO(data)
    tracemalloc.start()
    try:
        answer = bare_patch(client, note, 0, body)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (answer.status_code, answer.headers["X-Attachment-State"]) == (204, "stored")
    assert peak < 6 * CHUNK, peak
    assert kept(bench, note) == data


def cut_patch(client: Any, note: dict[str, Any], offset: int, body: bytes, promised: int, **over: Any) -> Any:
    """Send fewer bytes than announced and close the connection."""
    return client.patch(
        f"/sync/attachments/{note['id']}",
        data=body,
        environ_overrides={"CONTENT_LENGTH": str(promised)},
        headers={"Tus-Resumable": "1.0.0", "Upload-Offset": str(offset), **over},
        content_type="application/offset+octet-stream",
    )


def test_62_bytes_before_a_cut_are_kept(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    note, data = large(bench, 3 * CHUNK)
    create(client, note)
    cut_patch(client, note, 0, data[: CHUNK + 777], len(data))
    assert head(client, note) == (CHUNK + 777, "partial")
    bare_patch(client, note, CHUNK + 777, data[CHUNK + 777 :])
    assert kept(bench, note) == data


def test_29_chunk_with_checksum_is_stored_completely_or_not_at_all(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    note, data = bench.photo()
    create(client, note)
    check = {"Upload-Checksum": f"sha256 {b64(hashlib.sha256(data).digest())}"}
    cut_patch(client, note, 0, data[:300], len(data), **check)
    assert head(client, note) == (0, "partial")


def test_23_too_large_chunk_with_checksum_is_drained_and_refused(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    note, data = large(bench, 2 * CHUNK)
    create(client, note)
    answer = patch(client, note, 0, data)
    assert (answer.status_code, answer.json["limits"]["chunk"]) == (413, CHUNK)
    assert head(client, note)[0] == 0


def test_62_any_schedule_of_cuts_repeats_and_restarts_ends_with_the_same_bytes(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    steps = st.tuples(st.sampled_from(["send", "cut", "again", "old", "tail"]), st.integers(1, 5000))

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(steps, max_size=14))
    def check(schedule: list[tuple[str, int]]) -> None:
        out = BytesIO()
        Image.effect_noise((90, 90), 90).convert("RGB").save(out, "JPEG", quality=95)
        data = out.getvalue() + str(ids.uuid7()).encode()
        digest = hashlib.sha256(data).hexdigest()
        note = {**bench.photo()[0], "size": len(data), "sha256": digest}
        create(client, note)
        most = 0
        for what, size in schedule:
            offset, _ = head(client, note)
            assert offset >= most
            most = offset
            piece = data[offset : offset + size]
            if what == "send":
                bare_patch(client, note, offset, piece)
            elif what == "cut":
                cut_patch(client, note, offset, piece[: len(piece) // 2], len(piece))
            elif what == "again":
                assert create(client, note).headers["Upload-Offset"] == str(offset)
            elif what == "old" and offset:
                assert bare_patch(client, note, offset - 1, piece).status_code == 409
            elif what == "tail" and offset < len(data):
                # Written, then killed before the row was told.
                with bench.app.app_context(), store.partial_path(note["id"]).open("ab") as file:
                    file.write(piece)
        offset, _ = head(client, note)
        bare_patch(client, note, offset, data[offset:])
        assert head(client, note) == (len(data), "stored")
        assert kept(bench, note) == data

    check()
