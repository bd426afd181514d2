"""People, their groups and roles, and the phones they use."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ForeignKey, Index, Integer, String, UniqueConstraint
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
    """A service group with its home city (D-TRIP-1)."""

    __tablename__ = "group"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(60), unique=True)
    city: Mapped[str] = mapped_column(String(60))


class Membership(Model):
    """A role a person holds, in one group or (group empty) everywhere."""

    __tablename__ = "membership"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), index=True)
    group_id: Mapped[int | None] = mapped_column(ForeignKey("group.id"))
    role: Mapped[str] = mapped_column(String(20))

    __table_args__ = (
        UniqueConstraint("user_id", "group_id", "role"),
        Index("ix_membership_group", "group_id", "role"),
    )


class UserSession(Model):
    """One sign-in of one person in one browser. The cookie holds a random secret, this row its hash.

    `ended_how`: `signed_out`, `ended` (by its person from another browser), `replaced` (another sign-in in the same
    browser), `phone` (the phone was signed out), `password`, `reset`, `deactivated`. Rows that ended or ran out stay
    for a while, then a later sign-in deletes them (`fieldapp/services/accounts/sessions.py`).
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
    #: Wrong passwords that were tried on the account since the sign-in before this one.
    wrong_count: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    wrong_at: Mapped[datetime | None] = mapped_column(Moment)
    wrong_network: Mapped[str] = mapped_column(String(45), default="", server_default="")

    __table_args__ = (Index("ix_session_user", "user_id", "dev"), Index("ix_session_seen", "seen_at"))


class LoginBucket(Model):
    """A count of wrong passwords: of an account, an address, or both (`fieldapp/services/accounts/throttle.py`).

    `key` is a hash. `failed` makes people wait until `free_at`; `tries` of an account are told to its person.
    `refusal_noted` says that the trail holds the present wait.
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
    """A browser in which a person signed in before; its cookie is kept as a hash."""

    __tablename__ = "known_browser"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), primary_key=True)
    used_at: Mapped[datetime] = mapped_column(Moment)

    __table_args__ = (Index("ix_known_browser_used", "used_at"),)


class PasswordReset(Model):
    """A link with which a person sets a new password, once; only its hash is kept. One a person at most."""

    __tablename__ = "password_reset"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), unique=True)
    made_by: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    made_at: Mapped[datetime] = mapped_column(Moment)


class DeviceToken(Model):
    """What a phone may send its owner's records with when no session holds; only the hash is kept (failure mode 39).

    Several may hold at once: the first use of one ends those that were issued before it.
    """

    __tablename__ = "device_token"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    dev: Mapped[str] = mapped_column(String(36))
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    issued_at: Mapped[datetime] = mapped_column(Moment)
    used_at: Mapped[datetime | None] = mapped_column(Moment)

    __table_args__ = (Index("ix_device_token_phone", "user_id", "dev"),)
