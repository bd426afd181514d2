"""Malformed rescue files: a message at the field or at the record; no server error, no partial effect."""

from __future__ import annotations

import hashlib
import html
import io
import json
import re
import zipfile
from typing import Any

import pytest

from fieldapp.kernel import clock, ids
from fieldapp.platform.commandbus.models import Receipt
from tests.services.rescue.test_import import bring_in, choose, count, expense, with_photo
from tests.support.bench import Bench
from tests.support.rescue import manifest_of, rescue_zip, zipped


def good() -> dict[str, bytes]:
    return {"manifest.json": json.dumps(manifest_of([])).encode()}


def bomb() -> bytes:
    return zipped({**good(), "atts/x": b"\0" * (130 << 20)}, zipfile.ZIP_DEFLATED)


def many_entries() -> bytes:
    """Return a ZIP whose central directory has too many entries."""
    data = bytearray(zipped(good()))
    data[-10:-6] = (1 << 30).to_bytes(4, "little")
    return bytes(data)


def encrypted() -> bytes:
    data = bytearray(zipped(good()))
    at = data.index(b"PK\x01\x02")
    data[at + 8] |= 1
    return bytes(data)


def strangely_packed() -> bytes:
    return zipped(good(), zipfile.ZIP_LZMA)


def twice() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("manifest.json", good()["manifest.json"])
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("manifest.json", good()["manifest.json"])
    return out.getvalue()


def lied_about_size() -> bytes:
    """Return a ZIP whose directory understates the size of the manifest."""
    data = bytearray(zipped(good()))
    at = data.index(b"PK\x01\x02")
    data[at + 24 : at + 28] = (10).to_bytes(4, "little")
    return bytes(data)


BAD: dict[str, tuple[Any, str]] = {
    "empty": (b"", "no ZIP"),
    "text": (b"hello", "no ZIP"),
    "rubbish": (bytes(range(256)) * 40, "no ZIP"),
    "a photo": (b"\xff\xd8\xff\xe0" + b"x" * 4000, "no ZIP"),
    "cut off": (lambda: zipped(good())[:-30], "no ZIP"),
    "only the end": (lambda: zipped(good())[-22:], "no ZIP"),
    "bomb": (bomb, "too large"),
    "many entries": (many_entries, "too large"),
    "path upwards": (lambda: zipped({**good(), "../../etc/cron.d/x": b"x"}), "names that no phone writes"),
    "absolute path": (lambda: zipped({**good(), "/etc/x": b"x"}), "names that no phone writes"),
    "windows path": (lambda: zipped({**good(), "a\\..\\x": b"x"}), "names that no phone writes"),
    "the same name twice": (twice, "names that no phone writes"),
    "encrypted": (encrypted, "encrypted"),
    "packed by LZMA": (strangely_packed, "packed in a way"),
    "no list": (lambda: zipped({"x": b"x"}), "list of contents is missing"),
    "list that lies": (lied_about_size, "list of contents is missing or damaged"),
    "list not JSON": (lambda: zipped({"manifest.json": b"{"}), "cannot be read"),
    "list not text": (lambda: zipped({"manifest.json": b"\xff\xfe"}), "missing or damaged"),
    "list of another kind": (lambda: zipped({"manifest.json": b"[1]"}), "cannot be read"),
    "deep list": (lambda: zipped({"manifest.json": b"[" * 200_000}), "cannot be read"),
    "newer": (lambda: rescue_zip([], v=2), "newer version"),
    "another installation": (lambda: rescue_zip([], instance=str(ids.uuid7())), "another installation"),
    "too many": (
        lambda: rescue_zip([], ops=[{"file": f"{n}", "op": f"{n}", "sha256": ""} for n in range(1001)]),
        "More than 1000 records",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_in_words_at_the_field(bench: Bench, name: str) -> None:
    made, words = BAD[name]
    answer = choose(bench.client_of(bench.cast.agent), made() if callable(made) else made)
    assert answer.status_code == 422
    match = re.search(r'id="err-file">([^<]+)<', answer.text)
    assert match, answer.text
    assert words in html.unescape(match[1])
    assert count(bench, Receipt) == 0


def test_no_file_chosen(bench: Bench) -> None:
    answer = bench.client_of(bench.cast.agent).post("/rescue", data={})
    assert answer.status_code == 422
    assert "Please choose the rescue file." in answer.text


def test_corrupt_file_gives_a_message(bench: Bench) -> None:
    body, photo = with_photo(bench)
    data = rescue_zip([body], [photo])
    client = bench.client_of(bench.cast.agent)
    for at in range(0, len(data), 41):
        changed = data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :]
        for broken in (changed, data[:at]):
            answer = choose(client, broken)
            if answer.status_code == 303:
                assert client.get(answer.headers["Location"]).status_code == 200
            else:
                assert answer.status_code == 422, at


def test_an_altered_record_is_named_and_the_others_come_in(bench: Bench) -> None:
    bodies = [expense(bench, bench.cast.tech) for _ in range(3)]
    manifest = manifest_of(bodies)
    entries = {"manifest.json": json.dumps(manifest).encode()}
    for body, said in zip(bodies, manifest["ops"], strict=True):
        entries[said["file"]] = body.encode()
    entries[manifest["ops"][1]["file"]] = bodies[1].replace("46.00", "99.00").encode()
    page = bring_in(bench.client_of(bench.cast.agent), zipped(entries))
    assert "2 of 3 records received" in page
    assert "Its bytes were changed" in page
    assert count(bench, Receipt) == 2


def test_missing_unreadable_and_misnamed_records_are_named(bench: Bench) -> None:
    body = expense(bench, bench.cast.tech)
    no_envelope = json.dumps({"op": "x"})
    manifest = manifest_of([body])
    one = manifest["ops"][0]
    entries = {one["file"]: body.encode(), "bad.json": no_envelope.encode()}
    other = str(ids.uuid7())
    sha = hashlib.sha256(no_envelope.encode()).hexdigest()
    manifest["ops"] = [
        {**one, "op": other},
        {**one, "op": str(ids.uuid7()), "file": "gone.json"},
        {**one, "op": "x", "file": "bad.json", "sha256": sha},
    ]
    entries["manifest.json"] = json.dumps(manifest).encode()
    page = bring_in(bench.client_of(bench.cast.agent), zipped(entries))
    for words in ("does not carry the number", "bytes were changed or are missing", "damaged and cannot be read"):
        assert words in page
    assert "0 of 3 records received" in page


def test_an_altered_photo_is_not_taken_and_stays_expected(bench: Bench) -> None:
    body, (note, data) = with_photo(bench)
    page = bring_in(bench.client_of(bench.cast.agent), rescue_zip([body], [(note, data[:-1] + b"x")]))
    assert "1 of 1 records received" in page
    assert "Photos here: 0 of 1" in page


def test_a_photo_the_phone_had_lost_is_counted(bench: Bench) -> None:
    body, (note, _) = with_photo(bench)
    client = bench.client_of(bench.cast.agent)
    where = choose(client, rescue_zip([body], [(note, b"")])).headers["Location"]
    assert "1 not in the file" in client.get(where).text


def test_limits_are_settings(bench: Bench) -> None:
    for key, value in (("rescue.max_records", "1"), ("rescue.max_megabytes", "1")):
        one = str(ids.uuid7())
        day = clock.today().isoformat()
        data = {"id": one, "key": key, "value": value, "effective_on": day, "reason": "test"}
        assert bench.send(bench.cast.admin, "setting.change", ("setting", one), data).outcome == "accepted"
    client = bench.client_of(bench.cast.agent)
    two = rescue_zip([expense(bench, bench.cast.tech), expense(bench, bench.cast.tech)])
    assert "More than 1 record" in choose(client, two).text
    assert "at most 1 MB" in choose(client, zipped({**good(), "x": b"x" * (1 << 20)})).text


def test_malicious_manifest_is_refused(bench: Bench) -> None:
    """No content of the manifest does more than produce a message."""
    body, (note, data) = with_photo(bench)
    ops = manifest_of([body])["ops"]
    odd = {"file": "\u0000", "op": "a\u0000b", "sha256": "\u0000", "ref": "\u0000\u202e", "title": "<b>\u0000"}
    atts = [
        {**note, "file": f"atts/{note['id']}", "op": ops[0]["op"], "draft": None, "size": -5},
        {**note, "id": "\u0000", "file": "../x", "op": "\u0000", "draft": None},
        {**note, "id": str(ids.uuid7()), "file": f"atts/{note['id']}", "op": ops[0]["op"], "draft": None},
    ]
    file = rescue_zip([body], [(note, data)], ops=[*ops, odd], atts=atts, user=2**62, made="\u0000", dev="\u0000")
    page = bring_in(bench.client_of(bench.cast.agent), file)
    assert "1 of 2 records received" in page
    assert "Photos here: 0 of 3" in page
