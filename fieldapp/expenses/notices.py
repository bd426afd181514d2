"""What people are told about their claims."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

NOTICES = {
    "expense_claim.approve": _l("Claim %(number)s over ¥%(amount)s was approved."),
    "expense_claim.return": _l("Claim %(number)s over ¥%(amount)s came back to you: %(reason)s"),
    "expense_claim.reject": _l("Claim %(number)s over ¥%(amount)s was rejected: %(reason)s"),
}
