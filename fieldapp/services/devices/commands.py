"""Commands to sign a phone out and to acknowledge lost records (failure modes 31, 45)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from fieldapp.errors import NotFound
from fieldapp.kernel import clock, ids
from fieldapp.kernel.actor import Actor
from fieldapp.platform.commandbus import Context, Effect, command
from fieldapp.services.accounts import groups_of, sessions
from fieldapp.services.accounts.models import UserSession
from fieldapp.services.accounts.tokens import revoke_tokens
from fieldapp.services.devices.models import Device
from fieldapp.services.devices.policy import may_manage
from fieldapp.services.devices.schemas import Acknowledge, SignOut


@dataclass(frozen=True)
class Phone:
    """One person's store on one phone: the rows of all its epochs, locked."""

    owner_id: int
    groups: frozenset[int]
    epochs: list[Device]


def _load(ctx: Context, data: dict[str, Any]) -> Phone:
    owner = data["user_id"]
    query = select(Device).where(Device.dev == ctx.id, Device.user_id == owner).order_by(Device.id).with_for_update()
    epochs = ctx.scalars(query) if 0 < owner < 2**31 else []
    if not epochs:
        raise NotFound("device.not_found")
    return Phone(owner, groups_of(owner, on=clock.today()), epochs)


def _may(actor: Actor, phone: Phone) -> bool:
    return may_manage(actor, phone.owner_id, phone.groups)


@command("device.revoke", label=_l("Sign the phone out"), schema=SignOut, load=_load, may=_may)
def revoke(ctx: Context, phone: Phone, data: dict[str, Any]) -> Effect:
    """End the phone's token and sessions at once. Records on the phone stay until its owner signs in on it again."""
    revoke_tokens(ctx.session, ctx.id, phone.owner_id)
    sessions.end(ctx.session, "phone", UserSession.user_id == phone.owner_id, UserSession.dev == ctx.id)
    for device in phone.epochs:
        device.revoked_at, device.revoked_by = ctx.now, ctx.actor.id
    code = ids.device_code(ctx.id)
    ctx.notify(phone.owner_id, "device.revoke", "/me/devices", who=ctx.actor.name, code=code)
    return Effect(
        ref=code, before={"revoked": False}, after={"revoked": True, "user_id": phone.owner_id, **_reason(data)}
    )


def _reason(data: dict[str, Any]) -> dict[str, str]:
    return {"reason": data["reason"]} if "reason" in data else {}


@command("device.acknowledge", label=_l("Seen"), schema=Acknowledge, load=_load, may=_may)
def acknowledge(ctx: Context, phone: Phone, data: dict[str, Any]) -> Effect:
    """Store that the owner has seen the loss, or that the leader has settled it; both can see either.

    Records that went missing after the page was drawn are not acknowledged.
    """
    own = ctx.actor.id == phone.owner_id
    seen = sum(device.missing_count for device in phone.epochs) <= data["count"]
    for device in phone.epochs if seen else ():
        if own:
            device.missing_seen_at = device.missing_seen_at or ctx.now
        else:
            device.missing_settled_at = device.missing_settled_at or ctx.now
    return Effect(after={"seen": seen, "by_owner": own, "user_id": phone.owner_id})
