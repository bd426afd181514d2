"""What people are told about reports."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

NOTICES = {
    "service_report.accept": _l("Your service report %(ref)s was accepted."),
    "service_report.return": _l("Please correct your service report %(ref)s: %(reason)s"),
    "service_report.late_cancelled": _l("Late work on a cancelled job: %(job)s, report %(ref)s."),
    "service_report.late_reassigned": _l("Late work on a reassigned job: %(job)s, report %(ref)s."),
}
