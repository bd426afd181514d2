"""The installation's name, read once."""

from __future__ import annotations

from flask import current_app
from sqlalchemy.exc import IntegrityError

from fieldapp.commandbus import writing
from fieldapp.extensions import db
from fieldapp.kernel import ids
from fieldapp.sync.models import Instance


def instance() -> dict[str, str]:
    """`id` and `epoch` of this installation; made at first use, the same for all its workers."""
    known: dict[str, str] | None = current_app.extensions.get("instance")
    if known is None:
        row = db.session.get(Instance, 1) or _made()
        known = current_app.extensions["instance"] = {"id": row.name, "epoch": row.epoch}
    return known


def _made() -> Instance:
    row = Instance(id=1, name=str(ids.uuid7()), epoch=str(ids.uuid7()))
    try:
        with writing() as session:
            session.add(row)
    except IntegrityError:
        # Another worker was first; its row is the one.
        return db.session.get_one(Instance, 1)
    return row
