"""Texts of the notices about reports."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

NOTICES = {
    "service_report.accept": _l("%(who)s accepted your service report of %(job)s."),
    "service_report.return": _l("%(who)s returned your service report of %(job)s: %(reason)s"),
    "service_report.late_cancelled": _l("Late work by %(who)s on a cancelled job: %(job)s"),
    "service_report.late_reassigned": _l("Late work by %(who)s on a reassigned job: %(job)s"),
}
