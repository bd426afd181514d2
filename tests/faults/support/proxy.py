"""Loopback proxy with the faults of field networks: cut, delay, drop, duplicate, truncate, captive portal.

It runs on its own thread. The fault of each exchange is drawn from a seeded generator; everything is counted.
"""

from __future__ import annotations

import asyncio
import random
import socket
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

#: Faults after which bytes are missing on one side.
CUTS = ("cut-up", "cut-down", "truncate", "reset")
#: A network on which hardly anything works at once.
BAD: Mapping[str, float] = {
    "pass": 40,
    "cut-up": 18,
    "cut-down": 22,
    "truncate": 5,
    "reset": 5,
    "swallow": 2,
    "duplicate": 4,
    "delay": 2,
    "portal": 2,
}
PORTAL = b"<html><title>Hotel Wi-Fi</title><form action=/accept>Welcome. Room number?</form></html>"
PORTAL_HEADS = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: http://portal.invalid/\r\nContent-Type: text/html\r\n",
    b"HTTP/1.1 511 Network Authentication Required\r\nContent-Type: text/html\r\n",
    b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\n",
)


class _Gone(Exception):
    """One side closed the connection during an exchange."""


@dataclass
class Exchange:
    """One request, for the function that chooses its fault."""

    method: str
    path: str
    raw: bytes
    head: int

    @property
    def body(self) -> int:
        """Return the size of the body in bytes."""
        return len(self.raw) - self.head


@dataclass(frozen=True)
class Passed:
    """Result of an exchange; `whole`: the phone got the complete response."""

    method: str
    path: str
    body: int
    fault: str
    whole: bool


#: Names the fault for an exchange and, for the cuts, after how many bytes (None: anywhere).
Decide = Callable[[Exchange, random.Random], tuple[str, int | None]]


def at_random(weights: Mapping[str, float]) -> Decide:
    """Return a function that draws faults by weight and cuts anywhere."""
    names, shares = list(weights), list(weights.values())
    return lambda _exchange, chance: (chance.choices(names, shares)[0], None)


@dataclass
class Line:
    """Speed of the connection: bits per second each way, and round-trip time."""

    bits: float = 0
    round_trip: float = 0
    #: When the last byte sent so far will be through, each way.
    free: dict[str, float] = field(default_factory=dict)

    async def carry(self, way: str, size: int) -> None:
        """Return when `size` bytes have passed, after those before them."""
        loop = asyncio.get_running_loop()
        if self.bits:
            start = max(loop.time(), self.free.get(way, 0))
            self.free[way] = start + size * 8 / self.bits
            await asyncio.sleep(self.free[way] - loop.time())
        if self.round_trip:
            await asyncio.sleep(self.round_trip / 2)


class Proxy:
    """Proxy between phones and the server at `port`."""

    def __init__(self, upstream: int, decide: Decide, seed: str, line: Line | None = None) -> None:
        self.upstream, self.decide, self.line = upstream, decide, line or Line()
        self.chance = random.Random(f"proxy:{seed}")
        self.count: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()
        self.log: list[Passed] = []
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._up = threading.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def cuts(self) -> int:
        """Return the number of cut exchanges."""
        return sum(self.count[name] for name in CUTS)

    def start(self) -> None:
        """Start to listen."""
        self._thread.start()
        self._up.wait()

    def stop(self) -> None:
        """Drop every connection."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._client, "127.0.0.1", 0, limit=1 << 22))
        self.port = server.sockets[0].getsockname()[1]
        self._up.set()
        self._loop.run_forever()
        server.close()
        for task in self._tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*self._tasks, return_exceptions=True))
        self._loop.close()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        way = _Connection(self, reader, writer)
        try:
            await way.serve()
        except (_Gone, ConnectionError, OSError, asyncio.IncompleteReadError):
            abort(writer)
        except asyncio.CancelledError:
            abort(writer)
        finally:
            way.close()
            self._tasks.discard(task)


class _Connection:
    """One connection of a phone."""

    def __init__(self, proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.proxy, self.reader, self.writer = proxy, reader, writer
        self.server: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    def close(self) -> None:
        for writer in (self.writer, *(self.server[1:] if self.server else ())):
            writer.close()  # type: ignore[union-attr]

    async def serve(self) -> None:
        """Handle exchanges one after the other until one side closes."""
        while True:
            exchange = await _request(self.reader)
            if exchange is None:
                return
            name, after = self.proxy.decide(exchange, self.proxy.chance)
            self.proxy.count[name] += 1
            self.proxy.bytes["offered"] += len(exchange.raw)
            act: Callable[[Exchange, int | None], Awaitable[None]] = getattr(self, f"_{name.replace('-', '_')}")
            whole = False
            try:
                await act(exchange, after)
                whole = True
            finally:
                passed = Passed(exchange.method, exchange.path, exchange.body, name, whole)
                self.proxy.log.append(passed)

    async def _up(self, data: bytes) -> None:
        """Forward bytes to the server."""
        if self.server is None or self.server[0].at_eof():
            self.server = await asyncio.open_connection("127.0.0.1", self.proxy.upstream, limit=1 << 22)
        await self.proxy.line.carry("up", len(data))
        self.proxy.bytes["up"] += len(data)
        self.server[1].write(data)
        await self.server[1].drain()

    async def _answer(self, exchange: Exchange) -> bytes:
        """Return the complete response."""
        assert self.server is not None
        return await _response(self.server[0], exchange.method)

    async def _down(self, data: bytes) -> None:
        await self.proxy.line.carry("down", len(data))
        self.proxy.bytes["down"] += len(data)
        self.writer.write(data)
        await self.writer.drain()

    # -- what can happen -------------------------------------------------------------------------------------

    async def _pass(self, exchange: Exchange, _after: int | None) -> None:
        await self._up(exchange.raw)
        await self._down(await self._answer(exchange))

    async def _delay(self, exchange: Exchange, after: int | None) -> None:
        await asyncio.sleep(self.proxy.chance.uniform(0.02, 0.4))
        await self._pass(exchange, after)

    async def _cut_up(self, exchange: Exchange, after: int | None) -> None:
        """Forward the first bytes of the request, then close."""
        await self._up(exchange.raw[: self._place(exchange.raw, after)])
        assert self.server is not None
        abort(self.server[1])
        raise _Gone

    async def _cut_down(self, exchange: Exchange, after: int | None) -> None:
        """Forward the request and the first bytes of the response, then close."""
        await self._up(exchange.raw)
        answer = await self._answer(exchange)
        await self._down(answer[: self._place(answer, after)])
        raise _Gone

    async def _truncate(self, exchange: Exchange, after: int | None) -> None:
        """Return a shortened response that ends like a complete one."""
        await self._up(exchange.raw)
        answer = await self._answer(exchange)
        await self._down(answer[: self._place(answer, after)])
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()
        raise _Gone

    async def _reset(self, _exchange: Exchange, _after: int | None) -> None:
        raise _Gone

    async def _swallow(self, exchange: Exchange, _after: int | None) -> None:
        """Forward the request or not; never respond."""
        if self.proxy.chance.random() < 0.5:
            await self._up(exchange.raw)
        await asyncio.sleep(self.proxy.chance.uniform(0.1, 0.5))
        raise _Gone

    async def _duplicate(self, exchange: Exchange, after: int | None) -> None:
        """Forward the request twice at the same time; return one response."""
        other = _Connection(self.proxy, self.reader, self.writer)
        try:
            await asyncio.gather(other._up(exchange.raw), self._up(exchange.raw))
            answers = await asyncio.gather(other._answer(exchange), self._answer(exchange), return_exceptions=True)
        finally:
            if other.server:
                other.server[1].close()
        complete = [answer for answer in answers if isinstance(answer, bytes)]
        if not complete:
            raise _Gone
        await self._down(self.proxy.chance.choice(complete))

    async def _portal(self, _exchange: Exchange, _after: int | None) -> None:
        head = self.proxy.chance.choice(PORTAL_HEADS)
        await self._down(head + b"Content-Length: %d\r\n\r\n" % len(PORTAL) + PORTAL)

    def _place(self, data: bytes, after: int | None) -> int:
        return self.proxy.chance.randrange(len(data)) if after is None else min(after, len(data) - 1)


def abort(writer: asyncio.StreamWriter) -> None:
    """Close a connection with a reset."""
    raw = writer.get_extra_info("socket")
    if raw is not None:
        with suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    writer.transport.abort()


async def _request(reader: asyncio.StreamReader) -> Exchange | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    method, path = head.split(b" ", 2)[:2]
    size = int(_header(head, b"content-length") or 0)
    body = await reader.readexactly(size)
    return Exchange(method.decode(), path.decode(), head + body, len(head))


async def _response(reader: asyncio.StreamReader, method: str) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    if method == "HEAD" or status in {204, 304}:
        return head
    size = _header(head, b"content-length")
    if size is not None:
        return head + await reader.readexactly(int(size))
    if b"chunked" in (_header(head, b"transfer-encoding") or b""):
        return head + await _chunks(reader)
    return head + await reader.read()


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    data = b""
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.split(b";")[0], 16)
        data += line + await reader.readexactly(size + 2)
        if size == 0:
            return data


def _header(head: bytes, name: bytes) -> bytes | None:
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip().lower()
    return None


@contextmanager
def through(upstream: int, decide: Decide, seed: str, line: Line | None = None) -> Iterator[Proxy]:
    """Run a proxy until the end of the block."""
    proxy = Proxy(upstream, decide, seed, line)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
