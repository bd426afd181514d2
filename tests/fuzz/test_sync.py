"""What no phone sends to /sync: broken JSON, broken gzip, broken headers of uploads."""

from __future__ import annotations

import base64
import gzip
import itertools
import json
import re
import zlib
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.fuzz.conftest import Errors
from tests.fuzz.values import NUMBERS, TEXTS, Figures, Source
from tests.platform.sync.test_hello import hello
from tests.support.bench import Bench

PATHS = ("/sync/hello", "/sync/push", "/sync/receipts")
UPLOAD = (
    "Upload-Length", "Upload-Offset", "Upload-Metadata", "Upload-Checksum", "Tus-Resumable", "X-HTTP-Method-Override",
    "Upload-Defer-Length", "Content-Type", "Content-Encoding",
)  # fmt: skip
HELLO = ("dev", "ep", "user", "build", "next_seq", "now", "pending", "persisted", "display_mode", "held", "dropped")


def bodies(source: Source) -> Iterator[bytes]:
    """Bodies that are no request."""
    good = json.dumps({"ops": ["x"]}).encode()
    yield from (b"", b"{", b"[]", b"null", b"5", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"a":' * 50_000, b"\0" * 50)
    yield from (b'{"ops":["\\ud800"]}', b'{"ops":[1]}', b'{"ops":null}', b'{"ops":["' + b"x" * 900_000 + b'"]}')
    yield from (gzip.compress(good)[:-5], gzip.compress(b"x" * (8 << 20)), zlib.compress(good), good[::-1])
    yield gzip.compress(gzip.compress(good))
    while True:
        cut = bytearray(gzip.compress(good) if source.often(0.5) else good)
        cut[source.one(range(len(cut)))] ^= source.one(range(1, 256))
        yield bytes(cut[: source.one(range(len(cut)))])


def b64(value: str) -> str:
    return base64.b64encode(value.encode("utf-8", "surrogatepass")).decode()


class Phone:
    """Sends what no phone sends, and counts what comes of it."""

    def __init__(self, bench: Bench, errors: Errors) -> None:
        self.bench, self.errors = bench, errors
        self.source, self.figures, self.upload_id = Source("sync"), Figures(0.15), str(uuid4())
        self.client = bench.client_of(bench.cast.tech)
        first = {"Tus-Resumable": "1.0.0", "Upload-Length": "500", "Upload-Metadata": f"id {b64(self.upload_id)}"}
        assert self.client.post("/sync/attachments", headers=first).status_code == 201

    def attempt(self, method: str, path: str, **more: Any) -> None:
        """One request."""
        answer = self.client.open(path, method=method, **more)
        self._check(answer.status_code, f"{method} {path} {more}")

    def _check(self, status: int, what: str) -> None:
        self.figures.check(status < 500, lambda: f"{status} {what[:400]} {self.errors.last()}")

    def says(self, name: str, value: Any) -> None:
        """A hello with one odd field."""
        self._check(hello(self.bench, self.client, **{name: value}).status_code, f"hello {name}={value!r}")

    def uploads(self, headers: dict[str, str]) -> None:
        """Announces and continues a file with odd headers."""
        plain = {
            name: re.sub("[\r\n\0]", "", value).encode()[:4000].decode("latin-1") for name, value in headers.items()
        }
        self.attempt("POST", "/sync/attachments", headers=plain)
        for method in ("PATCH", "POST", "HEAD"):
            data = b"x" * self.source.one([0, 1, 100, 600])
            self.attempt(method, f"/sync/attachments/{self.upload_id}", headers=plain, data=data)

    def once(self, made: Iterator[bytes]) -> None:
        """What is tried in every run."""
        for body in itertools.islice(made, 25):
            for path, encoding in itertools.product(PATHS, ("identity", "gzip", "deflate", "br")):
                headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
                self.attempt("POST", path, data=body, headers=headers)
        odd = (*TEXTS, *NUMBERS, [], {}, None, {"\0": [[1, 1]]}, {"0a1b2c3d": [[-(10**40), 10**40]]})
        for name, value in itertools.product(HELLO, self.source.some(odd, 25)):
            self.says(name, value)
        for name, text in itertools.product(UPLOAD, self.source.some(TEXTS, 12)):
            self.uploads({"Tus-Resumable": "1.0.0", "Upload-Length": "5", name: text})

    def any(self, made: Iterator[bytes]) -> None:
        """Anything."""
        source = self.source
        said = ",".join(f"{source.one(['id', 'sha256', 'filename', 'role', 'x'])} {b64(source.text())}" for _ in "abc")
        self.uploads({"Upload-Length": source.text(), "Upload-Offset": source.text(), "Upload-Metadata": said})
        encoding = {"Content-Encoding": str(source.one(["gzip", "identity"]))}
        self.attempt("POST", str(source.one(PATHS)), data=next(made), headers=encoding)
        self.says(str(source.one(HELLO)), source.anything())


@pytest.mark.fuzz
def test_sync_answers_whatever_it_is_sent(bench: Bench, errors: Errors, capsys: pytest.CaptureFixture[str]) -> None:
    phone = Phone(bench, errors)
    made = bodies(phone.source)
    phone.once(made)
    while phone.figures.goes_on():
        phone.any(made)
    with capsys.disabled():
        print("\n" + phone.figures.line("sync endpoints"))  # noqa: T201
    assert phone.figures.failures == []
    assert errors.lines == []
