"""Notices about deputies."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

NOTICES = {
    "deputy.name": _l("You decide for %(who)s from %(since)s until %(until)s."),
    "deputy.end": _l("You do not decide for %(who)s any more."),
}
