"""The decompressed size of a rescue file is counted; its directory is not trusted."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from zipfile import ZIP_DEFLATED

import pytest

from fieldapp.kernel import ids
from fieldapp.services.rescue import archive
from tests.services.rescue.test_import import choose
from tests.support.bench import Bench
from tests.support.rescue import manifest_of, rescue_zip, zipped

LARGE = 96 << 20


def lies_about(name: str, claimed: int, entries: dict[str, bytes]) -> bytes:
    """Return the ZIP with another size for `name` in its directory."""
    data = bytearray(zipped(entries, ZIP_DEFLATED))
    at = data.index(b"PK\x01\x02")
    while data[at + 46 : at + 46 + len(name)] != name.encode():
        at = data.index(b"PK\x01\x02", at + 1)
    data[at + 24 : at + 28] = claimed.to_bytes(4, "little")
    return bytes(data)


@pytest.mark.parametrize("name", ["manifest.json", "ops/1.json"])
def test_a_small_size_in_the_directory_does_not_make_a_large_text(bench: Bench, tmp_path: Path, name: str) -> None:
    op = {"file": "ops/1.json", "op": str(ids.uuid7()), "sha256": "0" * 64}
    manifest = json.dumps(manifest_of([], ops=[op])).encode()
    entries = {"manifest.json": manifest, "ops/1.json": b"{}", name: b" " * LARGE}
    file = tmp_path / "lies.zip"
    file.write_bytes(lies_about(name, 1000, entries))
    limits = archive.Limits(100, 1000)
    tracemalloc.start()
    try:
        with bench.app.test_request_context(), archive.open_archive(file, limits) as opened:
            if name == "manifest.json":
                with pytest.raises(archive.BadRescue):
                    archive.read(opened, limits, "")
            else:
                assert [record.envelope for record in archive.read(opened, limits, "").records] == [None]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < LARGE // 8


def test_an_entry_that_many_records_name_counts_every_time(bench: Bench) -> None:
    name = "ops/1.json"
    ops = [{"file": name, "op": str(ids.uuid7()), "sha256": "0" * 64} for _ in range(200)]
    entries = {"manifest.json": json.dumps(manifest_of([], ops=ops)).encode(), name: b" " * (1 << 20)}
    answer = choose(bench.client_of(bench.cast.agent), zipped(entries, ZIP_DEFLATED))
    assert answer.status_code == 422
    assert "too large" in answer.text


def test_a_photo_larger_than_it_was_named_is_not_written_out(tmp_path: Path) -> None:
    file = tmp_path / "photo.zip"
    file.write_bytes(zipped({"atts/x": b"x" * (1 << 20)}))
    with archive.open_archive(file, archive.Limits(100, 1000)) as opened:
        assert archive.copy_out(opened, "atts/x", tmp_path / "out", 1000) is None
    assert (tmp_path / "out").stat().st_size <= 1000


def test_valid_file_is_read_completely(bench: Bench, tmp_path: Path) -> None:
    body = bench.envelope(bench.cast.tech, "notice.dismiss", ("notice", str(ids.uuid7())), {"up_to": 1})
    file = tmp_path / "good.zip"
    file.write_bytes(rescue_zip([body]))
    limits = archive.Limits(100, 1000)
    with bench.app.test_request_context(), archive.open_archive(file, limits) as opened:
        assert [record.body for record in archive.read(opened, limits, "").records] == [body]
