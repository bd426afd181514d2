"""Imports of rescue files."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from fieldapp.platform.database import Moment
from fieldapp.platform.extensions import Model


class RescueImport(Model):
    """One import of one rescue file: what was in it, who imported it and when.

    `contents` lists the records and photos of the file. `outcomes` counts the records by outcome once all were
    decided; it is empty where the import broke off and for imports made before these counts were kept.
    """

    __tablename__ = "rescue_import"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    file: Mapped[str] = mapped_column(String(64))
    imported_by: Mapped[int] = mapped_column(ForeignKey("user.id"))
    at: Mapped[datetime] = mapped_column(Moment)
    record_count: Mapped[int] = mapped_column(Integer)
    contents: Mapped[dict[str, Any]] = mapped_column(JSON)
    outcomes: Mapped[dict[str, int] | None] = mapped_column(JSON(none_as_null=True))

    __table_args__ = (Index("ix_rescue_import_at", "at", "id"),)
