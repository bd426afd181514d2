"""Lists as files: XLSX and CSV with the same values in the same columns."""

from __future__ import annotations

import csv
import io
import re
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import IO, Any

import xlsxwriter

from fieldapp.kernel import clock
from fieldapp.platform.web.lists.declared import BATCH, Cell, Col

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

#: Characters that make a spreadsheet take a cell for a formula, also where they are written full-width.
FORMULA = frozenset("=+-@\t\r")

#: From here on a spreadsheet shows digits as a rounded number.
LONG_DIGITS = 12
#: What a spreadsheet would read as a number in E-notation.
SCIENTIFIC = re.compile(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+")

BOM = "\ufeff"

#: Categories of characters that take no room: control, format, unassigned, private, marks.
UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Mn", "Me"})


def headings(columns: Sequence[Col]) -> list[str]:
    """Return the names of columns, in the language of who downloads."""
    return [str(col.label) for col in columns]


def cells(columns: Sequence[Col], row: Any) -> list[Cell]:
    """Return one row as the cells below the headings."""
    return [col.cell(row) for col in columns]


# -- CSV ---------------------------------------------------------------------------------------------------------


def as_csv(columns: Sequence[Col], rows: Iterable[Any], batch: int = BATCH) -> Iterator[bytes]:
    """Yield UTF-8 with a mark that tells Excel so, CRLF, one heading line; in pieces, never the whole in memory."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    buffer.write(BOM)
    writer.writerow(headings(columns))
    for number, row in enumerate(rows, start=1):
        writer.writerow([plain(cell) for cell in cells(columns, row)])
        if number % batch == 0:
            yield _taken(buffer)
    yield _taken(buffer)


def _taken(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode()


def is_formula(text: str) -> bool:
    """Return whether a spreadsheet may take the text for a formula: by its first visible sign, in any width.

    Signs that nobody sees (zero-width, marks of direction, other control characters) and spaces in front do not count.
    """
    for sign in text:
        if sign in FORMULA or unicodedata.normalize("NFKC", sign)[:1] in FORMULA:
            return True
        if not sign.isspace() and unicodedata.category(sign) not in UNSEEN:
            return False
    return False


def plain(cell: Cell) -> str:
    """Return a cell as text. What a person typed can never become a formula, and long numbers keep their digits."""
    if cell is None:
        return ""
    if not isinstance(cell, str):
        # A day as `2026-11-30`, an instant as `2026-11-30 09:05:00`.
        return str(cell)
    if is_formula(cell):
        return f"'{cell}"
    if SCIENTIFIC.fullmatch(cell) or (cell.isdecimal() and (len(cell) >= LONG_DIGITS or cell.startswith("0"))):
        return f"\t{cell}"
    return cell


# -- XLSX --------------------------------------------------------------------------------------------------------


class Workbook:
    """A workbook that is written row by row to a file on disk. The same rows made again are the same bytes.

    `line` stands in the first line of every sheet; `stamp` dates the file, since "now" would make each one another.
    """

    def __init__(self, made_by: str, line: str, stamp: datetime | None) -> None:
        self.line = line
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - the answer sends and closes it
        texts = dict.fromkeys(("strings_to_formulas", "strings_to_urls", "strings_to_numbers"), False)
        self._book = xlsxwriter.Workbook(self._file, {"constant_memory": True, **texts})
        created = (stamp or datetime(2000, 1, 1, tzinfo=clock.BUSINESS_ZONE)).replace(tzinfo=None)
        self._book.set_properties({"author": made_by, "created": created})
        add = self._book.add_format
        self._head = add({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        self._money = add({"num_format": "#,##0.00"})
        self._bold_money = add({"num_format": "#,##0.00", "bold": True, "top": 1})
        self._bold = add({"bold": True, "top": 1})
        self._day = add({"num_format": "yyyy-mm-dd"})
        self._moment = add({"num_format": "yyyy-mm-dd hh:mm"})

    def sheet(self, name: str, titles: Sequence[str], widths: Sequence[int]) -> Sheet:
        """Add a sheet with the workbook's line first and frozen headings below it."""
        sheet = self._book.add_worksheet(name)
        for column, width in enumerate(widths):
            sheet.set_column(column, column, width)
        sheet.write_string(0, 0, self.line)
        for column, words in enumerate(titles):
            sheet.write_string(1, column, words, self._head)
        sheet.freeze_panes(2, 2)
        return Sheet(self, sheet, len(titles))

    def list_sheet(self, name: str, columns: Sequence[Col]) -> Sheet:
        """Add a sheet for the rows of a list."""
        return self.sheet(name, headings(columns), [col.width for col in columns])

    def close(self) -> IO[bytes]:
        """Finish the file and return it, to be read from its start."""
        self._book.close()
        self._file.seek(0)
        return self._file

    def write(self, sheet: Any, line: int, row: Sequence[Cell], bold: bool) -> None:
        """Write one row. Text is never a formula, whatever it looks like."""
        words, figures = (self._bold, self._bold_money) if bold else (None, self._money)
        for column, cell in enumerate(row):
            if isinstance(cell, str):
                if cell:
                    sheet.write_string(line, column, cell, words)
            elif isinstance(cell, Decimal):
                sheet.write_number(line, column, float(cell), figures)
            elif isinstance(cell, int):
                sheet.write_number(line, column, cell, words)
            elif cell is not None:
                looks = self._moment if isinstance(cell, datetime) else self._day
                sheet.write_datetime(line, column, cell, looks)


class Sheet:
    """A sheet that takes one row after another."""

    def __init__(self, book: Workbook, sheet: Any, width: int) -> None:
        self._book, self._sheet, self._width = book, sheet, width
        self._next = 2

    def add(self, row: Sequence[Cell], *, bold: bool = False) -> None:
        """Write the next row."""
        self._book.write(self._sheet, self._next, row, bold)
        self._next += 1

    def filter_by_columns(self) -> None:
        """Let the reader filter the rows by each column."""
        self._sheet.autofilter(1, 0, max(self._next - 1, 1), self._width - 1)


def as_xlsx(title: str, columns: Sequence[Col], rows: Iterable[Any], book: Workbook) -> IO[bytes]:
    """Write a list as the only sheet of a workbook."""
    sheet = book.list_sheet(title[:31], columns)
    for row in rows:
        sheet.add(cells(columns, row))
    sheet.filter_by_columns()
    return book.close()
