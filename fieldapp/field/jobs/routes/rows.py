"""What both lists of jobs say about a job, and the hashable form of what they are drawn from."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_babel import gettext, ngettext

from fieldapp.kernel import clock
from fieldapp.platform.web.lists import Page
from fieldapp.platform.web.page import day, day_and_time


def results_title(page: Page, count: int | None = None) -> str:
    """Return what was found, where something is looked for; else nothing. `count` is that of all pages."""
    if not page.values["q"]:
        return ""
    if count is None and page.first and not page.next_url:
        count = len(page.rows)
    if count is None:
        return gettext("Search results")
    return ngettext("Search results · %(num)s job", "Search results · %(num)s jobs", count)


def kept(found: dict[Any, Any]) -> tuple[tuple[Any, Any], ...]:
    """What was found, as a kept list is known by."""
    return tuple(found.items())


def said(tags: dict[str, list[tuple[str, Any]]]) -> dict[str, tuple[tuple[str, str], ...]]:
    """The tags in the words of this request."""
    return {job: tuple((look, str(label)) for look, label in some) for job, some in tags.items()}


def things(short: tuple[str, int] | None) -> str:
    """`HA8K321 and 2 more`."""
    if not short:
        return ""
    first, count = short
    return gettext("%(first)s, %(num)s in all", first=first, num=count) if count > 1 else first


def when(planned: datetime, section: str, days: dict[Any, str]) -> str:
    """When a visit is planned; under a heading that names the day the time is enough. `days` keeps the words."""
    local = clock.local(planned)
    time = f"{local:%H:%M}"
    if section in {"today", "tomorrow"}:
        return time
    on = local.date()
    if on not in days:
        days[on] = day(on)
    return day_and_time(days[on], time)
