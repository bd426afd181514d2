"""When a record was written: the phone's clock, corrected by what is known of it (failure mode 54)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

#: Two measurements that differ by no more than this agree; a corrected time may run ahead of ours by as much.
TOLERANCE = timedelta(minutes=5)

#: An offset that the phone measured longer ago, and that the server could not confirm, is in doubt.
OLD = timedelta(days=14)


@dataclass(frozen=True)
class Measured:
    """What the server knows of a phone: the offset it measured in the last hello, and when it saw it first."""

    offset_ms: int | None
    first_seen: datetime


@dataclass(frozen=True)
class WrittenTime:
    """The corrected moment, and why it is in doubt.

    `doubt`: `ahead` (later than now: ours is taken), `contradicts` (the phone's own offset is not the measured one),
    `early` (before the phone was first seen), `old` (measured long ago), `unmeasured` (nothing is known), `unseen`
    (only the phone's own word), or None.
    """

    at: datetime
    doubt: str | None = None


def corrected_time(
    device: datetime, offset_ms: int | None, offset_age_s: int | None, measured: Measured | None, now: datetime
) -> WrittenTime:
    """Return when a record was written that the phone's clock dated `device`, and whether that is in doubt.

    The phone's own offset counts where the server measured the same, or nothing; else the server's.
    """
    offset, doubt = _offset(offset_ms, offset_age_s, measured)
    try:
        moment = device + timedelta(milliseconds=offset)
    except OverflowError:
        return WrittenTime(now, "ahead")
    if moment > now + TOLERANCE:
        return WrittenTime(now, "ahead")
    if measured is not None and moment < measured.first_seen - TOLERANCE:
        doubt = doubt or "early"
    return WrittenTime(moment, doubt)


def _offset(offset_ms: int | None, offset_age_s: int | None, measured: Measured | None) -> tuple[int, str | None]:
    """Return the offset to correct by, in milliseconds, and what speaks against it."""
    server = measured.offset_ms if measured else None
    if server is not None:
        if offset_ms is None:
            return server, None
        agrees = abs(offset_ms - server) <= TOLERANCE / timedelta(milliseconds=1)
        return (offset_ms, None) if agrees else (server, "contradicts")
    if offset_ms is None:
        return 0, "unmeasured"
    if measured is None:
        return offset_ms, "unseen"
    old = offset_age_s is not None and timedelta(seconds=offset_age_s) > OLD
    return offset_ms, "old" if old else None
