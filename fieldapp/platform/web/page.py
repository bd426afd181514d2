"""What every template may use: dates, money, icons, the person, tabs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

from babel.dates import format_skeleton
from flask import Flask, g, request
from flask_babel import format_date, format_timedelta
from flask_login import current_user
from markupsafe import Markup

from fieldapp.kernel import clock, ids, money
from fieldapp.kernel.actor import Actor
from fieldapp.platform.commandbus.command import COMMANDS
from fieldapp.platform.web import inputs, language, trouble
from fieldapp.platform.web.assets import ASSETS
from fieldapp.platform.web.etag import new_id, rendered_at
from fieldapp.platform.web.extension_points import LINKS, TABS, Entry, alerts
from fieldapp.platform.web.fragment_cache import cached_fragment
from fieldapp.platform.web.icons import icon
from fieldapp.platform.web.typography import UnbrokenMoney

#: Full-width brackets.
OPENING, CLOSING = "\uff08", "\uff09"


def init_app(app: Flask) -> None:
    """Registers filters and what is in every template's reach."""
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(
        money=money.show,
        day=day,
        month=month,
        moment=moment,
        moment_year=moment_year,
        clock=clock_time,
        iso=clock.iso,
        time_ago=time_ago,
        span=span,
        weekday=weekday,
    )
    app.jinja_env.add_extension(UnbrokenMoney)
    app.jinja_env.globals["icon"] = icon
    app.jinja_env.globals["cached_fragment"] = cached_fragment
    app.jinja_env.globals["_"] = language.word
    app.jinja_env.globals["device_code"] = ids.device_code
    app.jinja_env.globals["undo_attr"] = undo_attr
    app.jinja_env.globals["decision_kinds"] = decision_kinds
    app.jinja_env.globals["new_op"] = new_id
    app.context_processor(_context)
    app.before_request(_note_time)


def undo_attr(kind: str) -> Markup:
    """Return ` data-undo="8"` for the form of a command that can be taken back for so many seconds, else nothing."""
    seconds = COMMANDS()[kind].undo
    return Markup(f' data-undo="{int(seconds)}"') if seconds else Markup("")  # noqa: S704 - a number


def decision_kinds() -> str:
    """Return the kinds of commands that decide what waits in an inbox, separated by blanks."""
    verbs = ("approve", "accept", "return", "reject")
    commands = COMMANDS().values()
    return " ".join(sorted(one.kind for one in commands if one.undo and one.kind.rsplit(".", 1)[1] in verbs))


def _note_time() -> None:
    """A page is as old as its first query: what arrives while it is being made is not in it yet."""
    g.asked_at = clock.now()


def day(value: date | None) -> str:
    """A day as people write it: with the weekday, the year only where it is another one."""
    if value is None:
        return "—"
    if isinstance(value, datetime):
        value = clock.local(value).date()
    if value.year != clock.today().year:
        return _skeleton(value, "yMMMd", language.code())
    if language.code().startswith("zh"):
        # In brackets: a weekday that stands between the day and a word is read together with the word.
        return _skeleton(value, "MMMd", language.code()) + OPENING + _skeleton(value, "EEE", language.code()) + CLOSING
    return _skeleton(value, "MMMdEEE", language.code())


def month(value: str) -> str:
    """`2026-11` as people write it."""
    first, _ = clock.month_bounds(value)
    return _skeleton(first, "yMMM", language.code())


def weekday(value: date) -> str:
    """`today`, else the short weekday."""
    return str(format_date(value, "EEE"))


@lru_cache(maxsize=4096)
def _skeleton(value: date, skeleton: str, locale: str) -> str:
    """Babel looks for the best pattern at every call; lists show the same few days again and again."""
    noon = datetime(value.year, value.month, value.day, 12, tzinfo=clock.BUSINESS_ZONE)
    return str(format_skeleton(skeleton, noon, tzinfo=clock.BUSINESS_ZONE, locale=locale))


def clock_time(value: datetime | None) -> str:
    """`09:05`."""
    return "—" if value is None else f"{clock.local(value):%H:%M}"


def moment(value: datetime | None) -> str:
    """Day and time."""
    return "—" if value is None else day_and_time(day(value), clock_time(value))


def day_and_time(on: str, time: str) -> str:
    """No gap behind a full-width bracket, which brings its own."""
    return on + time if on.endswith(CLOSING) else f"{on} {time}"


def moment_year(value: datetime | None) -> str:
    """Return day and time with the year: where a clock is in doubt, the year may be what is wrong."""
    return "—" if value is None else f"{clock.local(value):%Y-%m-%d %H:%M}"


def time_ago(value: datetime | None) -> Markup:
    """Return day and time as an element which the client changes to `3 hours ago`: a page must not follow the clock."""
    if value is None:
        return Markup("—")
    return Markup('<time datetime="{}" data-ago>{}</time>').format(clock.iso(value), moment(value))


def span(value: timedelta) -> str:
    """`7 minutes`, in the page's language."""
    return str(format_timedelta(value, threshold=1.2))


def _tabs(tabs: Sequence[Entry], actor: Actor) -> Markup:
    """The main pages; drawn anew where another one is open or another number waits."""
    path = request.path
    here = next((tab for tab in tabs if path == tab.url or path.startswith(f"{tab.url}/")), None)
    badges = tuple(tab.badge(actor) if tab.badge else 0 for tab in tabs)
    return cached_fragment("platform/web/_tabs.html", tabs, here, badges)


def _context() -> dict[str, Any]:
    person = current_user._get_current_object()
    actor = person.actor if person.is_authenticated else None
    return {
        "actor": actor,
        "assets": ASSETS(),
        "instance_id": trouble.instance_id(),
        "lang": language.tag(language.code()),
        "rendered_at": rendered_at(),
        "today": clock.today(),
        "tabs": (lambda: _tabs(TABS.open_to(actor), actor)) if actor else str,
        "links": LINKS.open_to(actor) if actor else [],
        "alerts": (lambda: alerts(actor)) if actor else list,
        "path": request.path,
        "can": actor.can if actor else (lambda verb: False),
        "sent": inputs.sent(),
        "restarted": g.get("list_restarted", False),
    }
