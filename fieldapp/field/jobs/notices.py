"""Texts of the notices about jobs and visits."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

NOTICES = {
    "visit.planned": _l("A visit was planned for you: %(when)s, %(job)s"),
    "visit.refuse": _l("%(who)s gave back a visit: %(job)s. Reason: %(reason)s"),
    "visit.late": _l("Late work by %(who)s on a job that was cancelled or given to somebody else: %(job)s"),
    "visit.cancelled": _l("%(who)s cancelled a visit of yours: %(job)s. Reason: %(reason)s"),
    "visit.restored": _l("%(who)s took a cancellation back, the visit is yours again: %(job)s"),
    "visit.given_away": _l("%(who)s gave a visit of yours to somebody else: %(job)s"),
    "job.changed": _l("%(who)s changed %(fields)s of a job of yours: %(job)s"),
    "job.not_changed": _l("Your change of %(job)s met another: %(note)s"),
}
