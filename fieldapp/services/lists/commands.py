"""Saving, renaming and deleting views of lists."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from fieldapp.errors import Invalid
from fieldapp.kernel.policies import anybody, author_only
from fieldapp.platform.commandbus import Context, Effect, command, record, require_new
from fieldapp.platform.web.lists import LISTS
from fieldapp.services.lists.models import ListView
from fieldapp.services.lists.policy import audiences
from fieldapp.services.lists.schemas import Delete, Rename, Save
from fieldapp.services.lists.views import Parameters, parameters_in

_IS_OWNER = author_only("owner_id")


@command("list_view.save", label=_l("Save a view"), schema=Save, may=anybody)
def save(ctx: Context, nothing: None, data: dict[str, Any]) -> Effect:
    """Store a view for the actor. What the list does not know is refused by its name."""
    require_new(ctx, data, ListView, _l("This view was saved already."))
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


@command(
    "list_view.rename", label=_l("Rename a view"), schema=Rename, may=author_only("owner_id"), load=record(ListView)
)
def rename(ctx: Context, view: ListView, data: dict[str, Any]) -> Effect:
    """Give a view another name."""
    before, view.name = view.name, data["name"]
    view.ver += 1
    return Effect(ver=view.ver, before={"name": before}, after={"name": view.name})


@command(
    "list_view.delete", label=_l("Delete a view"), schema=Delete, may=author_only("owner_id"), load=record(ListView)
)
def delete(ctx: Context, view: ListView, data: dict[str, Any]) -> Effect:
    """Delete a view; who had opened it keeps the address it led to."""
    before = {"list_name": view.list_name, "name": view.name, "shared_with": view.shared_with}
    ver = view.ver + 1
    ctx.session.delete(view)
    return Effect(ver=ver, before=before)
