"""The manifest of customers."""

from __future__ import annotations

from fieldapp.kernel.manifest import FeatureManifest

manifest = FeatureManifest(
    grants=dict.fromkeys(
        ("technician", "leader", "agent", "finance", "manager", "executive", "quality"), ("customer.view",)
    ),
)
