"""The columns of a record that one person makes, for models of features; `records.create` fills them in."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from fieldapp.platform.database import Moment


class OwnedRecord:
    """Mixin: id from the phone, author, group, state, version, when it was written and when it arrived."""

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("user.id"), index=True)
    group_id: Mapped[int | None] = mapped_column(ForeignKey("group.id"), index=True)
    state: Mapped[str] = mapped_column(String(20))
    ver: Mapped[int]
    written_at: Mapped[datetime] = mapped_column(Moment)
    received_at: Mapped[datetime] = mapped_column(Moment)
