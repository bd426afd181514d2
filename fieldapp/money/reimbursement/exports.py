"""The list as files: XLSX and CSV with the same figures to the fen (D-EXP-6)."""

from __future__ import annotations

import csv
import io
import re
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import IO, Any

import xlsxwriter
from flask_babel import gettext

from fieldapp.kernel import clock
from fieldapp.money.expenses import CLAIM_WORDS, KIND_WORDS, warning_words
from fieldapp.money.reimbursement.queries import Summary

#: Characters that make a spreadsheet take a cell for a formula, also where they are written full-width.
FORMULA = frozenset("=+-@\t\r")

#: From here on a spreadsheet shows digits as a rounded number.
LONG_DIGITS = 12
#: What a spreadsheet would read as a number in E-notation.
SCIENTIFIC = re.compile(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+")

BOM = "\ufeff"

#: Categories of characters that take no room: control, format, unassigned, private, marks.
UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Mn", "Me"})


@dataclass(frozen=True)
class Names:
    """What ids are called."""

    people: dict[int, str]
    groups: dict[int, str]


def headings() -> list[str]:
    """The columns of every item, in the language of who downloads."""
    return [
        gettext("Claim number"),
        gettext("Person"),
        gettext("Group"),
        gettext("Day"),
        gettext("Kind"),
        gettext("Claimed"),
        gettext("Allowed"),
        gettext("Reason for the cut"),
        gettext("Job number"),
        gettext("Note"),
        gettext("Fapiao code"),
        gettext("Fapiao number"),
        gettext("Amount on the fapiao"),
        gettext("Receipts"),
        gettext("Remarks"),
        gettext("State"),
        gettext("Approved on"),
    ]


Cell = str | Decimal | int | date | None


def cells(row: Any, names: Names) -> list[Cell]:
    """One row of the query as the cells below the headings."""
    (_, _, number, owner, group, state, approved, day, kind, amount, allowed, cut, job, note, *rest) = row
    code, fapiao, fapiao_amount, receipts, warnings = rest
    return [
        number,
        names.people.get(owner, ""),
        names.groups.get(group, ""),
        day,
        str(KIND_WORDS[kind]),
        amount,
        allowed,
        cut or "",
        job or "",
        note,
        code,
        fapiao,
        fapiao_amount,
        receipts,
        " ".join(warning_words(warnings)),
        str(CLAIM_WORDS[state]),
        clock.local(approved).date() if approved else None,
    ]


# -- CSV ---------------------------------------------------------------------------------------------------------


def as_csv(rows: Iterable[Any], names: Names, batch: int = 500) -> Iterator[bytes]:
    """UTF-8 with a mark that tells Excel so, CRLF, one heading line; in pieces, never the whole in memory."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    buffer.write(BOM)
    writer.writerow(headings())
    for number, row in enumerate(rows, start=1):
        writer.writerow([plain(cell) for cell in cells(row, names)])
        if number % batch == 0:
            yield _taken(buffer)
    yield _taken(buffer)


def _taken(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode()


def is_formula(text: str) -> bool:
    """Whether a spreadsheet may take the text for a formula: by its first visible sign, in any width.

    Signs that nobody sees (zero-width, marks of direction, other control characters) and spaces in front do not count.
    """
    for sign in text:
        if sign in FORMULA or unicodedata.normalize("NFKC", sign)[:1] in FORMULA:
            return True
        if not sign.isspace() and unicodedata.category(sign) not in UNSEEN:
            return False
    return False


def plain(cell: Cell) -> str:
    """A cell as text. What a person typed can never become a formula, and long numbers keep their digits."""
    if cell is None:
        return ""
    if isinstance(cell, date):
        return cell.isoformat()
    if not isinstance(cell, str):
        return str(cell)
    if is_formula(cell):
        return f"'{cell}"
    if SCIENTIFIC.fullmatch(cell) or (cell.isdecimal() and (len(cell) >= LONG_DIGITS or cell.startswith("0"))):
        return f"\t{cell}"
    return cell


# -- XLSX --------------------------------------------------------------------------------------------------------


def as_xlsx(rows: Iterable[Any], names: Names, sums: Summary, made_by: str, moment: datetime | None) -> IO[bytes]:
    """Three sheets: sums per person, every item, exceptions. Rows go to disk as they come."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the answer sends and closes it
    book = xlsxwriter.Workbook(
        file,
        {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False},
    )
    stamp = clock.local(moment) if moment else None
    # A fixed date: the same list made again is the same file.
    book.set_properties(
        {"author": made_by, "created": (stamp or datetime(2000, 1, 1, tzinfo=clock.BUSINESS_ZONE)).replace(tzinfo=None)}
    )
    line = gettext(
        "Made by %(who)s · latest claim or approval in this list: %(when)s",
        who=made_by,
        when=stamp.strftime("%Y-%m-%d %H:%M:%S") if stamp else "—",
    )
    sheets = _Sheets(book, line)
    sheets.summary(sums)
    sheets.items(rows, names)
    book.close()
    file.seek(0)
    return file


class _Sheets:
    """The workbook while it is being written."""

    WIDTHS = (16, 12, 12, 11, 16, 11, 11, 18, 14, 30, 14, 24, 11, 8, 40, 12, 11)

    def __init__(self, book: Any, line: str) -> None:
        self.book = book
        self.line = line
        self.head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        self.money = book.add_format({"num_format": "#,##0.00"})
        self.bold_money = book.add_format({"num_format": "#,##0.00", "bold": True, "top": 1})
        self.bold = book.add_format({"bold": True, "top": 1})
        self.day = book.add_format({"num_format": "yyyy-mm-dd"})

    def begin(self, name: str, columns: Sequence[str], widths: Sequence[int]) -> Any:
        """A sheet with who made it in the first line and frozen headings in the second."""
        sheet = self.book.add_worksheet(name)
        for column, width in enumerate(widths):
            sheet.set_column(column, column, width)
        sheet.write_string(0, 0, self.line)
        for column, words in enumerate(columns):
            sheet.write_string(1, column, words, self.head)
        sheet.freeze_panes(2, 2)
        return sheet

    def summary(self, sums: Summary) -> None:
        """Per person and kind."""
        kinds = [str(KIND_WORDS[kind]) for kind in sums.kinds]
        columns = [
            gettext("Person"),
            gettext("Group"),
            *kinds,
            gettext("Total"),
            gettext("Number of expenses"),
            gettext("Exceptions"),
        ]
        sheet = self.begin(gettext("Per person"), columns, [14, 14, *[12] * (len(kinds) + 3)])
        row = 2
        for one in sums.people:
            amounts = [one.kinds.get(kind) for kind in sums.kinds]
            self._line(sheet, row, [one.name, one.group, *amounts, one.total, one.items, one.exceptions])
            row += 1
        amounts = [sums.of_kind(kind) for kind in sums.kinds]
        last = [gettext("Total"), "", *amounts, sums.total, sums.items, sums.exceptions]
        self._line(sheet, row, last, self.bold, self.bold_money)

    def items(self, rows: Iterable[Any], names: Names) -> None:
        """Every item, and once more those with remarks or cuts; both in one pass over the rows."""
        sheet = self.begin(gettext("Every expense"), headings(), self.WIDTHS)
        exceptions = self.begin(gettext("Exceptions"), headings(), self.WIDTHS)
        at, odd = 2, 2
        for row in rows:
            made = cells(row, names)
            self._line(sheet, at, made)
            at += 1
            amount, allowed, remarks = made[5], made[6], made[14]
            if remarks or (allowed is not None and allowed != amount):
                self._line(exceptions, odd, made)
                odd += 1
        sheet.autofilter(1, 0, max(at - 1, 1), len(self.WIDTHS) - 1)

    def _line(self, sheet: Any, row: int, made: Sequence[Cell], words: Any = None, figures: Any = None) -> None:
        for column, cell in enumerate(made):
            if isinstance(cell, str):
                # write_string, whatever it looks like: text is never a formula.
                if cell:
                    sheet.write_string(row, column, cell, words)
            elif isinstance(cell, Decimal):
                sheet.write_number(row, column, float(cell), figures or self.money)
            elif isinstance(cell, int):
                sheet.write_number(row, column, cell, words)
            elif cell is not None:
                sheet.write_datetime(row, column, cell, self.day)
