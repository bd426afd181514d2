"""What a requester is told; each change reaches the phone (D-PART-5)."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

NOTICES = {
    "parts_request.approve": _l("Parts request %(number)s over ¥ %(total)s is approved."),
    "parts_request.passed": _l("Parts request %(number)s over ¥ %(total)s is approved so far; the next one decides."),
    "parts_request.return": _l("Parts request %(number)s came back to be corrected: %(reason)s"),
    "parts_request.reject": _l("Parts request %(number)s was rejected: %(reason)s"),
    "parts_request.planned": _l("Parts request %(number)s over ¥ %(total)s was made from your next-visit plan."),
}
