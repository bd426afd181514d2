"""Roles as patterns of verbs (domain rule book §2).

A verb is `noun.act`. Patterns name acts, not nouns, so that a new kind of record needs no line here;
on which record an act is allowed is each feature's policy.
"""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

#: Every signed-in person: own screens.
EVERYONE = (
    "home.view",
    "outbox.view",
    "me.*",
    "inbox.view",
    "notice.*",
    "attachment.view",
    "attachment.add",
    "device.revoke",
    "device.acknowledge",
    "session.end",
    "session.end_others",
)

FIELD_WORK = (
    "job.view",
    "visit.*",
    "*.add",
    "*.capture",
    "*.submit",
    "*.record",
    "*.resubmit",
    "*.withdraw",
    "*.discard",
    "*.amend",
    "*.view",
)

#: What anybody may do who spends money of their own on work.
OWN_MONEY = (
    "expense_item.capture",
    "expense_item.resubmit",
    "expense_item.discard",
    "expense_claim.submit",
    "expense_claim.withdraw",
)

PATTERNS: dict[str, tuple[str, ...]] = {
    "technician": (*EVERYONE, *FIELD_WORK),
    "leader": (
        *EVERYONE,
        *FIELD_WORK,
        "*.approve",
        "*.accept",
        "*.return",
        "*.reject",
        "*.dispatch",
        "*.plan",
        "*.cancel",
        "*.restore",
        "*.oversee",
        "job.change",
    ),
    "finance": (*EVERYONE, "*.view", "reimbursement.*", "*.review", "*.pay", *OWN_MONEY),
    "agent": (*EVERYONE, "*.view", "*.import", "customer.*", "service_request.*", "asset.*"),
    "manager": (
        *EVERYONE,
        *OWN_MONEY,
        "*.view",
        "*.approve",
        "*.accept",
        "*.return",
        "*.reject",
        "*.oversee",
        "*.dispatch",
    ),
    "purchasing": (*EVERYONE, "*.view", "parts_request.approve", "parts_request.return", "parts_request.reject"),
    "executive": (*EVERYONE, "*.view", "*.approve", "*.accept", "*.return", "*.reject", *OWN_MONEY),
    "hr": (*EVERYONE,),
    "quality": (*EVERYONE, "*.view"),
    "admin": (*EVERYONE, "*.import", "setting.*", "user.*", "group.*", "device.*"),
}

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
