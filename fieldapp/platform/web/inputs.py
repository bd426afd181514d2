"""The one place that reads what comes from outside: addresses, form fields, uploads, headers and cookies.

Everything is typed and bounded here. Signs that cannot be stored are refused before a route is reached where they stand
in an address or in the name of a form field, and at the field where somebody typed them (platform/web/fields.py).
The JSON of phones is read by fieldapp/platform/sync/inputs.py.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from datetime import date, datetime
from typing import TYPE_CHECKING

from flask import Flask, request
from flask_babel import gettext

from fieldapp.errors import BadRequest, NotFound
from fieldapp.kernel import clock, ids

if TYPE_CHECKING:
    from werkzeug.datastructures import FileStorage

#: The largest whole number of a column of each width.
MOST_SMALL, MOST_INTEGER, MOST_BIG = 2**15 - 1, 2**31 - 1, 2**63 - 1
#: The longest value of a query parameter, and how many an address may have.
MOST_TEXT, MOST_PARAMETERS = 1000, 1000
#: The longest text that is read as an instant.
MOST_INSTANT = 64
#: The longest name of a parameter or field.
MOST_NAME = 200

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_SPACE = re.compile(r"[\t\r\n]+")


def init_app(app: Flask) -> None:
    """Looks at every address before its route does."""
    app.before_request(check_address)


def check_address() -> None:
    """Raises BadRequest for control characters in path and query, NotFound for numbers that are no id of ours."""
    if any(isinstance(one, int) and one > MOST_INTEGER for one in (request.view_args or {}).values()):
        raise NotFound("page.not_found")
    given = request.args
    if not given and not _CONTROL.search(request.path):
        return
    bad = _CONTROL.search(request.path) or sum(map(len, given.listvalues())) > MOST_PARAMETERS
    if bad or any(not storable(name) or not storable(value) for name, value in given.items(multi=True)):
        words = gettext("This address holds characters that cannot be used. Open the page from the menu.")
        raise BadRequest("request.bad_address", words)


# -- text --------------------------------------------------------------------------------------------------------


def storable(text: str) -> bool:
    """Whether both databases can store it."""
    return not _CONTROL.search(text)


def kept(text: str, most: int) -> str:
    """Text that nobody typed, as it may be stored: without control characters, cut to `most`."""
    return _CONTROL.sub("", text[: most * 2])[:most]


def whole(text: str, *, low: int = 0, high: int = MOST_INTEGER) -> int | None:
    """A whole number between the two, or None for anything else."""
    if not re.fullmatch(r"-?[0-9]{1,19}", text):
        return None
    number = int(text)
    return number if low <= number <= high else None


def month(text: str) -> str | None:
    """A month `YYYY-MM` that a calendar has, or None."""
    try:
        clock.month_bounds(text)
    except ValueError:
        return None
    return text if len(text) == 7 and text.isascii() and 2000 <= int(text[:4]) < 2200 else None


def instant(text: str) -> datetime | None:
    """An instant that a clock of our time shows, or None."""
    try:
        found = clock.parse_iso(text) if len(text) <= MOST_INSTANT else None
    except (ValueError, OverflowError):
        return None
    return found if found and 1970 <= found.year < 9000 else None


def day(text: str) -> date | None:
    """A day `YYYY-MM-DD` that a calendar has, or None."""
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None


# -- addresses ---------------------------------------------------------------------------------------------------


def query(name: str, default: str = "", *, most: int = 100) -> str:
    """One query parameter as one line of text, cut to `most`."""
    return _SPACE.sub(" ", request.args.get(name, default)).strip()[:most]


def query_all(name: str, *, count: int, most: int = MOST_TEXT) -> list[str]:
    """The first `count` values of a query parameter that is given several times."""
    return [one for one in request.args.getlist(name)[:count] if len(one) <= most]


def query_choice(name: str, choices: Collection[str], default: str) -> str:
    """A query parameter that is one of the choices; anything else is the default."""
    said = request.args.get(name, default)
    return said if said in choices else default


def query_id(name: str) -> str:
    """A query parameter that is the id of a record, or nothing."""
    said = request.args.get(name, "")
    return said if ids.is_uuid(said) else ""


def sent() -> bool:
    """Whether the page is shown because a form was just taken in."""
    return request.args.get("sent") == "1"


# -- forms -------------------------------------------------------------------------------------------------------


def posted(name: str, default: str = "", *, most: int = 100) -> str:
    """One form field that is no field of a command, as one line without control characters, cut to `most`."""
    return _SPACE.sub(" ", kept(request.form.get(name, default), most))


def posted_secret(name: str, *, most: int = 1000) -> str:
    """A password, as it was typed."""
    return request.form.get(name, "")[:most]


def posted_json(name: str, *, most: int) -> str:
    """Return a form field whose text is JSON, not decoded, cut to `most` characters."""
    return request.form.get(name, "")[:most]


def posted_id(name: str) -> str:
    """A form field that is the id of a record, or nothing."""
    said = request.form.get(name, "")
    return said if ids.is_uuid(said) else ""


def posted_ids(name: str, *, count: int) -> list[str]:
    """The ids among the first `count` values of a form field."""
    return [one for one in request.form.getlist(name)[:count] if ids.is_uuid(one)]


def posted_number(name: str, *, high: int) -> int | None:
    """A form field that is a whole number from 1 to `high`, or None."""
    return whole(request.form.get(name, ""), low=1, high=high)


def posted_fields() -> Iterator[tuple[str, str]]:
    """Names and values as typed, for a command's schema to judge. Raises BadRequest for names that no form has."""
    for name, value in request.form.items(multi=True):
        if not storable(name):
            words = gettext("This form holds fields that cannot be read.")
            raise BadRequest("request.bad_field", words)
        if len(name) <= MOST_NAME:
            yield name, value


def uploads(name: str, *, count: int) -> list[FileStorage]:
    """The files chosen in a field, at most one more than `count`; one without a name was not chosen."""
    return [_named(file) for file in request.files.getlist(name)[: count + 1] if file.filename]


def any_upload() -> bool:
    """Whether any file was chosen in the form that was posted."""
    return any(file.filename for file in request.files.values())


def _named(file: FileStorage) -> FileStorage:
    file.filename = kept(file.filename or "", 1000)[-255:] or "file"
    return file


# -- headers and cookies -----------------------------------------------------------------------------------------


def header(name: str, most: int = 200) -> str:
    """A header, cut to `most`."""
    return kept(request.headers.get(name, ""), most)


def header_number(name: str, *, low: int = 0) -> int | None:
    """A header that is a whole number of at most 63 bits, or None."""
    return whole(request.headers.get(name, ""), low=low, high=MOST_BIG)


def htmx() -> tuple[str | None, str | None, str | None]:
    """What htmx says of its request: that it is one, for a whole page, for a page of the history."""
    asked = request.headers
    return asked.get("HX-Request"), asked.get("HX-Boosted"), asked.get("HX-History-Restore-Request")


def cookie(name: str, most: int = 100) -> str:
    """A cookie, cut to `most`."""
    return kept(request.cookies.get(name, ""), most)
