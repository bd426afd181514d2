"""What the search index offers the house: a check."""

from __future__ import annotations

from collections.abc import Iterator

from fieldapp.extensions import db
from fieldapp.finding.index import faults
from fieldapp.kernel.offers import Offer


def _agrees() -> Iterator[str]:
    """The index holds every record with exactly its texts."""
    yield from faults(db.session.connection())


offer = Offer(checks=(_agrees,))
