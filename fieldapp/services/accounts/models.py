"""Tables of people, groups, roles, sessions, passwords and device tokens."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Boolean, Date, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from fieldapp.platform.commandbus.models import ActorRow
from fieldapp.platform.database import Moment
from fieldapp.platform.extensions import Model


class User(Model):
    """A person with an account, who is an actor of the same number: a new person takes the next number of actors."""

    __tablename__ = "user"

    id: Mapped[int] = mapped_column(ForeignKey("actor.id"), primary_key=True)
    username: Mapped[str] = mapped_column(String(60), unique=True)
    name: Mapped[str] = mapped_column(String(60))
    phone: Mapped[str] = mapped_column(String(30), default="")
    password_hash: Mapped[str] = mapped_column(String(200))
    language: Mapped[str | None] = mapped_column(String(10))
    active: Mapped[bool] = mapped_column(Boolean, default=True)
    created_at: Mapped[datetime] = mapped_column(Moment)
    actor: Mapped[ActorRow] = relationship(lazy="raise")

    def __init__(self, **values: Any) -> None:
        values.setdefault("actor", ActorRow(id=values.get("id"), kind="person"))
        super().__init__(**values)


class Group(Model):
    """A service group with its home city (D-TRIP-1). `ended_on` is the first day without members."""

    __tablename__ = "group"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(60), unique=True)
    city: Mapped[str] = mapped_column(String(60))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("group.id"))
    ended_on: Mapped[date | None] = mapped_column(Date)


class Membership(Model):
    """Role of a person in one group, or in all groups if `group_id` is empty, from a day to a day (ADR 40).

    Days are those of the company's zone; `until_on` is the first day outside, empty for no end. A row whose two days
    are equal was withdrawn before it began. `kind`: `member`, `vice` (a vice leader holds the role `leader`), `lead`.
    `by` is empty where no command made the row.
    """

    __tablename__ = "membership"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), index=True)
    group_id: Mapped[int | None] = mapped_column(ForeignKey("group.id"))
    role: Mapped[str] = mapped_column(String(20))
    kind: Mapped[str] = mapped_column(String(10))
    from_on: Mapped[date] = mapped_column(Date)
    until_on: Mapped[date | None] = mapped_column(Date)
    by: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    reason: Mapped[str] = mapped_column(Text, default="", server_default="")

    __table_args__ = (Index("ix_membership_group", "group_id", "role"),)

    def __init__(self, **values: Any) -> None:
        values.setdefault("kind", "lead" if values.get("role") == "leader" else "member")
        super().__init__(**values)


class Deputy(Model):
    """A person who decides for another from a moment to a moment, the last one outside (D-ROLE-2, ADR 40).

    `verbs` names the acts, separated by spaces; empty for all. `group_id` is empty for all groups of the principal.
    `ended_at` is set where it was ended before `to_at`.
    """

    __tablename__ = "deputy"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    principal_id: Mapped[int] = mapped_column(ForeignKey("user.id"), index=True)
    deputy_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    from_at: Mapped[datetime] = mapped_column(Moment)
    to_at: Mapped[datetime] = mapped_column(Moment)
    verbs: Mapped[str] = mapped_column(Text, default="", server_default="")
    group_id: Mapped[int | None] = mapped_column(ForeignKey("group.id"))
    reason: Mapped[str] = mapped_column(Text, default="", server_default="")
    made_by: Mapped[int] = mapped_column(ForeignKey("user.id"))
    ended_at: Mapped[datetime | None] = mapped_column(Moment)

    __table_args__ = (Index("ix_deputy_deputy", "deputy_id", "to_at"),)


class UserSession(Model):
    """Session of one person in one browser. The cookie holds a random secret, this row its hash.

    `ended_how`: `signed_out`, `ended` (by its person from another browser), `replaced` (another sign-in in the same
    browser), `phone` (the phone was signed out), `password`, `reset`, `deactivated`. A later sign-in deletes old rows
    that ended or expired (`fieldapp/services/accounts/sessions.py`).
    """

    __tablename__ = "session"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    dev: Mapped[str | None] = mapped_column(String(36))
    browser: Mapped[str] = mapped_column(String(60))
    address: Mapped[str] = mapped_column(String(45))
    created_at: Mapped[datetime] = mapped_column(Moment)
    seen_at: Mapped[datetime] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_how: Mapped[str | None] = mapped_column(String(20))
    #: Wrong passwords entered for the account since the previous sign-in.
    wrong_count: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    wrong_at: Mapped[datetime | None] = mapped_column(Moment)
    wrong_network: Mapped[str] = mapped_column(String(45), default="", server_default="")

    __table_args__ = (Index("ix_session_user", "user_id", "dev"), Index("ix_session_seen", "seen_at"))


class LoginBucket(Model):
    """Counter of wrong passwords per account, per address, or per pair (`fieldapp/services/accounts/throttle.py`).

    `key` is a hash. `failed` sets the wait until `free_at`; `tries` of an account are shown to its person.
    `refusal_noted` is set once the audit log has an entry about the current wait.
    """

    __tablename__ = "login_bucket"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    failed: Mapped[int] = mapped_column(Integer)
    tries: Mapped[int] = mapped_column(Integer)
    tried_at: Mapped[datetime | None] = mapped_column(Moment)
    last_at: Mapped[datetime] = mapped_column(Moment)
    free_at: Mapped[datetime] = mapped_column(Moment)
    refusal_noted: Mapped[bool] = mapped_column(Boolean)
    network: Mapped[str] = mapped_column(String(45))

    __table_args__ = (Index("ix_login_bucket_last", "last_at"),)


class KnownBrowser(Model):
    """Browser in which a person has signed in before, by the hash of its cookie."""

    __tablename__ = "known_browser"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), primary_key=True)
    used_at: Mapped[datetime] = mapped_column(Moment)

    __table_args__ = (Index("ix_known_browser_used", "used_at"),)


class PasswordReset(Model):
    """One-time link for a new password, by its hash. At most one per person."""

    __tablename__ = "password_reset"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), unique=True)
    made_by: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    made_at: Mapped[datetime] = mapped_column(Moment)


class DeviceToken(Model):
    """Token with which a phone sends its owner's records without a session, by its hash (failure mode 39).

    Several may be valid at once: the first use of one deletes those that were issued before it.
    """

    __tablename__ = "device_token"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    dev: Mapped[str] = mapped_column(String(36))
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    issued_at: Mapped[datetime] = mapped_column(Moment)
    used_at: Mapped[datetime | None] = mapped_column(Moment)

    __table_args__ = (Index("ix_device_token_phone", "user_id", "dev"),)
