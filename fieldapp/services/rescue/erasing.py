"""Erase the titles of records in what is stored of rescue files (D-AUD-4)."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from fieldapp.platform.commandbus import Erasure
from fieldapp.services.rescue.models import RescueImport


def erase_titles(session: Session, erasure: Erasure) -> Iterator[tuple[str, str]]:
    """Blank the titles of erased records; yield the imports that held them, whose audit entries hold them, too."""
    ops = erasure.ops
    for row in session.scalars(select(RescueImport)) if ops else ():
        records = row.contents.get("records", [])
        if any(one.get("op") in ops for one in records):
            lines = [{**one, "title": ""} if one.get("op") in ops else one for one in records]
            row.contents = {**row.contents, "records": lines}
            yield "rescue", row.id
