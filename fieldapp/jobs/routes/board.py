"""`/jobs`: a technician's day, or a group's jobs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from flask import Response, current_app, request
from flask_babel import gettext, ngettext
from flask_babel import lazy_gettext as _l
from markupsafe import Markup
from sqlalchemy import false

from fieldapp.accounts import group_names
from fieldapp.jobs import links, words
from fieldapp.jobs.models import Job, Visit
from fieldapp.jobs.policy import OPEN_VISIT, RANK, may_lead
from fieldapp.jobs.queries import board as queries
from fieldapp.jobs.queries.search import found
from fieldapp.jobs.routes import bp
from fieldapp.jobs.steps import Stage, stage, stages_ahead
from fieldapp.kernel import clock
from fieldapp.kernel.actor import Actor
from fieldapp.web import language
from fieldapp.web.fresh import unchanged
from fieldapp.web.guards import actor, needs
from fieldapp.web.lists import Filter, Page, list_page
from fieldapp.web.page import day
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
SEARCH = Filter("q", _l("Customer, number, plate, serial no., telephone"), found, widget="text")


@bp.get("/jobs")
@needs("job.view")
def board() -> Response:
    """The person's own visits, or the jobs of the groups they answer for; which one stands in the address."""
    who = actor()
    scopes = scopes_of(who)
    scope = Filter("scope", _l("Whose"), lambda query, _: query, options=scopes, default=scopes[0][0])
    group = scope.value() == "group" and _answers_for_groups(who)
    return unchanged() or (_group(who, scope) if group else _mine(who, scope))


def scopes_of(who: Actor) -> list[tuple[str, Any]]:
    """Whose jobs this person can list, the usual first."""
    scopes: list[tuple[str, Any]] = []
    if _answers_for_groups(who):
        scopes.append(("group", _l("All groups") if who.sees_all_groups else _l("My group")))
    if "technician" in who.roles or not scopes:
        scopes.append(("mine", _l("My own")))
    return scopes


def _answers_for_groups(who: Actor) -> bool:
    return bool(who.leads) or who.sees_all_groups


# -- a technician's list -------------------------------------------------------------------------------------


def _mine(who: Actor, scope: Filter) -> Response:
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
    cards = _cards(page, who)
    first = None if done or not page.first else _next(cards)
    today = sum(card.section == "today" for card in cards)
    return render(
        "jobs/jobs.html",
        fragment="jobs/_jobs.html",
        title=ngettext("Today · %(num)s job", "Today · %(num)s jobs", today) if not done else gettext("Done"),
        wide=False,
        page=page,
        live=request.full_path.rstrip("?"),
        next=first.drawn_next() if first else None,
        taps=_taps(cards),
        sections=_sections([card for card in cards if card is not first], "done" if done else ""),
    )


@dataclass(slots=True)
class Card:
    """A visit of the list. What only the card on top shows is made when it is asked for."""

    visit: str
    job: str
    name: str
    customer: str
    address: str
    place: tuple[float | None, float | None]
    phone: str | None
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
        """The card on top: the job at hand with its next step."""
        lat_lon, steps = self.place, self.shown.steps
        return forms_piece(
            "jobs/_next.html",
            self.job,
            self.visit,
            self.name,
            self.customer,
            self.address,
            self.what,
            self.urgent,
            self.when,
            self.service_class,
            self.with_,
            self.tags,
            links.map_url(*lat_lon, self.customer, self.address),
            links.call_url(self.phone) if self.phone else "",
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


def _cards(page: Page, who: Actor) -> list[Card]:
    now = clock.now()
    job_ids = [row[4] for row in page.rows]
    short = queries.assets_in_short(job_ids)
    others = queries.partners([row[2] for row in page.rows], who)
    tags = _said(current_app.extensions["offers"].job_tags(job_ids))
    states = {state: _shown(state, language.code()) for state in {row[3] for row in page.rows}}
    classes = {kind: words.words(words.SERVICE_CLASSES, kind) for kind in {row[14] for row in page.rows}}
    days: dict[Any, str] = {}
    cards = []
    for _, planned, visit, state, job, _number, customer, site, address, lat, lon, phone, *rest in page.rows:
        title, urgency, service_class = rest
        section = queries.section_of(planned, now)
        shown = states[state]
        cards.append(
            Card(
                visit,
                job,
                f"{customer} · {site}" if site and site != customer else customer,
                customer,
                address,
                (lat, lon),
                phone,
                f"{title} · {things(short[job])}" if job in short else title,
                urgency == "emergency",
                _when(planned, section, days),
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


def _said(tags: dict[str, list[tuple[str, Any]]]) -> dict[str, tuple[tuple[str, str], ...]]:
    """The tags in the words of this request."""
    return {job: tuple((look, str(label)) for look, label in some) for job, some in tags.items()}


def things(short: tuple[str, int] | None) -> str:
    """`HA8K321 and 2 more`."""
    if not short:
        return ""
    first, count = short
    return gettext("%(first)s, %(num)s in all", first=first, num=count) if count > 1 else first


def _when(planned: datetime, section: str, days: dict[Any, str]) -> str:
    local = clock.local(planned)
    time = f"{local:%H:%M}"
    if section in {"today", "tomorrow"}:
        return time
    date = local.date()
    if date not in days:
        days[date] = day(date)
    return f"{days[date]} {time}"


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


# -- a group's list ------------------------------------------------------------------------------------------


def _group(who: Actor, scope: Filter) -> Response:
    options = [("open", _l("Open")), *words.JOB_STATES.items(), ("all", _l("All"))]
    conditions = queries.JOB_STATE_FILTERS
    states = Filter(
        "state",
        _l("State"),
        lambda query, value: query if value == "all" else query.where(conditions.get(value, false())),
        options=options,
        default="open",
    )
    groups = group_names()
    many = who.sees_all_groups or len(who.leads) > 1
    filters = [scope, states, SEARCH]
    if many:
        shown = [(str(one), name) for one, name in groups.items() if who.sees_all_groups or one in who.leads]
        filters.insert(1, Filter("group", _l("Group"), _of_group, options=shown))
    page = list_page(
        queries.group_jobs(who),
        keys=(Job.received_at, Job.id),
        filters=filters,
        made_from=("jobs of groups", who.sees_all_groups, who.leads),
    )
    on_top = page.first and not page.filtered
    waiting = queries.unassigned(who) if on_top else []
    ids = [row[1] for row in [*waiting, *page.rows]]
    context = {"short": queries.assets_in_short(ids), "groups": groups if many else {}}
    said = _Said(many)
    tags = _said(current_app.extensions["offers"].job_tags(ids))
    visits = queries.visits_of_jobs([row[1] for row in page.rows])
    draw = pieces("jobs/_line.html")
    return render(
        "jobs/jobs.html",
        fragment="jobs/_jobs.html",
        title=gettext("Jobs"),
        wide=True,
        page=page,
        live=request.full_path.rstrip("?"),
        waiting=[_waiting(row, context, who) for row in waiting],
        rows=Markup("").join(
            _row(draw, row, visits.get(row[1]), tags.get(row[1], ()), context, said) for row in page.rows
        ),
        many=many,
    )


def _of_group(query: Any, value: str) -> Any:
    return query.where(Job.group_id == int(value)) if value.isdecimal() and len(value) < 10 else query.where(false())


def _waiting(row: Any, context: dict[str, Any], who: Actor) -> tuple[Any, ...]:
    received, job, number, customer, site, title, urgency, service_class, _, group = row
    what = f"{title} · {things(context['short'][job])}" if job in context["short"] else title
    kind = words.words(words.SERVICE_CLASSES, service_class)
    place = f"{customer} · {site}"
    urgent, may = urgency == "emergency", may_lead(who, group)
    return job, number, place, what, urgent, kind, received, context["groups"].get(group, ""), may


class _Said:
    """Words and moments of a group's list, each made once for all its rows."""

    def __init__(self, many: bool) -> None:
        self.many = many
        self.job_states = {key: str(label) for key, label in words.JOB_STATES.items()}
        self.visit_states = {key: str(label) for key, label in words.VISIT_STATES.items()}
        self.classes = {key: str(label) for key, label in words.SERVICE_CLASSES.items()}
        self._days: dict[Any, str] = {}

    def moment(self, at: datetime | None) -> str:
        """Day and time."""
        return _when(at, "", self._days) if at else "—"


def _row(
    draw: Callable[..., Markup],
    row: Any,
    visit: Any,
    tags: tuple[tuple[str, str], ...],
    context: dict[str, Any],
    said: _Said,
) -> Markup:
    _, job, number, customer, site, title, urgency, service_class, state, group = row
    planned, visit_state, who = visit or (None, "", "")
    return draw(
        job,
        number,
        f"{customer} · {site}",
        f"{title} · {things(context['short'][job])}" if job in context["short"] else title,
        urgency == "emergency",
        who,
        said.moment(planned),
        said.job_states.get(state, state),
        words.JOB_LOOKS.get(state, ""),
        said.visit_states.get(visit_state, visit_state),
        said.classes.get(service_class, service_class),
        tags,
        context["groups"].get(group, ""),
        said.many,
    )
