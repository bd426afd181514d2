from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from fieldapp.platform.database import Moment
from fieldapp.platform.extensions import Model


class ToolCheck(Model):
    __tablename__ = "sample_tool_check"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    missing: Mapped[str] = mapped_column(String(200))
    checked_at: Mapped[datetime] = mapped_column(Moment)

    __table_args__ = (Index("ix_sample_tool_check", "owner_id", "checked_at"),)
