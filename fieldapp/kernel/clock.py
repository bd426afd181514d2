"""The one place the product asks for the time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

#: Where business days begin and end. The groups this product serves work in one civil time.
BUSINESS_ZONE = ZoneInfo("Asia/Shanghai")


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return _standing.get() or datetime.now(UTC)


_standing: ContextVar[datetime | None] = ContextVar("standing", default=None)


@contextmanager
def standing_at(moment: datetime) -> Iterator[None]:
    """For what is told of the past, such as demo data: the clock stands at `moment` inside."""
    token = _standing.set(moment)
    try:
        yield
    finally:
        _standing.reset(token)


def today() -> date:
    """The civil date at the place of business."""
    return now().astimezone(BUSINESS_ZONE).date()


def local(moment: datetime) -> datetime:
    """`moment` as the clock on the wall at the place of business shows it."""
    return moment.astimezone(BUSINESS_ZONE)


@lru_cache(maxsize=64)
def day_bounds(day: date) -> tuple[datetime, datetime]:
    """First moment of `day` and of the next one, in UTC."""
    start = datetime(day.year, day.month, day.day, tzinfo=BUSINESS_ZONE)
    following = day + timedelta(days=1)
    end = datetime(following.year, following.month, following.day, tzinfo=BUSINESS_ZONE)
    return start.astimezone(UTC), end.astimezone(UTC)


def month_bounds(month: str) -> tuple[date, date]:
    """First day of `YYYY-MM` and of the month after it. Raises ValueError for anything else."""
    first = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC).date()
    following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return first, following


def iso(moment: datetime) -> str:
    """`2026-11-22T09:14:03.120Z`, the form every wire and log uses."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


@lru_cache(maxsize=1024)
def parse_iso(text: str) -> datetime:
    """Reads an ISO 8601 instant with zone into UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("an instant needs a zone")
    return moment.astimezone(UTC)


def iso_exact(moment: datetime) -> str:
    """An instant to the microsecond, for keys that must compare equal when read back."""
    return moment.astimezone(UTC).isoformat()
