"""Signing a phone out, and ticking off that records were lost on it (failure modes 31, 45)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from fieldapp.errors import NotFound
from fieldapp.kernel import ids
from fieldapp.kernel.actor import Actor
from fieldapp.platform.commandbus import Context, Effect, command
from fieldapp.services.accounts import groups_of, sessions
from fieldapp.services.accounts.models import UserSession
from fieldapp.services.accounts.tokens import revoke_tokens
from fieldapp.services.devices.models import Device
from fieldapp.services.devices.policy import may_look_after
from fieldapp.services.devices.schemas import Acknowledge, SignOut


@dataclass(frozen=True)
class Phone:
    """One person's store on one phone with all its lives, locked."""

    owner_id: int
    groups: frozenset[int]
    lives: list[Device]


def _load(ctx: Context, data: dict[str, Any]) -> Phone:
    owner = data["user_id"]
    query = select(Device).where(Device.dev == ctx.id, Device.user_id == owner).order_by(Device.id).with_for_update()
    lives = ctx.scalars(query) if 0 < owner < 2**31 else []
    if not lives:
        raise NotFound("device.not_found")
    return Phone(owner, groups_of(owner), lives)


def _may(actor: Actor, phone: Phone) -> bool:
    return may_look_after(actor, phone.owner_id, phone.groups)


@command("device.revoke", label=_l("Sign the phone out"), schema=SignOut, load=_load, may=_may)
def revoke(ctx: Context, phone: Phone, data: dict[str, Any]) -> Effect:
    """The phone's token and its session end at once. What lies on it stays there until its owner signs in on it."""
    revoke_tokens(ctx.session, ctx.id, phone.owner_id)
    sessions.end(ctx.session, "phone", UserSession.user_id == phone.owner_id, UserSession.dev == ctx.id)
    for life in phone.lives:
        life.revoked_at, life.revoked_by = ctx.now, ctx.actor.id
    code = ids.device_code(ctx.id)
    ctx.notify(phone.owner_id, "device.revoke", "/me/devices", who=ctx.actor.name, code=code)
    return Effect(
        ref=code, before={"revoked": False}, after={"revoked": True, "user_id": phone.owner_id, **_reason(data)}
    )


def _reason(data: dict[str, Any]) -> dict[str, str]:
    return {"reason": data["reason"]} if "reason" in data else {}


@command("device.acknowledge", label=_l("Seen"), schema=Acknowledge, load=_load, may=_may)
def acknowledge(ctx: Context, phone: Phone, data: dict[str, Any]) -> Effect:
    """The owner has seen it, or the leader has dealt with it; either is on record for the other.

    More that went missing since the page was shown is not ticked off with it.
    """
    own = ctx.actor.id == phone.owner_id
    seen = sum(life.missing_count for life in phone.lives) <= data["count"]
    for life in phone.lives if seen else ():
        if own:
            life.missing_seen_at = life.missing_seen_at or ctx.now
        else:
            life.missing_settled_at = life.missing_settled_at or ctx.now
    return Effect(after={"seen": seen, "by_owner": own, "user_id": phone.owner_id})
