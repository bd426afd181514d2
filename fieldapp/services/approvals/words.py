"""Texts for the approver on why a record's time is doubted (platform/commandbus/written.py)."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

DOUBTS = {
    "ahead": _l("The phone's clock is ahead: the time of arrival is taken."),
    "contradicts": _l("The phone's clock was changed: its own correction is not what the server measured."),
    "early": _l("The phone's clock says a time before the phone was first seen."),
    "old": _l("The phone's clock was last compared with the server long ago."),
    "unmeasured": _l("The phone's clock was never compared with the server."),
    "unseen": _l("The server has not seen this phone: the time is the phone's own word."),
}
