"""Texts of the notices about parts requests (D-PART-5)."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

NOTICES = {
    "parts_request.approve": _l("%(who)s approved the parts for %(what)s: ¥ %(total)s (%(number)s)."),
    "parts_request.passed": _l(
        "%(who)s approved the parts for %(what)s: ¥ %(total)s (%(number)s). The next one decides."
    ),
    "parts_request.return": _l("%(who)s returned the parts request for %(what)s: %(reason)s (%(number)s)"),
    "parts_request.reject": _l("%(who)s rejected the parts request for %(what)s: %(reason)s (%(number)s)"),
    "parts_request.planned": _l(
        "A parts request was made from your next-visit plan for %(what)s: ¥ %(total)s (%(number)s)."
    ),
}
