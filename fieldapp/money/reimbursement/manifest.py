"""The manifest of the reimbursement list."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.kernel.manifest import FeatureManifest
from fieldapp.platform.audit import FACT_NAMES
from fieldapp.platform.web.extension_points import LINKS, Entry

manifest = FeatureManifest(
    grants={
        "finance": ("reimbursement.view", "reimbursement.export"),
        "manager": ("reimbursement.view",),
    },
    provides=(
        FACT_NAMES.by("reimbursement", frozenset({"format", "language", "items"})),
        LINKS.by(
            Entry(
                "reimbursements",
                _l("Reimbursement list"),
                "/reimbursements",
                "reimbursement.view",
                order=15,
                icon="money",
                home_for=("finance",),
            )
        ),
    ),
)
