"""What the reimbursement list offers the house."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.kernel.offers import Entry, Offer

offer = Offer(
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
