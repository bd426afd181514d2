"""Receives the body of a request without a thread, within limits of size, time and number."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO

from fieldapp.platform.serving.limits import DISCARDED

#: A body of this size is kept in memory where the disk is full: a form with a photo or two.
IN_MEMORY_AFTER_ALL = 8 * 1024 * 1024

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pace:
    """How slow a client may send.

    After `idle` seconds without a byte, when fewer than `rate` bytes a second came on average after the first `grace`
    seconds, or after `longest` seconds the body is given up.
    """

    idle: float = 30.0
    grace: float = 60.0
    rate: int = 512
    longest: float = 1800.0

    def wait(self, elapsed: float, received: int) -> float:
        """Seconds that the next byte may take; not positive when the time is over."""
        return min(self.idle, self.grace + received / self.rate - elapsed, self.longest - elapsed)


@dataclass(frozen=True)
class Bounds:
    """How much is received at the same time, in all and from one address."""

    bodies: int = 1024
    bodies_each: int = 128
    octets: int = 1024 * 1024 * 1024
    octets_each: int = 256 * 1024 * 1024
    #: Bytes of one body that are kept in memory; the rest goes to a file without a name.
    memory: int = 64 * 1024


@dataclass
class Body:
    """What came. `refused` is the status to answer with where it is not usable; `whole` is False after a cut."""

    file: BinaryIO
    size: int = 0
    whole: bool = True
    refused: int | None = None
    #: How many bytes it is counted with until `Receiver.leave`; None where it is not counted.
    counted: int | None = None


class Admission:
    """Counts the bodies that are being received, wait for a thread or are worked on."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.octets = 0
        self.bodies = 0
        self._bodies: Counter[str] = Counter()
        self._octets: Counter[str] = Counter()

    def enter(self, address: str, size: int) -> bool:
        """Count one more body if there is room for it. Return whether there was."""
        bounds = self.bounds
        if (
            self.bodies >= bounds.bodies
            or self._bodies[address] >= bounds.bodies_each
            or self.octets + size > bounds.octets
            or self._octets[address] + size > bounds.octets_each
        ):
            return False
        self.bodies += 1
        self.octets += size
        self._bodies[address] += 1
        self._octets[address] += size
        return True

    def leave(self, address: str, size: int) -> None:
        """Take a body that was counted off again."""
        self.bodies -= 1
        self.octets -= size
        self._bodies[address] -= 1
        self._octets[address] -= size
        if not self._bodies[address]:
            del self._bodies[address], self._octets[address]

    def shrink(self, address: str, size: int) -> None:
        """Take off the bytes that were announced and did not come."""
        self.octets -= size
        self._octets[address] -= size


class Receiver:
    """Receives bodies on the event loop of one worker process."""

    def __init__(self, folder: Path, pace: Pace, bounds: Bounds) -> None:
        self.folder, self.pace, self.bounds = folder, pace, bounds
        self.admission = Admission(bounds)
        self.stopping = False
        self._tasks: set[asyncio.Task[Any]] = set()

    def stop(self) -> None:
        """Gives up every body under way, and each new one that is not there at once."""
        self.stopping = True
        for task in self._tasks:
            task.cancel()

    async def receive(self, proto: Any, address: str, announced: int | None, limit: int) -> Body:
        """The body of one request; `announced` is its Content-Length, None where it comes in chunks."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - granian runs every request in one
        self._tasks.add(task)
        try:
            return await self._receive(proto, address, announced, limit)
        except asyncio.CancelledError:
            if not self.stopping:
                raise
            task.uncancel()
            return _refused(503)
        finally:
            self._tasks.discard(task)

    async def _receive(self, proto: Any, address: str, announced: int | None, limit: int) -> Body:
        if announced is not None and announced > limit:
            await self._discard(proto, announced)
            return _refused(413)
        counted = limit if announced is None else announced
        if self.stopping or not self.admission.enter(address, counted):
            return _refused(503)
        try:
            body = await self._read(proto, announced, limit)
        except BaseException:
            self.admission.leave(address, counted)
            raise
        body.counted = min(body.size, counted)
        self.admission.shrink(address, counted - body.counted)
        return body

    def leave(self, address: str, body: Body) -> None:
        """Take the body of a request that was answered off the count."""
        if body.counted is not None:
            self.admission.leave(address, body.counted)
            body.counted = None

    async def _read(self, proto: Any, announced: int | None, limit: int) -> Body:
        store = _Store(self.folder, self.bounds.memory)
        refused = None
        try:
            async for chunk in self._chunks(proto):
                if store.size + len(chunk) > limit:
                    refused = 413
                    break
                store.write(chunk)
        except TimeoutError:
            refused = 408
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self.stopping or task is None:
                raise
            task.uncancel()
            refused = 503
        except OSError as error:
            log.error("no room for the body of a request: %s", error)
            refused = 503
        whole = refused is None and (announced is None or store.size == announced)
        return Body(store.reader(), store.size, whole, refused)

    async def _chunks(self, proto: Any) -> Any:
        began, received = time.monotonic(), 0
        stream = proto.__aiter__()
        while True:
            wait = self.pace.wait(time.monotonic() - began, received)
            if wait <= 0:
                raise TimeoutError
            try:
                async with asyncio.timeout(wait):
                    chunk = await anext(stream)
            except StopAsyncIteration:
                return
            received += len(chunk)
            yield chunk

    async def _discard(self, proto: Any, announced: int) -> None:
        if announced > DISCARDED:
            return
        try:
            async for _ in self._chunks(proto):
                pass
        except TimeoutError:
            return


class _Store:
    """Bytes in memory, and from a certain size on in a file that has no name and goes with the process."""

    def __init__(self, folder: Path, memory: int) -> None:
        self.folder, self.memory = folder, memory
        self.size = 0
        self._parts: list[bytes] = []
        self._file: BinaryIO | None = None

    def write(self, chunk: bytes) -> None:
        """Raises OSError where there is no room on the disk for a body that is too long for memory."""
        self.size += len(chunk)
        if self._file is None:
            self._parts.append(chunk)
            if self.size <= self.memory:
                return
            chunk = b"".join(self._parts)
        try:
            self._file = self._file or TemporaryFile(dir=self.folder, buffering=0)  # noqa: SIM115
            write_all(self._file, chunk)
            self._parts.clear()
        except OSError as error:
            self._stay_in_memory(chunk, error)

    def _stay_in_memory(self, chunk: bytes, error: OSError) -> None:
        """On a full disk: the application says so in words, and a form is not lost."""
        if self.size > IN_MEMORY_AFTER_ALL:
            raise error
        log.error("a body is kept in memory: %s", error)
        written = b""
        if self._file is not None:
            self._file.seek(0)
            written = self._file.read(self.size - len(chunk))
            self._file.close()
        self._file, self._parts, self.memory = None, [written, chunk], IN_MEMORY_AFTER_ALL

    def reader(self) -> BinaryIO:
        if self._file is None:
            return BytesIO(b"".join(self._parts))
        self._file.seek(0)
        return self._file


def write_all(file: Any, chunk: bytes) -> None:
    """An unbuffered file may take less than it was given, on a disk that is filling up."""
    rest = memoryview(chunk)
    while rest:
        rest = rest[file.write(rest) :]


def _refused(status: int) -> Body:
    return Body(BytesIO(), 0, False, status)
