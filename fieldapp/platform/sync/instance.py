"""Id and epoch of this installation, read once per process."""

from __future__ import annotations

from flask import current_app
from sqlalchemy.exc import IntegrityError

from fieldapp.kernel import ids
from fieldapp.platform.commandbus import writing
from fieldapp.platform.extensions import AppValue, db
from fieldapp.platform.sync.models import Instance

_INSTANCE: AppValue[dict[str, str]] = AppValue("instance")


def instance() -> dict[str, str]:
    """Return `id` and `epoch` of this installation. The first call inserts them; all workers share them."""
    if not _INSTANCE.is_set():
        row = db.session.get(Instance, 1) or _create_instance()
        _INSTANCE.set(current_app, {"id": row.name, "epoch": row.epoch})
    return _INSTANCE()


def _create_instance() -> Instance:
    row = Instance(id=1, name=str(ids.uuid7()), epoch=str(ids.uuid7()))
    try:
        with writing() as session:
            session.add(row)
    except IntegrityError:
        # Another worker inserted the row first.
        return db.session.get_one(Instance, 1)
    return row
