"""Who did something, in words: a person by name, the system by its word, a link or a token by its label."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext
from sqlalchemy import Select, func

from fieldapp.platform.commandbus.models import ActorRow


def with_actor(query: Select[Any], actor_id: Any) -> Select[Any]:
    """Add kind and name of the actor in the column `actor_id` as the last two columns; both empty for nobody."""
    # Accounts belong to a higher layer.
    person = ActorRow.metadata.tables["user"]
    return (
        query.outerjoin(ActorRow, ActorRow.id == actor_id)
        .outerjoin(person, person.c.id == actor_id)
        .add_columns(ActorRow.kind, func.coalesce(person.c.name, ActorRow.label))
    )


def actor_name(kind: str | None, name: str | None) -> str:
    """Return what a page calls an actor of this kind and name."""
    return gettext("the system") if kind == "system" else name or ""
