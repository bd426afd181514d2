"""The manifest of customers."""

from __future__ import annotations

from fieldapp.field.customers.erasing import erase_customers
from fieldapp.kernel.manifest import FeatureManifest
from fieldapp.platform.commandbus import ERASERS

manifest = FeatureManifest(
    grants=dict.fromkeys(
        ("technician", "leader", "agent", "finance", "manager", "executive", "quality"), ("customer.view",)
    ),
    provides=(ERASERS.by(erase_customers),),
)
