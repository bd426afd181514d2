"""Notices to authors of held records."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

NOTICES = {
    "waiting_record.accept": _l("%(who)s had your record taken in without what it waited for: %(title)s"),
    "waiting_record.reject": _l("%(who)s sent your waiting record back: %(title)s. Reason: %(reason)s"),
}
