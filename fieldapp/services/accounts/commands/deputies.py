"""Commands that name and end a deputy (D-ROLE-2)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from fieldapp.errors import Conflict, Invalid, NotFound
from fieldapp.kernel.actor import Actor
from fieldapp.platform.commandbus import Context, Effect, command, require_new
from fieldapp.platform.web.page import moment
from fieldapp.services.accounts.models import Deputy, User
from fieldapp.services.accounts.roles import WITH_DEPUTIES, deputy_verbs
from fieldapp.services.accounts.schemas import NameDeputy, NoFields

#: How long ago a form may have been opened that says "from now".
_NOW = timedelta(hours=1)


def may_name(actor: Actor, record: Any) -> bool:
    """Allow leaders, managers, purchasers and executives, each for themselves (D-ROLE-2)."""
    return bool(actor.in_own_right.roles.intersection(WITH_DEPUTIES))


@command("deputy.name", label=_l("Name a deputy"), schema=NameDeputy, may=may_name)
def name(ctx: Context, record: None, data: dict[str, Any]) -> Effect:
    """Let somebody decide for the actor from a moment to a moment, for all or for one kind of record."""
    row = Deputy(
        id=require_new(ctx, data, Deputy, _l("This deputy was already named.")),
        principal_id=ctx.actor.id,
        deputy_id=_deputy(ctx, data["deputy_id"]).id,
        from_at=max(data["from_at"], ctx.now),
        to_at=data["to_at"],
        verbs=_verbs(ctx.actor, data.get("about") or ""),
        group_id=_group(ctx.actor, data.get("group_id")),
        reason=data["reason"],
        made_by=ctx.actor.id,
    )
    if data["from_at"] < ctx.now - _NOW:
        raise Invalid.field("from_at", _l("This time is over. A deputy begins now or later."))
    if row.to_at <= row.from_at:
        raise Invalid.field("to_at", _l("This is not after the beginning."))
    ctx.session.add(row)
    span = {"since": moment(row.from_at), "until": moment(row.to_at)}
    ctx.notify(row.deputy_id, "deputy.name", "/inbox", who=ctx.actor.name, **span)
    return Effect(after={"deputy_id": row.deputy_id, **span, "verbs": row.verbs, "reason": row.reason})


def _deputy(ctx: Context, number: int) -> User:
    user = ctx.session.get(User, number) if 0 < number < 2**31 else None
    if user is None or not user.active:
        raise Invalid.field("deputy_id", _l("This record is not known."))
    if user.id == ctx.actor.id:
        raise Invalid.field("deputy_id", _l("Choose somebody else than yourself."))
    return user


def _verbs(actor: Actor, about: str) -> str:
    """Return the acts about one type of record, separated by spaces; empty for all. Raise Invalid for another type."""
    if not about:
        return ""
    verbs = sorted(verb for verb in deputy_verbs(actor.in_own_right.verbs) if verb.startswith(f"{about}."))
    if not verbs:
        raise Invalid.field("about", _l("You do not decide about this yourself."))
    return " ".join(verbs)


def _group(actor: Actor, group: int | None) -> int | None:
    if group is not None and group not in actor.in_own_right.leads:
        raise Invalid.field("group_id", _l("You do not lead this group."))
    return group


def _load(ctx: Context, data: dict[str, Any]) -> Deputy:
    row = ctx.find(Deputy, ctx.id)
    if row is None:
        raise NotFound("deputy.not_found")
    return row


def _own(actor: Actor, row: Deputy) -> bool:
    """Allow the principal only."""
    return row.principal_id == actor.id


@command("deputy.end", label=_l("End it now"), schema=NoFields, load=_load, may=_own)
def end(ctx: Context, row: Deputy, data: dict[str, Any]) -> Effect:
    """End a deputy's turn at once, or withdraw one that did not begin yet."""
    if row.ended_at is not None or row.to_at <= ctx.now:
        raise Conflict("deputy.over", gettext("This has ended already."))
    row.ended_at = ctx.now
    ctx.notify(row.deputy_id, "deputy.end", "/inbox", who=ctx.actor.name)
    return Effect(before={"ended": False}, after={"ended": True, "deputy_id": row.deputy_id})
