"""Reception of request bodies without a thread, within limits of size, time and number."""

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

#: Bodies up to this size stay in memory if the disk is full: a form with one or two photos.
IN_MEMORY_AFTER_ALL = 8 * 1024 * 1024

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pace:
    """Slowest allowed sender.

    Reception ends after `idle` seconds without a byte, if fewer than `rate` bytes a second arrived on average after the
    first `grace` seconds, or after `longest` seconds.
    """

    idle: float = 30.0
    grace: float = 60.0
    rate: int = 512
    longest: float = 1800.0

    def wait(self, elapsed: float, received: int) -> float:
        """Return the seconds that the next byte may take; not positive if the time is over."""
        return min(self.idle, self.grace + received / self.rate - elapsed, self.longest - elapsed)


@dataclass(frozen=True)
class Bounds:
    """Limits on bodies received at the same time, in total and per address."""

    bodies: int = 1024
    bodies_each: int = 128
    octets: int = 1024 * 1024 * 1024
    octets_each: int = 256 * 1024 * 1024
    #: Bytes of one body that are kept in memory; the rest goes to an unnamed temporary file.
    memory: int = 64 * 1024


@dataclass
class Body:
    """Received body. `refused` is the HTTP status if it is unusable; `whole` is False if the connection was cut."""

    file: BinaryIO
    size: int = 0
    whole: bool = True
    refused: int | None = None
    #: Bytes counted against the limits until `Receiver.leave`; None if not counted.
    counted: int | None = None


class Admission:
    """Count of the bodies that are received, wait for a thread or are in use."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.octets = 0
        self.bodies = 0
        self._bodies: Counter[str] = Counter()
        self._octets: Counter[str] = Counter()

    def enter(self, address: str, size: int) -> bool:
        """Count one more body if the limits allow it. Return whether they do."""
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
        """Remove a counted body from the count."""
        self.bodies -= 1
        self.octets -= size
        self._bodies[address] -= 1
        self._octets[address] -= size
        if not self._bodies[address]:
            del self._bodies[address], self._octets[address]

    def shrink(self, address: str, size: int) -> None:
        """Remove announced bytes that did not arrive from the count."""
        self.octets -= size
        self._octets[address] -= size


class Receiver:
    """Receiver of bodies on the event loop of one worker process."""

    def __init__(self, folder: Path, pace: Pace, bounds: Bounds) -> None:
        self.folder, self.pace, self.bounds = folder, pace, bounds
        self.admission = Admission(bounds)
        self.stopping = False
        self._tasks: set[asyncio.Task[Any]] = set()

    def stop(self) -> None:
        """Abort every body in progress and refuse new ones."""
        self.stopping = True
        for task in self._tasks:
            task.cancel()

    async def receive(self, proto: Any, address: str, announced: int | None, limit: int) -> Body:
        """Return the body of a request. `announced` is its Content-Length, None for a chunked body."""
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
        """Remove the body of an answered request from the count."""
        if body.counted is not None:
            self.admission.leave(address, body.counted)
            body.counted = None

    async def _read(self, proto: Any, announced: int | None, limit: int) -> Body:
        buffer = _Buffer(self.folder, self.bounds.memory)
        refused = None
        try:
            async for chunk in self._chunks(proto):
                if buffer.size + len(chunk) > limit:
                    refused = 413
                    break
                buffer.write(chunk)
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
        whole = refused is None and (announced is None or buffer.size == announced)
        return Body(buffer.reader(), buffer.size, whole, refused)

    async def _chunks(self, proto: Any) -> Any:
        started, received = time.monotonic(), 0
        stream = proto.__aiter__()
        while True:
            wait = self.pace.wait(time.monotonic() - started, received)
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


class _Buffer:
    """Bytes in memory and, above a size, in an unnamed temporary file that ends with the process."""

    def __init__(self, folder: Path, memory: int) -> None:
        self.folder, self.memory = folder, memory
        self.size = 0
        self._parts: list[bytes] = []
        self._file: BinaryIO | None = None

    def write(self, chunk: bytes) -> None:
        """Append a chunk. Raise OSError if the disk is full and the body too large for memory."""
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
        """Move the body into memory if the disk is full: the application reports it, and a form is not lost."""
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
    """Write the whole chunk: an unbuffered file may write less than given on a disk that fills up."""
    remaining = memoryview(chunk)
    while remaining:
        remaining = remaining[file.write(remaining) :]


def _refused(status: int) -> Body:
    return Body(BytesIO(), 0, False, status)
