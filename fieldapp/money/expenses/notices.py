"""Texts of the notices about claims."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

NOTICES = {
    "expense_claim.approve": _l("%(who)s approved your claim of ¥ %(amount)s (%(number)s)."),
    "expense_claim.return": _l("%(who)s returned your claim of ¥ %(amount)s: %(reason)s (%(number)s)"),
    "expense_claim.reject": _l("%(who)s rejected your claim of ¥ %(amount)s: %(reason)s (%(number)s)"),
}
