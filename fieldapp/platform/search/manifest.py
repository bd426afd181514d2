"""The manifest of the search index."""

from __future__ import annotations

from collections.abc import Iterator

from fieldapp.kernel.manifest import FeatureManifest
from fieldapp.platform.extensions import CHECKS, db
from fieldapp.platform.search.index import faults


def _agrees() -> Iterator[str]:
    """The index holds every record with exactly its texts."""
    yield from faults(db.session.connection())


manifest = FeatureManifest(
    provides=(CHECKS.by(_agrees),),
)
