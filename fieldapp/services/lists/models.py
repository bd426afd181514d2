"""Views of lists that people save, and share."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from fieldapp.platform.database import Moment
from fieldapp.platform.extensions import Model


class ListView(Model):
    """Filters, columns and order of a list under a name. `shared_with`: `me`, `group:<id>` or `role:<name>`.

    A view gives nobody a row: whoever opens it sees what the list shows them.
    """

    __tablename__ = "list_view"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    list_name: Mapped[str] = mapped_column(String(40))
    owner_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    name: Mapped[str] = mapped_column(String(60))
    filters: Mapped[dict[str, str]] = mapped_column(JSON)
    columns: Mapped[list[str]] = mapped_column(JSON)
    sort: Mapped[str] = mapped_column(String(40), default="")
    shared_with: Mapped[str] = mapped_column(String(60), default="me")
    ver: Mapped[int] = mapped_column(Integer, default=1)
    created_at: Mapped[datetime] = mapped_column(Moment)

    __table_args__ = (
        Index("ix_list_view_list", "list_name", "owner_id"),
        Index("ix_list_view_shared", "list_name", "shared_with"),
    )
