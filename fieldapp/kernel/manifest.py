"""What a feature declares: tabs, tiles, offline pages, panels on a job, readable attachments.

The application asks all features and puts the answers together; nothing is listed elsewhere (docs/architecture.md).
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
class PackEntry:
    """A page this person needs offline. `version` changes whenever the page would look different."""

    url: str
    version: str


@dataclass(frozen=True)
class Panel:
    """Something a feature shows on another's page: a template and what it needs."""

    template: str
    context: dict[str, Any]
    order: int = 50
    #: What the record is, in words, with the name of who asks: what a decision about it says was decided.
    about: Callable[[str], str] = str


@dataclass(frozen=True)
class FeatureManifest:
    """What a feature declares. `grants` gives exact verbs to roles; a verb that nobody grants is nobody's (D-ROLE-5).

    `can_view` maps a record type to `(actor, id) -> bool`, for its attachments.

    `detail_urls` maps a record type to the start of its address: `/reports/` for `/reports/<id>`; `author_urls` the
    same for records that at first only their author may open.
    `plan_panels` are shown to a leader who plans a visit: `(job id, group id, visit id or None for a new one)`.
    `job_tags` gives `(look, words)` by job id for the cards of a job list, all of a page in one call.
    `alerts` are warnings above the first screens. They stand on pages that are only made anew when the audit trail
    has moved: what an alert says has an entry there, or counts from now and says so (`web.fresh.tells_ago`).
    `inbox_sections` are whole parts of a person's inbox beside its cases, `inbox_ids` the decisions waiting there.
    """

    grants: RoleVerbs = field(default_factory=dict)
    tabs: Sequence[Entry] = ()
    tiles: Sequence[Entry] = ()
    links: Sequence[Entry] = ()
    pack: Callable[[Actor], Iterable[PackEntry]] | None = None
    job_panels: Callable[[Actor, Any], Iterable[Panel]] | None = None
    plan_panels: Callable[[str, int, str | None], Iterable[Panel]] | None = None
    job_tags: Callable[[Sequence[str]], dict[str, list[tuple[str, Any]]]] | None = None
    can_view: dict[str, Callable[[Actor, str], bool]] = field(default_factory=dict)
    detail_urls: dict[str, str] = field(default_factory=dict)
    author_urls: dict[str, str] = field(default_factory=dict)
    inbox: dict[str, Callable[[Sequence[str]], dict[str, Panel]]] = field(default_factory=dict)
    alerts: Callable[[Actor], Iterable[Panel]] | None = None
    inbox_sections: Callable[[Actor], Iterable[Panel]] | None = None
    inbox_ids: Callable[[Actor], Sequence[str]] | None = None
    checks: Sequence[Callable[[], Iterable[str]]] = ()
    demo: Callable[[Any], None] | None = None
    demo_order: int = 50


@dataclass(frozen=True, eq=False)
class Manifests:
    """All features' manifests together, asked per person."""

    all: tuple[FeatureManifest, ...]

    def tabs(self, actor: Actor) -> tuple[Entry, ...]:
        """The tabs this person has, in order."""
        return _open_to(actor, (entry for manifest in self.all for entry in manifest.tabs))

    def tiles(self, actor: Actor) -> tuple[Entry, ...]:
        """What this person may add."""
        return _open_to(actor, (entry for manifest in self.all for entry in manifest.tiles))

    def links(self, actor: Actor) -> tuple[Entry, ...]:
        """Further pages, listed on the personal page."""
        return _open_to(actor, (entry for manifest in self.all for entry in manifest.links))

    def home_for(self, actor: Actor) -> str:
        """The first screen: the entry that names one of the person's roles, else the first tab."""
        tabs, links = self.tabs(actor), self.links(actor)
        for entry in [*tabs, *links]:
            if actor.roles & set(entry.home_for):
                return entry.url
        return tabs[0].url if tabs else "/me"

    def pack(self, actor: Actor) -> list[PackEntry]:
        """Everything this person needs offline, each address once."""
        entries = (entry for manifest in self.all if manifest.pack for entry in manifest.pack(actor))
        return list({entry.url: entry for entry in entries}.values())

    def job_panels(self, actor: Actor, job: Any) -> list[Panel]:
        """What features show on a job's page, in order."""
        panels = [panel for manifest in self.all if manifest.job_panels for panel in manifest.job_panels(actor, job)]
        return sorted(panels, key=lambda panel: (panel.order, panel.template))

    def plan_panels(self, job_id: str, group_id: int, visit_id: str | None) -> list[Panel]:
        """What features show to a leader who plans a visit of this job, or gives one away."""
        panels = [
            one
            for manifest in self.all
            if manifest.plan_panels
            for one in manifest.plan_panels(job_id, group_id, visit_id)
        ]
        return sorted(panels, key=lambda panel: (panel.order, panel.template))

    def alerts(self, actor: Actor) -> list[Panel]:
        """What features warn this person of, in order."""
        panels = [panel for manifest in self.all if manifest.alerts for panel in manifest.alerts(actor)]
        return sorted(panels, key=lambda panel: (panel.order, panel.template))

    def job_tags(self, job_ids: Sequence[str]) -> dict[str, list[tuple[str, Any]]]:
        """What features say in a word about each of these jobs; one call a feature."""
        found: dict[str, list[tuple[str, Any]]] = {}
        for manifest in self.all:
            for job, tags in (manifest.job_tags(job_ids) if manifest.job_tags else {}).items():
                found.setdefault(job, []).extend(tags)
        return found

    def can_view(self, actor: Actor, kind: str, record: str) -> bool:
        """Whether the person may see a record of this type, by its feature's own rule."""
        for manifest in self.all:
            if kind in manifest.can_view:
                return manifest.can_view[kind](actor, record)
        return False

    def detail_url(self, kind: str, record: str, own: bool) -> str | None:
        """The address of a record of this type, or None where it has no page that others than its author may open."""
        for manifest in self.all:
            start = manifest.detail_urls.get(kind) or (manifest.author_urls.get(kind) if own else None)
            if start:
                return start + record
        return None

    def inbox_panels(self, kind: str, ids: Sequence[str]) -> dict[str, Panel]:
        """How a feature shows its records in the inbox, by record id; one call for all of a kind."""
        for manifest in self.all:
            if kind in manifest.inbox:
                return manifest.inbox[kind](ids)
        return {}

    def inbox_sections(self, actor: Actor) -> list[Panel]:
        """What features add to this person's inbox, in order."""
        panels = [panel for manifest in self.all if manifest.inbox_sections for panel in manifest.inbox_sections(actor)]
        return sorted(panels, key=lambda panel: (panel.order, panel.template))

    def inbox_ids(self, actor: Actor) -> list[str]:
        """Which decisions wait in those sections."""
        return [one for manifest in self.all if manifest.inbox_ids for one in manifest.inbox_ids(actor)]


def _open_to(actor: Actor, entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Return the entries this person may use, in their order."""
    shown = (one for one in entries if actor.can(one.verb))
    return tuple(sorted(shown, key=lambda entry: (entry.order, entry.key)))
