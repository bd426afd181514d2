"""A technician's own visits, the job at hand on top."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from flask import Response, current_app, request
from flask_babel import gettext, ngettext
from flask_babel import lazy_gettext as _l
from markupsafe import Markup

from fieldapp.jobs import links, words
from fieldapp.jobs.models import Visit
from fieldapp.jobs.policy import OPEN_VISIT, RANK
from fieldapp.jobs.queries import board as queries
from fieldapp.jobs.routes.rows import LISTS, SEARCH, kept, results_title, said, things, when
from fieldapp.jobs.steps import Stage, stage, stages_ahead
from fieldapp.kernel import clock
from fieldapp.kernel.actor import Actor
from fieldapp.web import language
from fieldapp.web.lists import Filter, list_page
from fieldapp.web.pieces import forms_piece, pieces
from fieldapp.web.render import render

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
        queries.my_visits(),
        keys=(Visit.planned_start, Visit.id) if done else (queries.bucket(), Visit.planned_start, Visit.id),
        filters=(scope, states, SEARCH),
        descending=done,
        key_of=(lambda row: row[1:3]) if done else None,
        made_from="my visits",
        given={"me": who.id},
    )
    job_ids = [row[4] for row in page.rows]
    listed = _listed(
        (language.code(), clock.today(), done, page.first and not page.values["q"]),
        tuple(page.rows),
        kept(queries.assets_in_short(job_ids)),
        kept(queries.partners([row[2] for row in page.rows], who)),
        kept(said(current_app.extensions["offers"].job_tags(job_ids))),
    )
    return render(
        "jobs/jobs.html",
        fragment="jobs/_jobs.html",
        title=results_title(page) or (gettext("Done") if done else _today(listed.today)),
        wide=False,
        page=page,
        live=request.full_path.rstrip("?"),
        next=listed.next.drawn_next() if listed.next else None,
        taps=listed.taps,
        sections=listed.sections,
    )


def _today(jobs: int) -> str:
    return ngettext("Today · %(num)s job", "Today · %(num)s jobs", jobs)


class Listed:
    """The visits of a page as they are shown: the card on top, and the others drawn under their headings."""

    def __init__(self, cards: list[Card], done: bool, first: bool) -> None:
        self.next = None if done or not first else _next(cards)
        self.today = sum(card.section == "today" for card in cards)
        self.taps = _taps(cards)
        self.sections = _sections([card for card in cards if card is not self.next], "done" if done else "")


@lru_cache(maxsize=LISTS)
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

    def drawn(self, draw: Callable[..., Markup]) -> Markup:
        """The card as it stands below its heading, by the piece of cards."""
        return draw(
            self.job,
            self.visit,
            self.name,
            self.section == "today",
            self.urgent,
            self.when,
            self.what,
            self.shown.look,
            self.shown.words,
            self.service_class,
            self.with_,
            self.tags,
            self.shown.ahead,
        )

    def drawn_next(self) -> Markup:
        """The card on top: the job at hand with its next step, and the way there."""
        address, lat, lon, phone = queries.way_to(self.job)
        steps = self.shown.steps
        return forms_piece(
            "jobs/_next.html",
            self.job,
            self.visit,
            self.name,
            self.customer,
            address,
            self.what,
            self.urgent,
            self.when,
            self.service_class,
            self.with_,
            self.tags,
            links.map_url(lat, lon, self.customer, address),
            links.call_url(phone) if phone else "",
            steps[0],
            steps[1:],
        )


class Shown:
    """A state of visits with what may come of it, in the words of one language: many cards share one."""

    def __init__(self, state: str) -> None:
        self.stage = stage(state, {})
        self.look, self.words = self.stage.look, str(self.stage.words)
        self.stages = stages_ahead(state, {})
        self.steps = tuple(_step(one) for one in (self.stage, *self.stages))
        self.ahead = " ".join(f"visit.{one.tap}" for one in self.stages)


@lru_cache(maxsize=64)
def _shown(state: str, _code: str) -> Shown:
    return Shown(state)


def _step(one: Stage) -> tuple[Any, ...]:
    """A stage as the card on top shows it."""
    following = words.words(words.TAPS, one.next)
    return one.tap, one.state, one.look, str(one.words), one.next, following, one.to_report


def _cards(
    rows: Sequence[Any],
    short: dict[str, tuple[str, int]],
    others: dict[str, str],
    tags: dict[str, tuple[tuple[str, str], ...]],
) -> list[Card]:
    now = clock.now()
    states = {state: _shown(state, language.code()) for state in {row[3] for row in rows}}
    classes = {kind: words.words(words.SERVICE_CLASSES, kind) for kind in {row[9] for row in rows}}
    days: dict[Any, str] = {}
    cards = []
    for _, planned, visit, state, job, customer, site, title, urgency, service_class in rows:
        section = queries.section_of(planned, now)
        shown = states[state]
        cards.append(
            Card(
                visit,
                job,
                f"{customer} · {site}" if site and site != customer else customer,
                customer,
                f"{title} · {things(short[job])}" if job in short else title,
                urgency == "emergency",
                when(planned, section, days),
                classes[service_class],
                others.get(visit, ""),
                tags.get(job, ()),
                section,
                shown.stage,
                shown,
            )
        )
    return cards


def _taps(cards: list[Card]) -> list[tuple[str, str, str]]:
    """What each tap that can still come makes of a card: look and words of the state it leads to."""
    shown = {id(card.shown): card.shown for card in cards}.values()
    return [*{one.tap: (one.tap, one.look, str(one.words)) for some in shown for one in some.stages}.values()]


def _next(cards: list[Card]) -> Card | None:
    """The job at hand: one under way, else the first open one of today, else the oldest left over."""
    due = [card for card in cards if card.section in {"today", "earlier"}]
    open_cards = [card for card in due if card.stage.state in OPEN_VISIT]
    under_way = [card for card in open_cards if 2 <= RANK[card.stage.state] <= 4]
    return next(iter(under_way or open_cards), None)


def _sections(cards: list[Card], only: str) -> list[tuple[Any, Markup]]:
    """Headings with their cards; in the list of what is done (`only`) they stand under none."""
    if only:
        return [("", _all(cards))] if cards else []
    grouped: dict[str, list[Card]] = {key: [] for key in SECTIONS}
    for card in cards:
        grouped[card.section].append(card)
    return [(SECTIONS[key], _all(inside)) for key, inside in grouped.items() if inside]


def _all(cards: list[Card]) -> Markup:
    """The cards one after another."""
    draw = pieces("jobs/_card.html")
    return Markup("").join(card.drawn(draw) for card in cards)
