"""Saving, renaming and deleting views of lists."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from fieldapp.errors import Conflict, Invalid
from fieldapp.kernel.actor import Actor
from fieldapp.platform.commandbus import Context, Effect, command
from fieldapp.platform.web.lists import LISTS
from fieldapp.services.lists.models import ListView
from fieldapp.services.lists.policy import audiences, may_change_view
from fieldapp.services.lists.schemas import Delete, Rename, Save
from fieldapp.services.lists.views import Parameters, parameters_in


def _anybody(actor: Actor, record: None) -> bool:
    """Return True: everybody saves views for themselves; the command asks whether the list is theirs."""
    return True


def _owner(actor: Actor, record: ListView) -> bool:
    return may_change_view(actor, record.owner_id)


def _load(ctx: Context, data: dict[str, Any]) -> ListView:
    return ctx.load(ListView, ctx.id)


@command("list_view.save", label=_l("Save a view"), schema=Save, may=_anybody)
def save(ctx: Context, record: None, data: dict[str, Any]) -> Effect:
    """Store a view. What the list does not know is refused by its name."""
    if data["id"] != ctx.id:
        raise Invalid.field("id", _l("This record is not known."))
    if ctx.find(ListView, ctx.id) is not None:
        raise Conflict("record.exists", _l("This view was saved already."))
    declared = LISTS().get(data["list"])
    if declared is None or not ctx.actor.can(declared.verb):
        raise Invalid.field("list", _l("There is no such list."))
    if data["shared_with"] not in audiences(ctx.actor):
        raise Invalid.field("shared_with", _l("You can share it with your own groups and roles."))
    asked: Parameters = parameters_in(declared, ctx.actor, data.get("query") or "")
    if asked.unknown:
        words = gettext("This list has no such filters: %(names)s.", names=", ".join(asked.unknown))
        raise Invalid.field("query", words)
    after = {
        "list_name": declared.name,
        "name": data["name"],
        "filters": asked.filters,
        "columns": asked.columns,
        "sort": asked.sort,
        "shared_with": data["shared_with"],
    }
    ctx.session.add(ListView(id=ctx.id, owner_id=ctx.actor.id, ver=1, created_at=ctx.now, **after))
    return Effect(ver=1, after=after)


@command("list_view.rename", label=_l("Rename a view"), schema=Rename, may=_owner, load=_load)
def rename(ctx: Context, record: ListView, data: dict[str, Any]) -> Effect:
    """Give a view another name."""
    before, record.name = record.name, data["name"]
    record.ver += 1
    return Effect(ver=record.ver, before={"name": before}, after={"name": record.name})


@command("list_view.delete", label=_l("Delete a view"), schema=Delete, may=_owner, load=_load)
def delete(ctx: Context, record: ListView, data: dict[str, Any]) -> Effect:
    """Delete a view; who had opened it keeps the address it led to."""
    ver, before = (
        record.ver + 1,
        {"list_name": record.list_name, "name": record.name, "shared_with": record.shared_with},
    )
    ctx.session.delete(record)
    return Effect(ver=ver, before=before)
