"""The manifest of the reimbursement list."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.kernel.manifest import Entry, FeatureManifest

manifest = FeatureManifest(
    grants={
        "finance": ("reimbursement.view", "reimbursement.export"),
        "manager": ("reimbursement.view",),
    },
    links=(
        Entry(
            "reimbursements",
            _l("Reimbursement list"),
            "/reimbursements",
            "reimbursement.view",
            order=15,
            icon="money",
            home_for=("finance",),
        ),
    ),
)
