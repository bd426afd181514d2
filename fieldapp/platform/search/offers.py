"""What the search index offers the house: a check."""

from __future__ import annotations

from collections.abc import Iterator

from fieldapp.kernel.offers import Offer
from fieldapp.platform.extensions import db
from fieldapp.platform.search.index import faults


def _agrees() -> Iterator[str]:
    """The index holds every record with exactly its texts."""
    yield from faults(db.session.connection())


offer = Offer(checks=(_agrees,))
