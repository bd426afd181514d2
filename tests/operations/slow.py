"""Clients that send slowly or not at all, and their figures: `make slow-clients`."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import re
import socket
import statistics
import sys
import tempfile
import threading
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from pathlib import Path
from uuid import uuid4

from PIL import Image

from tests.support.server import Server, serving

PASSWORD = "demo-field-2026"  # noqa: S105 - of the demo data
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@cache
def signed_in(port: int, username: str) -> str:
    """Return the session cookie of a person of the demo data."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    fields = urllib.parse.urlencode({"username": username, "password": PASSWORD})
    connection.request("POST", "/login", fields, FORM)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert answer.status == 303, answer.status
    given = [line.split(";")[0] for line in answer.headers.get_all("Set-Cookie") or []]
    return next(cookie for cookie in given if cookie.startswith("session="))


def answered(port: int, path: str, cookie: str = "", timeout: float = 60) -> tuple[int, float]:
    """Return the status of a page, and the seconds it took."""
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    connection.request("GET", path, headers={"Cookie": cookie} if cookie else {})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, time.monotonic() - began


def head_only(port: int, path: str = "/login", length: int = 100) -> socket.socket:
    """Return an open connection that announced a body and never sends it."""
    held = socket.create_connection(("127.0.0.1", port), timeout=120)
    held.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode())
    return held


def picture(octets: int) -> bytes:
    """Return a JPEG of about this size."""
    side = max(16, int((octets / 2.1) ** 0.5))
    out = BytesIO()
    Image.effect_noise((side, side), 90).convert("RGB").save(out, "JPEG", quality=95)
    return out.getvalue()


@dataclass
class Upload:
    """One request as bytes, sent at `rate` bytes a second."""

    head: bytes
    body: bytes
    status: int = 0
    answer: bytes = b""

    def send(self, port: int, rate: int, go_on: threading.Event | None = None) -> None:
        """Send a tenth of a second's worth at a time; with `go_on`, pause half-way until it is set."""
        with socket.create_connection(("127.0.0.1", port), timeout=120) as line:
            line.sendall(self.head)
            step = max(1, rate // 10)
            for start in range(0, len(self.body), step):
                if go_on is not None and start >= len(self.body) // 2:
                    go_on.wait(120)
                line.sendall(self.body[start : start + step])
                if go_on is None or not go_on.is_set():
                    time.sleep(0.1)
            answer = b""
            while b"\r\n\r\n" not in answer:
                part = line.recv(65536)
                if not part:
                    break
                answer += part
        self.answer = answer
        self.status = int(answer.split(b" ", 2)[1]) if answer else 0


def piece(port: int, cookie: str, data: bytes) -> Upload:
    """Return the single chunk of an announced photo, as a phone sends it."""
    attachment_id, digest = str(uuid4()), hashlib.sha256(data).hexdigest()
    fields = {"id": attachment_id, "sha256": digest, "filename": "p.jpg", "role": "photo"}
    meta = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in fields.items())
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Cookie": cookie, "Upload-Length": str(len(data)), "Upload-Metadata": meta}
    connection.request("POST", "/sync/attachments", b"", headers)
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 201, answer.status
    head = (
        f"PATCH /sync/attachments/{attachment_id} HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\nUpload-Offset: 0\r\n"
        f"Content-Type: application/offset+octet-stream\r\nContent-Length: {len(data)}\r\nConnection: close\r\n\r\n"
    )
    return Upload(head.encode(), data)


def expense(port: int, cookie: str, data: bytes) -> Upload:
    """Return a form post of an expense with a photo."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/expenses/new", headers={"Cookie": cookie})
    page = connection.getresponse().read().decode()
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page))
    fields = {**hidden, "kind": "local_transport", "amount": "12.00"}
    edge = uuid4().hex
    parts = [
        f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    named = f'--{edge}\r\nContent-Disposition: form-data; name="receipt"; filename="r.jpg"\r\n'
    parts += [f"{named}Content-Type: image/jpeg\r\n\r\n".encode(), data, f"\r\n--{edge}--\r\n".encode()]
    body = b"".join(parts)
    head = (
        f"POST /expenses/new HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\nContent-Length: {len(body)}\r\n"
        f"Content-Type: multipart/form-data; boundary={edge}\r\nConnection: close\r\n\r\n"
    )
    return Upload(head.encode(), body)


@dataclass
class Crowd:
    """Open connections and slow uploads on one server."""

    server: Server
    heads: list[socket.socket] = field(default_factory=list)
    uploads: list[Upload] = field(default_factory=list)
    go_on: threading.Event | None = None

    def gather(self, heads: int, pieces: int, posts: int, octets: int) -> None:
        """Open all connections; send no body yet."""
        cookie = signed_in(self.server.port, "tech1")
        pictures = [picture(octets + number) for number in range(pieces + posts)]
        self.uploads = [piece(self.server.port, cookie, data) for data in pictures[:pieces]]
        self.uploads += [expense(self.server.port, cookie, data) for data in pictures[pieces:]]
        self.heads = [head_only(self.server.port) for _ in range(heads)]

    def send(self, rate: int) -> ThreadPoolExecutor:
        """Start all uploads."""
        pool = ThreadPoolExecutor(len(self.uploads))
        for upload in self.uploads:
            pool.submit(upload.send, self.server.port, rate, self.go_on)
        return pool

    def close(self) -> None:
        for held in self.heads:
            held.close()


def main() -> int:
    """Run the long form: 50 open sign-ins, 50 uploads at 2 kB/s, and pages meanwhile."""
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "data", demo=True) as server:
        crowd = Crowd(server)
        crowd.gather(heads=50, pieces=25, posts=25, octets=60_000)
        lead = signed_in(server.port, "lead1")
        alone = [answered(server.port, "/jobs", lead)[1] for _ in range(40)]
        began = time.monotonic()
        pool = crowd.send(2000)
        times: list[float] = []
        wrong = 0
        with ThreadPoolExecutor(20) as readers:
            while time.monotonic() - began < 25:
                for status, took in readers.map(lambda _: answered(server.port, "/jobs", lead), range(20)):
                    times.append(took)
                    wrong += status != 200
                time.sleep(0.5)
        pool.shutdown()
        took = time.monotonic() - began
        crowd.close()
        done = sum(200 <= upload.status < 400 for upload in crowd.uploads)
        figures = {
            "held log-ins": 50,
            "uploads done": f"{done} of {len(crowd.uploads)} in {took:.0f} s at 2 kB/s",
            "pages meanwhile, 20 at the same time": len(times),
            "wrong answers": wrong,
            "median s": round(statistics.median(times), 3),
            "slowest s": round(max(times), 3),
            "alone, one at a time, median s": round(statistics.median(alone), 3),
        }
        sys.stdout.write(json.dumps(figures, indent=1) + "\n")
        return 0 if done == len(crowd.uploads) and not wrong and max(times) < 1 else 1


if __name__ == "__main__":
    sys.exit(main())
