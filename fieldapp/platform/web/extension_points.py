"""What pages ask of all features: where one can go, what to warn of, what to keep offline, what a record's page is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from fieldapp.kernel.actor import Actor
from fieldapp.kernel.extension_points import Provided
from fieldapp.kernel.manifest import Panel, in_order
from fieldapp.platform.extensions import ExtensionPoint, KeyedPoint, ProvidedPoint


@dataclass(frozen=True, eq=False)
class Entry:
    """A page to go to: a tab, a tile on the Add screen, or a link. Shown to whoever holds `verb`.

    `home_for` names the roles whose first screen it is.
    """

    key: str
    label: Any
    url: str
    verb: str
    order: int = 50
    icon: str = "report"
    hint: Any = ""
    badge: Callable[[Actor], int] | None = None
    home_for: tuple[str, ...] = ()


class Menu(ProvidedPoint[Entry]):
    """Entries of all features, in their own order."""

    def by(self, entry: Entry) -> Provided[Entry]:
        """Provide an entry; its key stands once in the menu."""
        return Provided(self, entry, entry.key, entry.order)

    def open_to(self, actor: Actor) -> tuple[Entry, ...]:
        """Return the entries that this person may use."""
        return tuple(entry for entry in self.all() if actor.can(entry.verb))


#: Pages at the bottom of every screen.
TABS = Menu("tab")
#: What somebody may add, on the Add screen.
TILES = Menu("tile")
#: Further pages, listed on the personal page.
LINKS = Menu("link")
MENUS = (TABS, TILES, LINKS)

#: Warnings above the first screens. They stand on pages that are only made anew when the audit log has moved: what an
#: alert says has an entry there, or counts from now and says so (`web.fresh.tells_ago`).
ALERTS: ExtensionPoint[Callable[[Actor], Iterable[Panel]]] = ExtensionPoint("alerts")
#: Pages that a person needs offline.
PACK: ExtensionPoint[Callable[[Actor], Iterable[str]]] = ExtensionPoint("offline pages")

#: Who may see a record, by its type: asked for its files.
CAN_VIEW: KeyedPoint[Callable[[Actor, str], bool]] = KeyedPoint("view rule of")
#: The beginning of a record's address, by its type: `/reports/` for `/reports/<id>`.
DETAIL_URLS: KeyedPoint[str] = KeyedPoint("detail address of")
#: The same for records that at first only their author may open.
AUTHOR_URLS: KeyedPoint[str] = KeyedPoint("author's address of")


def home_for(actor: Actor) -> str:
    """Return the first screen: the entry that names one of the person's roles, else the first tab."""
    tabs = TABS.open_to(actor)
    for entry in (*tabs, *LINKS.open_to(actor)):
        if actor.roles & set(entry.home_for):
            return entry.url
    return tabs[0].url if tabs else "/me"


def alerts(actor: Actor) -> list[Panel]:
    """Return what features warn this person of, in order."""
    return in_order(panel for of_feature in ALERTS.all() for panel in of_feature(actor))


def pack(actor: Actor) -> list[str]:
    """Return everything this person needs offline, each address once."""
    return list(dict.fromkeys(url for of_feature in PACK.all() for url in of_feature(actor)))


def can_view(actor: Actor, kind: str, record: str) -> bool:
    """Return whether the person may see a record of this type, by its feature's own rule."""
    rule = CAN_VIEW.get(kind)
    return rule is not None and rule(actor, record)


def detail_url(kind: str, record: str, own: bool) -> str | None:
    """Return the address of a record, or None where it has no page that others than its author may open."""
    start = DETAIL_URLS.get(kind) or (AUTHOR_URLS.get(kind) if own else None)
    return f"{start}{record}" if start else None
