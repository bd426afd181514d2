"""Names of the roles (docs/rules/02-roles.md). What a role may do is granted in each feature's manifest.py."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from flask_babel import lazy_gettext as _l

from fieldapp.kernel.grants import DECIDING

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

VICE_LEADER = _l("Vice leader")

#: What can be given to a person: every role, and the vice leader, who holds the role of the leader.
POSTS = (
    ("technician", NAMES["technician"]),
    ("leader", NAMES["leader"]),
    ("vice_leader", VICE_LEADER),
    *((role, name) for role, name in NAMES.items() if role not in {"technician", "leader"}),
)
#: Role and kind of membership, where they are not the role's name and `member`.
POST_ROLES = {"leader": ("leader", "lead"), "vice_leader": ("leader", "vice")}

#: Roles that belong to one group; the others apply everywhere.
GROUP_ROLES = frozenset({"technician", "leader"})

#: Names of the records that a deputy can be named for alone.
RECORD_NAMES = {
    "expense_claim": _l("Expense claims"),
    "parts_request": _l("Parts requests"),
    "service_report": _l("Service reports"),
}

#: Roles whose holders name a deputy (D-ROLE-2).
WITH_DEPUTIES = ("leader", "manager", "purchasing", "executive")


def role_name(role: str, kind: str = "member") -> Any:
    """Return the name of a role; a vice leader holds the role of the leader."""
    return VICE_LEADER if kind == "vice" else NAMES.get(role, role)


def deputy_verbs(verbs: Collection[str]) -> frozenset[str]:
    """Return those of a principal's verbs that a deputy has too: decisions about records."""
    return frozenset(verb for verb in verbs if verb.partition(".")[2] in DECIDING)
