"""Requirements of tus 1.0 on a server that our own client does not exercise; and two public clients."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tusclient.client import TusClient
from werkzeug.serving import make_server

from fieldapp.services.attachments import store
from tests.platform.sync.test_attachments import b64, create, patch
from tests.platform.sync.test_receiving import bare_patch, head, large
from tests.support.bench import Bench

ROOT = Path(__file__).resolve().parents[3]


def test_other_tus_version_is_refused_without_effect(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    note, data = bench.photo()
    old = {"Tus-Resumable": "0.2.2"}
    for answer in (create(client, note, **old), bare_patch(client, note, 0, data, **old)):
        assert (answer.status_code, answer.headers["Tus-Version"]) == (412, "1.0.0")
    assert client.head(f"/sync/attachments/{note['id']}").status_code == 404


def test_options_list_the_tus_capabilities(bench: Bench) -> None:
    answer = bench.client_of(bench.cast.tech).options("/sync/attachments")
    assert answer.status_code == 204
    assert answer.headers["Tus-Version"] == "1.0.0"
    assert set(answer.headers["Tus-Extension"].split(",")) == {"creation", "checksum"}
    assert "sha1" in answer.headers["Tus-Checksum-Algorithm"].split(",")
    assert int(answer.headers["Tus-Max-Size"]) == 25 * 1024 * 1024


def test_every_answer_names_the_version_and_is_not_cached(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    note, data = bench.photo()
    answers = [
        create(client, note),
        client.head(f"/sync/attachments/{note['id']}"),
        client.head("/sync/attachments/01a209df-4837-705c-b692-340d2c99f144"),
        bare_patch(client, note, 7, data),
        create(client, {**note, "size": 10**12}),
        patch(client, note, 0, data),
    ]
    assert [answer.status_code for answer in answers] == [201, 200, 404, 409, 413, 204]
    for answer in answers:
        assert (answer.headers["Tus-Resumable"], answer.headers["Cache-Control"]) == ("1.0.0", "no-store")
    assert "Upload-Offset" not in answers[2].headers


def test_method_override_header_is_accepted(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    note, data = bench.photo()
    create(client, note)
    url = f"/sync/attachments/{note['id']}"
    response = client.post(url, headers={"X-HTTP-Method-Override": "HEAD"})
    assert (response.status_code, response.headers["Upload-Offset"]) == (200, "0")
    headers = {"X-HTTP-Method-Override": "PATCH", "Upload-Offset": "0", "Tus-Resumable": "1.0.0"}
    done = client.post(url, data=data, headers=headers, content_type="application/offset+octet-stream")
    assert (done.status_code, done.headers["X-Attachment-State"]) == (204, "stored")
    assert client.post(url).status_code == 405


def test_head_returns_the_upload_metadata(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    note, _ = bench.photo()
    create(client, note)
    pairs = client.head(f"/sync/attachments/{note['id']}").headers["Upload-Metadata"].split(",")
    metadata = {key: base64.b64decode(value).decode() for key, value in (pair.split(" ") for pair in pairs)}
    wanted = {"id": note["id"], "sha256": note["sha256"], "filename": "photo.jpg", "filetype": "image/jpeg"}
    assert metadata == {**wanted, "role": "photo"}


def test_sha1_is_checked_and_an_unknown_sum_is_refused(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    note, data = bench.photo()
    create(client, note)
    good = b64(hashlib.sha1(data[:50], usedforsecurity=False).digest())
    assert patch(client, note, 0, data[:50], **{"Upload-Checksum": f"md5 {good}"}).status_code == 400
    assert patch(client, note, 0, data[:50], **{"Upload-Checksum": "sha1 AAAA"}).status_code == 460
    assert patch(client, note, 0, data[:50], **{"Upload-Checksum": "sha1 !"}).status_code == 460
    done = patch(client, note, 0, data[:50], **{"Upload-Checksum": f"sha1 {good}"})
    assert (done.status_code, done.headers["Upload-Offset"]) == (204, "50")


@dataclass
class Served:
    """The application behind a real socket, with the cookie of a signed-in person."""

    bench: Bench
    host: str
    port: int
    cookie: str

    @property
    def endpoint(self) -> str:
        return f"http://{self.host}:{self.port}/sync/attachments"

    def kept(self, note: dict[str, Any]) -> bytes:
        with self.bench.app.app_context():
            return store.path_of(note["sha256"]).read_bytes()

    def state(self, note: dict[str, Any]) -> tuple[int, str]:
        return head(self.bench.client_of(self.bench.cast.tech), note)


@pytest.fixture
def served(bench: Bench) -> Iterator[Served]:
    server = make_server("127.0.0.1", 0, bench.app, threaded=True)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    cookie = bench.client_of(bench.cast.tech).get_cookie("session")
    assert cookie is not None
    yield Served(bench, "127.0.0.1", server.server_port, f"session={cookie.value}")
    server.shutdown()
    thread.join()
    server.server_close()


def metadata(note: dict[str, Any]) -> dict[str, str]:
    return {"id": note["id"], "sha256": note["sha256"], "filename": "a.jpg", "filetype": "image/jpeg", "role": "photo"}


def cut_upload(served: Served, note: dict[str, Any], data: bytes) -> None:
    """Close the socket in the middle of a body."""
    connection = http.client.HTTPConnection(served.host, served.port)
    connection.putrequest("PATCH", f"/sync/attachments/{note['id']}")
    headers = {"Upload-Offset": "0", "Content-Length": str(len(data)), "Cookie": served.cookie}
    for name, value in {**headers, "Content-Type": "application/offset+octet-stream"}.items():
        connection.putheader(name, value)
    connection.endheaders(data[: len(data) // 2])
    connection.close()


@pytest.mark.parametrize("size", [None, 512 * 1024])
def test_tuspy_uploads_through_it(served: Served, tmp_path: Path, size: int | None) -> None:
    note, data = large(served.bench, 1_700_000)
    (tmp_path / "a.jpg").write_bytes(data)
    client = TusClient(served.endpoint, headers={"Cookie": served.cookie})
    more = {"chunk_size": size, "upload_checksum": True} if size else {}
    client.uploader(str(tmp_path / "a.jpg"), metadata=metadata(note), **more).upload()
    assert served.state(note) == (len(data), "stored")
    assert served.kept(note) == data


def test_tuspy_resumes_after_a_cut(served: Served, tmp_path: Path) -> None:
    note, data = large(served.bench, 1_700_000)
    (tmp_path / "a.jpg").write_bytes(data)
    client = TusClient(served.endpoint, headers={"Cookie": served.cookie})
    first = client.uploader(str(tmp_path / "a.jpg"), metadata=metadata(note), chunk_size=400_000)
    first.set_url(first.create_url())
    cut_upload(served, note, data)
    for _ in range(100):
        if served.state(note)[0]:
            break
        threading.Event().wait(0.1)
    there = served.state(note)[0]
    assert 0 < there < len(data)
    again = client.uploader(str(tmp_path / "a.jpg"), url=first.url, chunk_size=400_000)
    assert again.offset == there
    again.upload()
    assert served.state(note) == (len(data), "stored")
    assert served.kept(note) == data


@pytest.mark.parametrize(("chunk", "stop"), [(0, 0), (300_000, 0), (300_000, 600_000)])
def test_tus_js_client_uploads_through_it(served: Served, tmp_path: Path, chunk: int, stop: int) -> None:
    node = shutil.which("node") or str(ROOT / ".venv" / "node" / "node")
    note, data = large(served.bench, 1_700_000)
    (tmp_path / "a.jpg").write_bytes(data)
    words = json.dumps(metadata(note))
    script = ROOT / "tests" / "platform" / "sync" / "tus_upload.mjs"
    asked = [served.endpoint, served.cookie, str(tmp_path / "a.jpg"), words, str(chunk), str(stop)]
    done = subprocess.run(
        [node, str(script), *asked], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["done"]
    assert result["stopped"] == (stop > 0)
    assert result["url"].endswith(note["id"])
    assert served.state(note) == (len(data), "stored")
    assert served.kept(note) == data
