"""The installation's name, read once."""

from __future__ import annotations

from flask import current_app
from sqlalchemy.exc import IntegrityError

from fieldapp.kernel import ids
from fieldapp.platform.commandbus import writing
from fieldapp.platform.extensions import AppValue, db
from fieldapp.platform.sync.models import Instance

_INSTANCE: AppValue[dict[str, str]] = AppValue("instance")


def instance() -> dict[str, str]:
    """`id` and `epoch` of this installation; made at first use, the same for all its workers."""
    if not _INSTANCE.is_set():
        row = db.session.get(Instance, 1) or _made()
        _INSTANCE.set(current_app, {"id": row.name, "epoch": row.epoch})
    return _INSTANCE()


def _made() -> Instance:
    row = Instance(id=1, name=str(ids.uuid7()), epoch=str(ids.uuid7()))
    try:
        with writing() as session:
            session.add(row)
    except IntegrityError:
        # Another worker was first; its row is the one.
        return db.session.get_one(Instance, 1)
    return row
