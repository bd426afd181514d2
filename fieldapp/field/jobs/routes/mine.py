"""A technician's own visits, the job at hand on top."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from flask import Response, request
from flask_babel import gettext, ngettext
from flask_babel import lazy_gettext as _l
from markupsafe import Markup

from fieldapp.field.customers import call_url, map_url
from fieldapp.field.jobs import words
from fieldapp.field.jobs.extension_points import job_tags
from fieldapp.field.jobs.lists import SEARCH
from fieldapp.field.jobs.models import Visit
from fieldapp.field.jobs.policy import OPEN_VISIT, PROGRESS_ORDER
from fieldapp.field.jobs.queries import board as queries
from fieldapp.field.jobs.routes.rows import kept, results_title, said, things, when
from fieldapp.field.jobs.steps import Stage, reachable_stages, stage, stage_reported
from fieldapp.kernel import clock
from fieldapp.kernel.actor import Actor
from fieldapp.platform.web import language
from fieldapp.platform.web.fragment_cache import cached_form_fragment, fragment_drawer
from fieldapp.platform.web.lists import Filter, list_page
from fieldapp.platform.web.render import render
from fieldapp.platform.web.states import ShownState

#: How many cards after the one on top a phone can move up without signal.
UP_NEXT = 3

SECTIONS = {
    "today": _l("Today"),
    "tomorrow": _l("Tomorrow"),
    "week": _l("Later this week"),
    "later": _l("Later"),
    "earlier": _l("Earlier, not finished"),
    "done": _l("Done"),
}


def my_list(who: Actor, scope: Filter) -> Response:
    """Open visits by day, or what is done."""
    states = Filter(
        "state",
        _l("State"),
        lambda query, value: query.where(Visit.state.not_in(OPEN_VISIT) if value == "done" else queries.still_mine()),
        options=[("open", _l("Open")), ("done", _l("Done"))],
        default="open",
    )
    done = states.value() == "done"
    page = list_page(
        queries.my_visits(who),
        keys=(Visit.planned_start, Visit.id) if done else (queries.bucket(), Visit.planned_start, Visit.id),
        filters=(scope, states, SEARCH),
        descending=done,
    )
    job_ids = [row.job for row in page.rows]
    listed = _listed(
        (language.code(), clock.today(), done, page.first and not page.values["q"]),
        tuple(page.rows),
        kept(queries.assets_in_short(job_ids)),
        kept(queries.partners([row.visit for row in page.rows], who)),
        kept(said(job_tags(job_ids))),
    )
    return render(
        "field/jobs/jobs.html",
        fragment="field/jobs/_jobs.html",
        title=results_title(page) or (gettext("Done") if done else _today(listed.today)),
        wide=False,
        page=page,
        live=request.full_path.rstrip("?"),
        **_drawn_next(listed.following),
        taps=listed.taps,
        sections=listed.sections,
    )


def _today(jobs: int) -> str:
    return ngettext("Today · %(num)s job", "Today · %(num)s jobs", jobs)


class Listed:
    """The visits of a page as they are shown: the card on top, and the others drawn under their headings."""

    def __init__(self, cards: list[Card], done: bool, first: bool) -> None:
        self.following = [] if done or not first else _following(cards)
        self.today = sum(card.section == "today" for card in cards)
        self.taps = _taps(cards)
        self.sections = _sections(cards, self.following[:1], "done" if done else "")


def _listed(
    asked: tuple[str, date, bool, bool],
    rows: tuple[Any, ...],
    short: tuple[tuple[str, tuple[str, int]], ...],
    others: tuple[tuple[str, str], ...],
    tags: tuple[tuple[str, tuple[tuple[str, str], ...]], ...],
) -> Listed:
    """The same rows are put into words once in a language and a day (`asked`), whoever asks."""
    _, _, done, first = asked
    return Listed(_cards(rows, dict(short), dict(others), dict(tags)), done, first)


class StepLine(NamedTuple):
    """A stage of a visit on the card on top, with the step that follows."""

    tap: str
    state: str
    shown: ShownState
    next: str
    next_words: str
    to_report: bool


class CardRow(NamedTuple):
    """What `_card.html` shows of a visit."""

    job: str
    visit: str
    name: str
    is_today: bool
    is_urgent: bool
    when: str
    what: str
    state: ShownState
    service_class: str
    with_: str
    tags: tuple[tuple[str, str], ...]
    ahead: str
    is_on_top: bool


class NextCard(NamedTuple):
    """What `_next.html` shows of the job at hand."""

    job: str
    visit: str
    name: str
    customer: str
    address: str
    what: str
    is_urgent: bool
    when: str
    service_class: str
    with_: str
    tags: tuple[tuple[str, str], ...]
    map_url: str
    call_url: str
    now: StepLine
    ahead: tuple[StepLine, ...]


@dataclass(slots=True)
class Card:
    """A visit of the list. What only the card on top shows is made when it is asked for."""

    visit: str
    job: str
    name: str
    customer: str
    what: str
    urgent: bool
    when: str
    service_class: str
    with_: str
    tags: tuple[tuple[str, str], ...]
    section: str
    stage: Stage
    shown: Shown

    def drawn(self, draw: Callable[..., Markup], on_top: bool = False) -> Markup:
        """The card as it stands below its heading, by the piece of cards; hidden while the same visit stands on top."""
        return draw(
            CardRow(
                job=self.job,
                visit=self.visit,
                name=self.name,
                is_today=self.section == "today",
                is_urgent=self.urgent,
                when=self.when,
                what=self.what,
                state=self.shown.state,
                service_class=self.service_class,
                with_=self.with_,
                tags=self.tags,
                ahead=self.shown.ahead,
                is_on_top=on_top,
            )
        )

    def drawn_next(self, way: queries.Way) -> Markup:
        """The card on top: the job at hand with its next step, and the way there."""
        now, *ahead = self.shown.steps
        card = NextCard(
            job=self.job,
            visit=self.visit,
            name=self.name,
            customer=self.customer,
            address=way.address,
            what=self.what,
            is_urgent=self.urgent,
            when=self.when,
            service_class=self.service_class,
            with_=self.with_,
            tags=self.tags,
            map_url=map_url(way.lat, way.lon, self.customer, way.address),
            call_url=call_url(way.phone) if way.phone else "",
            now=now,
            ahead=tuple(ahead),
        )
        return cached_form_fragment("field/jobs/_next.html", card)


class Shown:
    """A state of visits with what may come of it, in the words of one language: many cards share one."""

    def __init__(self, state: str) -> None:
        self.stage = stage(state, {})
        self.state = self.stage.shown
        self.stages = reachable_stages(state, {})
        self.steps = tuple(_step(one) for one in (self.stage, *self.stages))
        ahead = [f"visit.{one.tap}" for one in self.stages]
        if stage_reported(state, {}):
            ahead.append("service_report.submit")
        self.ahead = " ".join(ahead)


def _shown(state: str, _code: str) -> Shown:
    return Shown(state)


def _step(one: Stage) -> StepLine:
    """Return a stage as the card on top shows it."""
    following = words.words(words.TAPS, one.next)
    return StepLine(one.tap, one.state, one.shown, one.next, following, one.to_report)


def _cards(
    rows: Sequence[Any],
    short: dict[str, tuple[str, int]],
    others: dict[str, str],
    tags: dict[str, tuple[tuple[str, str], ...]],
) -> list[Card]:
    now = clock.now()
    states = {state: _shown(state, language.code()) for state in {row.state for row in rows}}
    classes = {kind: words.words(words.SERVICE_CLASSES, kind) for kind in {row.service_class for row in rows}}
    days: dict[Any, str] = {}
    cards = []
    for row in rows:
        section = queries.section_of(row.planned_start, now)
        shown = states[row.state]
        cards.append(
            Card(
                visit=row.visit,
                job=row.job,
                name=f"{row.customer} · {row.site}" if row.site and row.site != row.customer else row.customer,
                customer=row.customer,
                what=f"{row.title} · {things(short[row.job])}" if row.job in short else row.title,
                urgent=row.urgency == "emergency",
                when=when(row.planned_start, section, days),
                service_class=classes[row.service_class],
                with_=others.get(row.visit, ""),
                tags=tags.get(row.job, ()),
                section=section,
                stage=shown.stage,
                shown=shown,
            )
        )
    return cards


def _taps(cards: list[Card]) -> list[tuple[str, ShownState]]:
    """Return each tap that can still come with the state it leads to."""
    shown = {id(card.shown): card.shown for card in cards}.values()
    return [*{one.tap: (one.tap, one.shown) for some in shown for one in some.stages}.values()]


def _following(cards: list[Card]) -> list[Card]:
    """Return the job at hand and those after it: what is under way, else the open ones of today, then the leftovers.

    A phone without signal moves the next one up once the first is reported.
    """
    due = [card for card in cards if card.section in {"today", "earlier"}]
    open_cards = [card for card in due if card.stage.state in OPEN_VISIT]
    open_cards.sort(key=lambda card: not 2 <= PROGRESS_ORDER[card.stage.state] <= 4)
    return open_cards[: 1 + UP_NEXT]


def _drawn_next(following: list[Card]) -> dict[str, Any]:
    """The card on top, and by visit those that take its place on the phone; one query for the way to all of them."""
    ways = queries.ways_to([card.job for card in following])
    drawn = [(card.visit, card.drawn_next(ways[card.job])) for card in following]
    return {"next": drawn[0][1] if drawn else None, "up_next": drawn[1:]}


@dataclass(frozen=True, slots=True)
class Section:
    """A heading of the list with its cards; hidden while its only card stands on top."""

    heading: Any
    cards: Markup
    hidden: bool = False


def _sections(cards: list[Card], on_top: list[Card], only: str) -> list[Section]:
    """Headings with their cards; in the list of what is done (`only`) they stand under none."""
    if only:
        return [Section("", _all(cards, on_top))] if cards else []
    grouped: dict[str, list[Card]] = {key: [] for key in SECTIONS}
    for card in cards:
        grouped[card.section].append(card)
    return [Section(SECTIONS[key], _all(inside, on_top), inside == on_top) for key, inside in grouped.items() if inside]


def _all(cards: list[Card], on_top: list[Card]) -> Markup:
    """The cards one after another."""
    draw = fragment_drawer("field/jobs/_card.html")
    return Markup("").join(card.drawn(draw, card in on_top) for card in cards)
