"""Reading saved views, and checking them against what their list knows today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

from flask_babel import gettext
from sqlalchemy import or_, select

from fieldapp.kernel.actor import Actor
from fieldapp.platform.extensions import reading
from fieldapp.platform.web.lists import ListDef
from fieldapp.services.accounts import ROLE_NAMES, group_names, name_by
from fieldapp.services.lists.models import ListView
from fieldapp.services.lists.policy import ME, audiences

#: Parameters that say where a page stands, not what it shows.
OF_PLACE = frozenset({"after", "sent", "scope"})
#: So many views are offered for a list.
MOST = 30


@dataclass
class Parameters:
    """Parameters of an address, sorted by what they are; `unknown` are `name=value` that the list cannot apply."""

    filters: dict[str, str] = field(default_factory=dict)
    columns: list[str] = field(default_factory=list)
    sort: str = ""
    unknown: list[str] = field(default_factory=list)


def parameters_in(declared: ListDef, actor: Actor, query: str) -> Parameters:
    """Sort the parameters of an address."""
    # Surplus fields are ignored: an address of the app has a handful.
    given = dict(parse_qsl("&".join(query.split("&")[:50])))
    filters = {name: value for name, value in given.items() if name not in OF_PLACE | {"sort", "cols"}}
    columns = [key for key in given.get("cols", "").split(",") if key]
    return check(declared, actor, filters, columns, given.get("sort", ""))


def check(declared: ListDef, actor: Actor, filters: Mapping[str, str], columns: Sequence[str], sort: str) -> Parameters:
    """Sort filters, columns and order into what the list knows for this person and what it does not."""
    known = {one.name: one for one in declared.filters(actor)}
    shown = {col.key for col in declared.shown(actor)}
    asked = Parameters()
    for name, value in filters.items():
        if name in known and known[name].read(value) is not None:
            asked.filters[name] = value
        else:
            asked.unknown.append(f"{name}={value}")
    for key in columns:
        if key in shown:
            asked.columns.append(key)
        else:
            asked.unknown.append(f"cols={key}")
    if sort in {one.name for one in declared.sorts}:
        asked.sort = sort
    elif sort:
        asked.unknown.append(f"sort={sort}")
    return asked


def address(declared: ListDef, asked: Parameters) -> str:
    """Return the page that shows what was asked for."""
    parameters = {**asked.filters, "sort": asked.sort, "cols": ",".join(asked.columns)}
    kept = {name: value for name, value in parameters.items() if value}
    return f"{declared.address}?{urlencode(kept)}" if kept else declared.address


class ViewLine(NamedTuple):
    """A view as it is offered."""

    id: str
    name: str
    owner: str
    shared_with: str
    is_own: bool


def views_of(declared: ListDef, actor: Actor) -> list[ViewLine]:
    """Return the views that a person is offered for a list: their own, then shared ones; one query."""
    shared = ListView.shared_with.in_([one for one in audiences(actor) if one != ME])
    query: Any = (
        select(
            ListView.id,
            ListView.name,
            ListView.owner_id,
            ListView.shared_with,
            name_by(ListView.owner_id).label("owner"),
        )
        .where(ListView.list_name == declared.name, or_(ListView.owner_id == actor.id, shared))
        .order_by((ListView.owner_id != actor.id), ListView.name, ListView.id)
        .limit(MOST)
    )
    return [
        ViewLine(row.id, row.name, row.owner, row.shared_with, row.owner_id == actor.id)
        for row in reading().execute(query)
    ]


def audience_choices(actor: Actor) -> list[tuple[str, str]]:
    """Return with whom the person may share a view, in words."""
    groups = group_names()
    return [(one, audience_words(one, groups)) for one in audiences(actor)]


def audience_words(shared_with: str, groups: Mapping[int, str]) -> str:
    """Return with whom a view is shared, in words."""
    kind, _, which = shared_with.partition(":")
    if kind == "group":
        return groups.get(int(which), which)
    return str(ROLE_NAMES.get(which, which)) if kind == "role" else gettext("Only me")
