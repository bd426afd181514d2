"""Audit entries about accounts: sign-ins, wrong passwords, resets.

They hold no password and no full IP address.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from fieldapp.kernel import clock
from fieldapp.platform import audit
from fieldapp.platform.audit import AuditEntry
from fieldapp.platform.extensions import db

ACTION_LABELS = {
    "user.sign_in": _l("Signed in"),
    "user.sign_out": _l("Signed out"),
    "user.change_password": _l("Changed the password"),
    "user.reset_link": _l("A link for a new password was made"),
    "user.reset_password": _l("Set a new password by a link"),
    "user.deactivate": _l("The account was closed"),
    "user.activate": _l("The account was opened again"),
    "membership.begin": _l("A role was given"),
    "membership.change": _l("A role was changed"),
    "membership.end": _l("The end of a role was changed"),
    "user.wrong_password": _l("A wrong password was tried"),
    "user.slowed_down": _l("Too many wrong passwords: made to wait"),
}


def key_of(user_id: int) -> str:
    """Return the aggregate id of an account: its number as a UUID."""
    return str(UUID(int=user_id))


def note(session: Session, action: str, user_id: int | None, by: int | None, **facts: Any) -> None:
    """Append an audit entry about an account. `by` is the acting user, or None if nobody is signed in.

    An attempt on an unknown user name is stored under account 0, so that it takes the same time; the name is not
    stored.
    """
    entry = audit.Entry(action=action, agg=("user", key_of(user_id or 0)), actor_id=by, at=clock.now(), after=facts)
    audit.append(session.connection(), [entry])


def recent(user_id: int, most: int = 20) -> list[tuple[Any, Any, dict[str, Any]]]:
    """Return `(at, label, facts)` of the newest entries about an account, at most `most`."""
    query = (
        select(AuditEntry.id, AuditEntry.at, AuditEntry.action)
        .where(AuditEntry.agg_type == "user", AuditEntry.agg_id == key_of(user_id))
        .order_by(AuditEntry.id.desc())
        .limit(most)
    )
    rows = db.session.execute(query).all()
    contents = audit.contents_of(db.session(), [row.id for row in rows])
    return [(at, ACTION_LABELS.get(action, action), contents[number].after or {}) for number, at, action in rows]
