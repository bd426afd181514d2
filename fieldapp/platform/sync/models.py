"""Identity of this installation."""

from __future__ import annotations

from sqlalchemy import Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from fieldapp.platform.extensions import Model


class Instance(Model):
    """Single row: id of the installation, and the epoch that a restore from a backup changes (failure mode 38)."""

    __tablename__ = "instance"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(36))
    epoch: Mapped[str] = mapped_column(String(36))
