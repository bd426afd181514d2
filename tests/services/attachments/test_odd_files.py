"""Arbitrary uploads: pictures are shown as copies; other files are refused with a message, never shown (mode 65)."""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from fieldapp.kernel import ids
from fieldapp.services.attachments import store
from tests.platform.sync.test_attachments import create, patch
from tests.support.bench import Bench

SCRIPT = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/><script>alert(1)</script>"


def picture(kind: str = "JPEG", size: tuple[int, int] = (64, 48), **save: Any) -> bytes:
    out = BytesIO()
    Image.frombytes("RGB", size, os.urandom(size[0] * size[1] * 3)).save(out, kind, **save)
    return out.getvalue()


def animated(kind: str) -> bytes:
    out = BytesIO()
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue", "green")]
    frames[0].save(out, kind, save_all=True, append_images=frames[1:])
    return out.getvalue()


def png_claiming(width: int, height: int) -> bytes:
    """Return a small PNG that decodes to gigabytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(3_000_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def cut(data: bytes) -> bytes:
    return data[: len(data) * 2 // 3]


ODD = {
    "text": b"this is text, not a picture",
    "html": b"<!doctype html><script>alert(1)</script>",
    "svg": SCRIPT,
    "pdf": b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<<>>\n%%EOF",
    "heic": b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(200),
    "zip": b"PK\x03\x04" + bytes(200),
    "gif that is a script": b"GIF89a/*" + bytes(20) + b"*/=1;alert(1)",
    "animated gif": animated("GIF"),
    "still gif": picture("GIF"),
    "animated png": animated("PNG"),
    "animated webp": animated("WEBP"),
    "bmp": picture("BMP"),
    "tiff": picture("TIFF"),
    "half a jpeg": cut(picture(size=(400, 300))),
    "half a png": cut(picture("PNG", size=(400, 300))),
    "bomb of 4 gigapixels": png_claiming(65_000, 65_000),
    "bomb just above the limit": png_claiming(8_000, 5_001),
    "only a head": b"\xff\xd8\xff\xe0",
    "zeroes": bytes(5000),
}


def send(bench: Bench, data: bytes, client: Any = None) -> tuple[Any, dict[str, Any]]:
    client = client or bench.client_of(bench.cast.tech)
    note = {"id": str(ids.uuid7()), "name": "x.jpg", "mime": "image/jpeg", "size": len(data)}
    note |= {"sha256": hashlib.sha256(data).hexdigest(), "role": "photo"}
    answer = create(client, note)
    return (patch(client, note, 0, data) if data else answer), note


@pytest.mark.parametrize("name", ODD)
def test_odd_files_are_kept_as_they_came_and_never_shown(bench: Bench, name: str) -> None:
    client = bench.client_of(bench.cast.tech)
    answer, note = send(bench, ODD[name], client)
    assert answer.headers["X-Attachment-State"] == "refused"
    with bench.app.app_context():
        assert store.path_of(note["sha256"]).read_bytes() == ODD[name]
    for size in ("thumb", "view"):
        shown = client.get(f"/attachments/{note['id']}?size={size}", headers={"Accept": "text/html"})
        assert shown.status_code == 404
        assert "cannot be shown" in shown.text
        assert b"alert(1)" not in shown.data


def test_a_file_of_no_bytes_is_refused_when_it_is_announced(bench: Bench) -> None:
    answer, note = send(bench, b"")
    assert (answer.status_code, answer.headers["X-Attachment-State"]) == (201, "refused")
    client = bench.client_of(bench.cast.tech)
    assert client.head(f"/sync/attachments/{note['id']}").headers["Upload-Offset"] == "0"
    assert client.get(f"/attachments/{note['id']}").status_code == 404


@pytest.mark.parametrize("name", ["text", "half a jpeg", "animated gif", "bomb just above the limit"])
def test_the_ordinary_form_refuses_them_at_the_field(bench: Bench, name: str) -> None:
    client = bench.client_of(bench.cast.tech)
    form = {"_op": str(ids.uuid7()), "id": str(ids.uuid7()), "kind": "parking", "amount": "5", "spent_on": "2026-11-20"}
    file = (BytesIO(ODD[name]), "x.jpg")
    answer = client.post("/expenses/new", data={**form, "receipt": file}, content_type="multipart/form-data")
    assert answer.status_code == 422
    assert "x.jpg is not a picture we can read." in answer.text


@pytest.mark.parametrize(("kind", "save"), [("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {}), ("WEBP", {})])
def test_pictures_are_shown_as_copies_with_headers_that_run_nothing(bench: Bench, kind: str, save: Any) -> None:
    client = bench.client_of(bench.cast.tech)
    data = picture(kind, **save)
    answer, note = send(bench, data + SCRIPT, client)
    assert answer.headers["X-Attachment-State"] == "stored"
    with client.get(f"/attachments/{note['id']}") as shown:
        assert (shown.status_code, shown.mimetype) == (200, "image/jpeg")
        assert shown.data != data
        assert b"script" not in shown.data
        assert shown.headers["X-Content-Type-Options"] == "nosniff"
        assert shown.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert shown.headers["Content-Disposition"] == f'inline; filename="{note["id"]}.jpg"'
        assert "private" in shown.headers["Cache-Control"]
    with bench.app.app_context():
        assert store.path_of(note["sha256"]).read_bytes() == data + SCRIPT


def camera_picture() -> bytes:
    """Return a picture as a phone takes it: rotated, with place, maker and time."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Make] = "Maker"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2026:11:22 09:14:03"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (34.0, 45.0, 1.0)
    return picture(size=(60, 40), exif=exif, comment=b"secret words")


@pytest.mark.parametrize("size", ["thumb", "view"])
def test_65_the_copy_is_upright_and_keeps_of_the_rest_only_the_time(bench: Bench, size: str) -> None:
    client = bench.client_of(bench.cast.tech)
    _, note = send(bench, camera_picture(), client)
    with client.get(f"/attachments/{note['id']}?size={size}") as shown:
        copy = Image.open(BytesIO(shown.data))
    assert copy.size == (40, 60)
    exif = copy.getexif()
    assert exif.get_ifd(ExifTags.IFD.Exif) == {ExifTags.Base.DateTimeOriginal: "2026:11:22 09:14:03"}
    assert set(exif) == {ExifTags.IFD.Exif}
    assert "comment" not in copy.info
    assert b"secret" not in shown.data


def test_only_those_who_may_see_the_record_see_its_photo(bench: Bench) -> None:
    from tests.services.attachments.test_missing import expense

    note, data = bench.photo("receipt")
    record = expense(bench, note)
    tech = bench.client_of(bench.cast.tech)
    create(tech, note)
    patch(tech, note, 0, data)

    def seen() -> dict[str, int]:
        people = (bench.cast.tech, bench.cast.leader, bench.cast.finance, bench.cast.tech2, bench.cast.other_leader)
        answers = {}
        for who in people:
            with bench.client_of(who).get(f"/attachments/{note['id']}") as shown:
                answers[who.username] = shown.status_code
        return answers

    assert seen() == {"tech": 200, "leader": 404, "finance": 404, "tech2": 404, "other_leader": 404}
    claim = str(ids.uuid7())
    sent = bench.send(
        bench.cast.tech, "expense_claim.submit", ("expense_claim", claim), {"id": claim, "items": [record]}
    )
    assert sent.outcome == "accepted"
    assert seen() == {"tech": 200, "leader": 200, "finance": 200, "tech2": 404, "other_leader": 404}
    assert bench.app.test_client().get(f"/attachments/{note['id']}").status_code in {302, 401}


def test_the_hash_of_a_strangers_photo_opens_nothing(bench: Bench) -> None:
    note, data = bench.photo()
    create(bench.client_of(bench.cast.tech), note)
    patch(bench.client_of(bench.cast.tech), note, 0, data)
    other = bench.client_of(bench.cast.other_tech)
    again = create(other, {**note, "id": str(ids.uuid7())})
    assert (again.headers["X-Attachment-State"], again.headers["Upload-Offset"]) == ("partial", "0")


def test_what_was_refused_stays_refused_under_another_number(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    _, note = send(bench, ODD["html"], client)
    again = create(client, {**note, "id": str(ids.uuid7())})
    assert again.headers["X-Attachment-State"] == "refused"


JPEG = picture(size=(200, 150))
PNG = picture("PNG")


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Return a strategy: a picture with bytes changed, removed or inserted, or no picture at all."""
    base = bytearray(draw(st.sampled_from([JPEG, PNG, ODD["animated gif"], b""])))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, max(0, len(base) - 1)))
        base[at : at + draw(st.integers(0, 40))] = draw(st.binary(max_size=40))
    return bytes(base[: draw(st.integers(0, len(base)))]) if draw(st.booleans()) else bytes(base)


def test_junk_is_either_a_picture_we_can_show_or_refused(bench: Bench, tmp_path: Path) -> None:
    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(damaged())
    def check(data: bytes) -> None:
        path = tmp_path / "junk"
        path.write_bytes(data)
        try:
            mime = store.check_image(path)
        except store.NotAnImage:
            return
        assert mime in {"image/jpeg", "image/png", "image/webp"}
        digest = hashlib.sha256(data).hexdigest()
        store.keep(path, digest)
        with Image.open(store.copy_of(digest, "thumb")) as copy:
            copy.load()
            assert copy.format == "JPEG"
            assert max(copy.size) <= store.COPIES["thumb"]

    with bench.app.app_context():
        check()
