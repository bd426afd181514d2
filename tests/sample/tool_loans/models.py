from datetime import date

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from fieldapp.platform.commandbus import OwnedRecord
from fieldapp.platform.extensions import Model


class ToolLoan(OwnedRecord, Model):
    __tablename__ = "sample_tool_loan"

    what: Mapped[str] = mapped_column(String(200))
    until: Mapped[date]
