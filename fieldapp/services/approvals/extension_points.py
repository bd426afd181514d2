"""What the inbox asks of other features."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from fieldapp.kernel.actor import Actor
from fieldapp.kernel.manifest import Panel, in_order
from fieldapp.platform.extensions import ExtensionPoint, KeyedPoint

#: How records that wait for a decision are shown, by their type; one call for all of a type, panels by record id.
INBOX_CARDS: KeyedPoint[Callable[[Sequence[str]], Mapping[str, Panel]]] = KeyedPoint("inbox card of")
#: Whole parts of a person's inbox beside its cases.
INBOX_SECTIONS: ExtensionPoint[Callable[[Actor], Iterable[Panel]]] = ExtensionPoint("inbox sections")
#: How many decisions wait in those parts: a scalar subquery with the parameters `me` and `led`, the same object at
#: every call, or None.
INBOX_COUNTS: ExtensionPoint[Callable[[Actor], Any | None]] = ExtensionPoint("inbox counts")


def inbox_panels(kind: str, ids: Sequence[str]) -> Mapping[str, Panel]:
    """Return how the feature of this record type shows its records in the inbox, by record id."""
    card = INBOX_CARDS.get(kind)
    return card(ids) if card else {}


def inbox_sections(actor: Actor) -> list[Panel]:
    """Return what features add to this person's inbox, in order."""
    return in_order(panel for of_feature in INBOX_SECTIONS.all() for panel in of_feature(actor))


def inbox_count_queries(actor: Actor) -> tuple[Any, ...]:
    """Return the subqueries that count what features add to this person's inbox."""
    queries = (of_feature(actor) for of_feature in INBOX_COUNTS.all())
    return tuple(query for query in queries if query is not None)
