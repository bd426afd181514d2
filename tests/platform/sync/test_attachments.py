"""Attachments: tus core protocol, complete files and chunks (failure modes 29, 62, 63)."""

from __future__ import annotations

import base64
import errno
import hashlib
from pathlib import Path
from typing import Any

from fieldapp.kernel import ids
from fieldapp.services.attachments import receiving, store
from tests.support.bench import Bench


def b64(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def create(client: Any, note: dict[str, Any], **over: Any) -> Any:
    meta = {
        "id": note["id"],
        "sha256": note["sha256"],
        "filename": note["name"],
        "filetype": note["mime"],
        "role": note["role"],
    }
    header = ",".join(f"{k} {b64(v)}" for k, v in meta.items())
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": str(note["size"]), "Upload-Metadata": header}
    return client.post("/sync/attachments", headers={**headers, **over})


def patch(client: Any, note: dict[str, Any], offset: int, chunk: bytes, **over: Any) -> Any:
    headers = {
        "Tus-Resumable": "1.0.0",
        "Upload-Offset": str(offset),
        "Upload-Checksum": f"sha256 {b64(hashlib.sha256(chunk).digest())}",
    }
    return client.patch(
        f"/sync/attachments/{note['id']}",
        data=chunk,
        headers={**headers, **over},
        content_type="application/offset+octet-stream",
    )


def test_a_whole_file(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    note, data = bench.photo()
    made = create(client, note)
    assert (made.status_code, made.headers["Upload-Offset"]) == (201, "0")
    done = patch(client, note, 0, data)
    assert (done.status_code, done.headers["X-Attachment-State"]) == (204, "stored")
    assert "X-Fieldapp" in done.headers
    shown = client.get(f"/attachments/{note['id']}?size=thumb")
    assert (shown.status_code, shown.mimetype) == (200, "image/jpeg")
    assert "sandbox" in shown.headers["Content-Security-Policy"]
    shown.close()


def test_62_upload_in_chunks_resumes_after_a_cut(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    note, data = bench.photo()
    create(client, note)
    half = len(data) // 2
    patch(client, note, 0, data[:half])
    wrong = patch(client, note, 0, data[:half])
    assert (wrong.status_code, wrong.headers["Upload-Offset"]) == (409, str(half))
    head = client.head(f"/sync/attachments/{note['id']}")
    assert (head.status_code, head.headers["Upload-Offset"]) == (200, str(half))
    assert patch(client, note, half, data[half:]).headers["X-Attachment-State"] == "stored"


def test_the_same_announcement_again_is_a_200(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    note, data = bench.photo()
    create(client, note)
    patch(client, note, 0, data[:10])
    again = create(client, note)
    assert (again.status_code, again.headers["Upload-Offset"]) == (200, "10")


def test_the_same_photo_is_stored_once(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    note, data = bench.photo()
    create(client, note)
    patch(client, note, 0, data)
    again = create(client, {**note, "id": str(ids.uuid7())})
    assert again.headers["X-Attachment-State"] == "stored"


def test_29_a_damaged_chunk_is_noticed(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    note, data = bench.photo()
    create(client, note)
    answer = patch(
        client, note, 0, data[:-1] + b"x", **{"Upload-Checksum": f"sha256 {b64(hashlib.sha256(data).digest())}"}
    )
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (460, "0")


def test_29_upload_with_another_hash_restarts(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    note, data = bench.photo()
    create(client, note)
    other = bytes(len(data))
    assert patch(client, note, 0, other).status_code == 460
    assert client.head(f"/sync/attachments/{note['id']}").headers["Upload-Offset"] == "0"
    assert patch(client, note, 0, data).headers["X-Attachment-State"] == "stored"


def test_file_that_is_no_image_is_stored_and_never_shown(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    data = b"<script>alert(1)</script>"
    note = {**bench.photo()[0], "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    create(client, note)
    assert patch(client, note, 0, data).headers["X-Attachment-State"] == "refused"
    again = patch(client, note, len(data), b"")
    assert (again.status_code, again.headers["X-Attachment-State"]) == (204, "refused")
    head = client.head(f"/sync/attachments/{note['id']}")
    assert (head.headers["X-Attachment-State"], head.headers["Upload-Offset"]) == ("refused", str(len(data)))
    assert client.get(f"/attachments/{note['id']}").status_code == 404


def test_other_people_neither_see_nor_write_an_upload(bench: Bench) -> None:
    note, data = bench.photo()
    create(bench.client_of(bench.cast.tech), note)
    other = bench.client_of(bench.cast.tech2)
    assert create(other, note).status_code == 404
    assert patch(other, note, 0, data).status_code == 404
    assert other.head(f"/sync/attachments/{note['id']}").status_code == 404
    assert other.get(f"/attachments/{note['id']}").status_code == 404


def test_too_large_and_malformed_announcements_are_refused(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    note, data = bench.photo()
    assert create(client, {**note, "size": 10**12}).status_code == 413
    assert create(client, {**note, "size": -1}).status_code == 413
    assert create(client, {**note, "id": "x"}).status_code == 400
    assert create(client, note, **{"Upload-Metadata": "id !!!"}).status_code == 400
    create(client, note)
    assert patch(client, note, 0, data + b"more").status_code == 409
    assert patch(client, note, 0, data, **{"Upload-Offset": "x"}).status_code == 400
    bad = client.patch(f"/sync/attachments/{note['id']}", data=data, headers={"Upload-Offset": "0"})
    assert bad.status_code == 415


def test_63_hello_lists_incomplete_attachments(bench: Bench) -> None:
    from tests.platform.commandbus.test_bus import item
    from tests.platform.sync.test_hello import hello

    client = bench.client_of(bench.cast.tech)
    note, _ = bench.photo("receipt")
    op = bench.send(bench.cast.tech, *item(), atts=[note]).op
    wanted = [{"id": note["id"], "op": op, "offset": 0}]
    assert hello(bench, client).json["attachments_wanted"] == wanted


def test_21_photo_stored_before_a_lost_commit_is_recognised(bench: Bench, monkeypatch: Any) -> None:
    client = bench.client_of(bench.cast.tech)
    note, data = bench.photo()
    half = len(data) // 2
    create(client, note)
    patch(client, note, 0, data[:half])

    def died(name: str) -> None:
        if name == "upload-before-commit":
            raise RuntimeError("killed")

    monkeypatch.setattr(receiving, "point", died)
    assert patch(client, note, half, data[half:]).status_code == 500
    monkeypatch.undo()
    head = client.head(f"/sync/attachments/{note['id']}")
    assert (head.headers["Upload-Offset"], head.headers["X-Attachment-State"]) == (str(half), "partial")
    again = patch(client, note, half, data[half:])
    assert (again.status_code, again.headers["Upload-Offset"]) == (204, str(note["size"]))
    head = client.head(f"/sync/attachments/{note['id']}")
    assert (head.headers["Upload-Offset"], head.headers["X-Attachment-State"]) == (str(note["size"]), "stored")


def test_21_upload_restarts_if_confirmed_bytes_are_gone(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    note, data = bench.photo()
    half = len(data) // 2
    create(client, note)
    patch(client, note, 0, data[:half])
    with bench.app.app_context():
        store.partial_path(note["id"]).unlink()
    assert patch(client, note, half, data[half:]).headers["Upload-Offset"] == "0"
    assert client.head(f"/sync/attachments/{note['id']}").headers["Upload-Offset"] == "0"
    assert patch(client, note, 0, data).headers["X-Attachment-State"] == "stored"


def test_62_two_requests_with_the_last_chunk_are_serialised(bench: Bench, monkeypatch: Any) -> None:
    note, data = bench.photo()
    create(bench.client_of(bench.cast.tech), note)
    statuses: list[int] = []

    def meanwhile(path: Path) -> str:
        statuses.append(patch(bench.client_of(bench.cast.tech), note, 0, data).status_code)
        return note["sha256"]

    monkeypatch.setattr(store, "digest_of", meanwhile)
    assert patch(bench.client_of(bench.cast.tech), note, 0, data).headers["X-Attachment-State"] == "stored"
    monkeypatch.undo()
    assert statuses == [423]
    with bench.app.app_context():
        assert store.digest_of(store.path_of(note["sha256"])) == note["sha256"]


def test_bytes_that_are_no_picture_stay_refused_when_announced_again(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    data = b"no picture at all"
    note = {**bench.photo()[0], "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    create(client, note)
    assert patch(client, note, 0, data).headers["X-Attachment-State"] == "refused"
    assert create(client, {**note, "id": str(ids.uuid7())}).headers["X-Attachment-State"] == "refused"


def test_37_full_disk_during_an_upload_is_a_503(bench: Bench, monkeypatch: Any) -> None:
    client = bench.client_of(bench.cast.tech)
    note, data = bench.photo()
    create(client, note)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(receiving.os, "fsync", full)
    answer = patch(client, note, 0, data)
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "server.busy")
    assert "Retry-After" in answer.headers
    monkeypatch.undo()
    assert patch(client, note, 0, data).headers["X-Attachment-State"] == "stored"
