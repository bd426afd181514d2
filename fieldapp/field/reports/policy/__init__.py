"""Rules of service reports: states, permissions, content, hashes, differences."""

from fieldapp.field.reports.policy.changes import Change, changes
from fieldapp.field.reports.policy.content import FIELDS, content_of
from fieldapp.field.reports.policy.people import PlanPeople, people_of_plan
from fieldapp.field.reports.policy.seal import SIGN_BOX, fingerprint, signature_paths
from fieldapp.field.reports.policy.states import (
    FEE_METHODS,
    NEEDS_REASON,
    REPORT,
    RESULTS,
    late_reason,
    may_see_report,
)

__all__ = [
    "FEE_METHODS",
    "FIELDS",
    "NEEDS_REASON",
    "REPORT",
    "RESULTS",
    "SIGN_BOX",
    "Change",
    "PlanPeople",
    "changes",
    "content_of",
    "fingerprint",
    "late_reason",
    "may_see_report",
    "people_of_plan",
    "signature_paths",
]
