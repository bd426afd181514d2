"""What the inbox asks of other features."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from fieldapp.kernel.actor import Actor
from fieldapp.kernel.manifest import Panel, in_order
from fieldapp.platform.extensions import ExtensionPoint, KeyedPoint

#: How records that wait for a decision are shown, by their type; one call for all of a type, panels by record id.
INBOX_CARDS: KeyedPoint[Callable[[Sequence[str]], Mapping[str, Panel]]] = KeyedPoint("inbox card of")
#: Whole parts of a person's inbox beside its cases.
INBOX_SECTIONS: ExtensionPoint[Callable[[Actor], Iterable[Panel]]] = ExtensionPoint("inbox sections")
#: Which decisions wait in those parts.
INBOX_IDS: ExtensionPoint[Callable[[Actor], Sequence[str]]] = ExtensionPoint("inbox ids")


def inbox_panels(kind: str, ids: Sequence[str]) -> Mapping[str, Panel]:
    """Return how the feature of this record type shows its records in the inbox, by record id."""
    card = INBOX_CARDS.get(kind)
    return card(ids) if card else {}


def inbox_sections(actor: Actor) -> list[Panel]:
    """Return what features add to this person's inbox, in order."""
    return in_order(panel for of_feature in INBOX_SECTIONS.all() for panel in of_feature(actor))


def inbox_ids(actor: Actor) -> list[str]:
    """Return which decisions wait in those parts."""
    return [one for of_feature in INBOX_IDS.all() for one in of_feature(actor)]
