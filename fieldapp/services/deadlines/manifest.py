"""The manifest of deadlines."""

from __future__ import annotations

from fieldapp.kernel.manifest import FeatureManifest
from fieldapp.platform.commandbus import DUE_KINDS, DueKind
from fieldapp.services.deadlines.events import BREACH, ESCALATE, WARN

manifest = FeatureManifest(
    grants={"system": (WARN, BREACH, ESCALATE)},
    provides=(
        # After a downtime over warning and breach only the breach speaks.
        DUE_KINDS.by(WARN, DueKind("drop")),
        DUE_KINDS.by(BREACH, DueKind("each")),
        DUE_KINDS.by(ESCALATE, DueKind("last")),
    ),
)
