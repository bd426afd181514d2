"""Names of the roles (docs/rules/02-roles.md). What a role may do is granted in each feature's manifest.py."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

NAMES = {
    "technician": _l("Technician"),
    "leader": _l("Group leader"),
    "finance": _l("Finance"),
    "agent": _l("Service desk"),
    "manager": _l("Service manager"),
    "purchasing": _l("Purchasing"),
    "executive": _l("General manager's office"),
    "hr": _l("HR"),
    "quality": _l("Quality"),
    "admin": _l("Administrator"),
}
