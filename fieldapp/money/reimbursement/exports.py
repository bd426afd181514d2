"""The reimbursement list as a workbook: sums per person, every item, and what somebody should look at (D-EXP-6)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import IO, Any

from flask_babel import gettext

from fieldapp.kernel import clock
from fieldapp.money.expenses import KIND_WORDS
from fieldapp.money.reimbursement.lists import is_exception
from fieldapp.money.reimbursement.queries import Summary
from fieldapp.platform.web.lists import Col
from fieldapp.platform.web.lists.files import Workbook, cells


def as_xlsx(
    columns: Sequence[Col], rows: Iterable[Any], sums: Summary, made_by: str, moment: datetime | None
) -> IO[bytes]:
    """Write three sheets. Rows go to disk as they come."""
    stamp = clock.local(moment) if moment else None
    line = gettext(
        "Made by %(who)s · latest claim or approval in this list: %(when)s",
        who=made_by,
        when=stamp.strftime("%Y-%m-%d %H:%M:%S") if stamp else "—",
    )
    book = Workbook(made_by, line, stamp)
    _add_summary(book, sums)
    every = book.list_sheet(gettext("Every expense"), columns)
    exceptions = book.list_sheet(gettext("Exceptions"), columns)
    for row in rows:
        made = cells(columns, row)
        every.add(made)
        if is_exception(row):
            exceptions.add(made)
    every.filter_by_columns()
    return book.close()


def _add_summary(book: Workbook, sums: Summary) -> None:
    """Add the sheet with one line per person and a column per kind."""
    kinds = [str(KIND_WORDS[kind]) for kind in sums.kinds]
    names = [gettext("Total"), gettext("Number of expenses"), gettext("Exceptions")]
    titles = [gettext("Person"), gettext("Group"), *kinds, *names]
    sheet = book.sheet(gettext("Per person"), titles, [14, 14, *[12] * (len(kinds) + 3)])
    for one in sums.people:
        amounts = [one.kinds.get(kind) for kind in sums.kinds]
        sheet.add([one.name, one.group, *amounts, one.total, one.items, one.exceptions])
    amounts = [sums.of_kind(kind) for kind in sums.kinds]
    sheet.add([gettext("Total"), "", *amounts, sums.total, sums.items, sums.exceptions], bold=True)
