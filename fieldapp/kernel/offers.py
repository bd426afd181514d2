"""What a feature offers the house: tabs, tiles, offline pages, panels on a job, readable attachments.

The house asks all features and puts the answers together; nothing is listed elsewhere (docs/architecture.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fieldapp.kernel.actor import Actor
from fieldapp.kernel.grants import RoleVerbs


@dataclass(frozen=True, eq=False)
class Entry:
    """A place to go: a tab, or a tile on the Add screen. Shown to whoever holds `verb`."""

    key: str
    label: Any
    url: str
    verb: str
    order: int = 50
    icon: str = "report"
    hint: Any = ""
    badge: Callable[[Actor], int] | None = None
    home_for: tuple[str, ...] = ()


@dataclass(frozen=True)
class Panel:
    """Something a feature shows on another's page: a template and what it needs."""

    template: str
    context: dict[str, Any]
    order: int = 50
    #: What the record is, in words, with the name of who asks: what a decision about it says was decided.
    about: Callable[[str], str] = str


@dataclass(frozen=True)
class Offer:
    """All of a feature's offers. `grants` gives exact verbs to roles; a verb that nobody grants is nobody's (D-ROLE-5).

    `pack` gives the addresses of the pages that this person needs offline.
    `sees` maps a record type to `(actor, id) -> bool`, for its attachments.

    `places` maps a record type to the start of its address: `/reports/` for `/reports/<id>`; `own_places` the same
    for records that at first only their author may open.
    `plan_panels` are shown to a leader who plans a visit: `(job id, group id, visit id or None for a new one)`.
    `job_tags` gives `(look, words)` by job id for the cards of a job list, all of a page in one call.
    `strips` are warnings above the first screens.
    `inbox_sections` are whole parts of a person's inbox beside its cases, `inbox_ids` the decisions waiting there.
    """

    grants: RoleVerbs = field(default_factory=dict)
    tabs: Sequence[Entry] = ()
    tiles: Sequence[Entry] = ()
    links: Sequence[Entry] = ()
    pack: Callable[[Actor], Iterable[str]] | None = None
    job_panels: Callable[[Actor, Any], Iterable[Panel]] | None = None
    plan_panels: Callable[[str, int, str | None], Iterable[Panel]] | None = None
    job_tags: Callable[[Sequence[str]], dict[str, list[tuple[str, Any]]]] | None = None
    sees: dict[str, Callable[[Actor, str], bool]] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    own_places: dict[str, str] = field(default_factory=dict)
    inbox: dict[str, Callable[[Sequence[str]], dict[str, Panel]]] = field(default_factory=dict)
    strips: Callable[[Actor], Iterable[Panel]] | None = None
    inbox_sections: Callable[[Actor], Iterable[Panel]] | None = None
    inbox_ids: Callable[[Actor], Sequence[str]] | None = None
    checks: Sequence[Callable[[], Iterable[str]]] = ()
    demo: Callable[[Any], None] | None = None
    demo_order: int = 50


@dataclass(frozen=True, eq=False)
class Offers:
    """All features' offers together, asked per person."""

    all: tuple[Offer, ...]

    def tabs(self, actor: Actor) -> tuple[Entry, ...]:
        """The tabs this person has, in order."""
        return _open_to(actor, (entry for offer in self.all for entry in offer.tabs))

    def tiles(self, actor: Actor) -> tuple[Entry, ...]:
        """What this person may add."""
        return _open_to(actor, (entry for offer in self.all for entry in offer.tiles))

    def links(self, actor: Actor) -> tuple[Entry, ...]:
        """Further pages, listed on the personal page."""
        return _open_to(actor, (entry for offer in self.all for entry in offer.links))

    def home_for(self, actor: Actor) -> str:
        """The first screen: the entry that names one of the person's roles, else the first tab."""
        tabs, links = self.tabs(actor), self.links(actor)
        for entry in [*tabs, *links]:
            if actor.roles & set(entry.home_for):
                return entry.url
        return tabs[0].url if tabs else "/me"

    def pack(self, actor: Actor) -> list[str]:
        """Return the addresses of all pages this person needs offline, each once."""
        return list(dict.fromkeys(url for offer in self.all if offer.pack for url in offer.pack(actor)))

    def job_panels(self, actor: Actor, job: Any) -> list[Panel]:
        """What features show on a job's page, in order."""
        panels = [panel for offer in self.all if offer.job_panels for panel in offer.job_panels(actor, job)]
        return sorted(panels, key=lambda panel: (panel.order, panel.template))

    def plan_panels(self, job_id: str, group_id: int, visit_id: str | None) -> list[Panel]:
        """What features show to a leader who plans a visit of this job, or gives one away."""
        panels = [
            one for offer in self.all if offer.plan_panels for one in offer.plan_panels(job_id, group_id, visit_id)
        ]
        return sorted(panels, key=lambda panel: (panel.order, panel.template))

    def strips(self, actor: Actor) -> list[Panel]:
        """What features warn this person of, in order."""
        panels = [panel for offer in self.all if offer.strips for panel in offer.strips(actor)]
        return sorted(panels, key=lambda panel: (panel.order, panel.template))

    def job_tags(self, job_ids: Sequence[str]) -> dict[str, list[tuple[str, Any]]]:
        """What features say in a word about each of these jobs; one call a feature."""
        found: dict[str, list[tuple[str, Any]]] = {}
        for offer in self.all:
            for job, tags in (offer.job_tags(job_ids) if offer.job_tags else {}).items():
                found.setdefault(job, []).extend(tags)
        return found

    def sees(self, actor: Actor, kind: str, record: str) -> bool:
        """Whether the person may see a record of this type, by its feature's own rule."""
        for offer in self.all:
            if kind in offer.sees:
                return offer.sees[kind](actor, record)
        return False

    def place_of(self, kind: str, record: str, own: bool) -> str | None:
        """The address of a record of this type, or None where it has no page that others than its author may open."""
        for offer in self.all:
            start = offer.places.get(kind) or (offer.own_places.get(kind) if own else None)
            if start:
                return start + record
        return None

    def inbox_panels(self, kind: str, ids: Sequence[str]) -> dict[str, Panel]:
        """How a feature shows its records in the inbox, by record id; one call for all of a kind."""
        for offer in self.all:
            if kind in offer.inbox:
                return offer.inbox[kind](ids)
        return {}

    def inbox_sections(self, actor: Actor) -> list[Panel]:
        """What features add to this person's inbox, in order."""
        panels = [panel for offer in self.all if offer.inbox_sections for panel in offer.inbox_sections(actor)]
        return sorted(panels, key=lambda panel: (panel.order, panel.template))

    def inbox_ids(self, actor: Actor) -> list[str]:
        """Which decisions wait in those sections."""
        return [one for offer in self.all if offer.inbox_ids for one in offer.inbox_ids(actor)]


def _open_to(actor: Actor, entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Return the entries this person may use, in their order."""
    shown = (one for one in entries if actor.can(one.verb))
    return tuple(sorted(shown, key=lambda entry: (entry.order, entry.key)))
