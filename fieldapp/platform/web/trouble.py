"""The database or the disk takes nothing just now: recognised at one place, answered in words, with what was typed."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from tempfile import SpooledTemporaryFile
from typing import Any

from flask import Flask, g
from flask_babel import gettext
from flask_login import AnonymousUserMixin, current_user
from sqlalchemy.exc import InterfaceError, OperationalError, PendingRollbackError

from fieldapp.kernel import ids
from fieldapp.platform.extensions import INSTANCE_ID
from fieldapp.platform.web import inputs

log = logging.getLogger(__name__)

#: Seconds after which it is worth while to try again.
RETRY_AFTER_SECONDS = "60"
#: The longest text of a form that is shown again.
MOST_TYPED = 100_000
#: What PostgreSQL says of a write where it takes none, as a standby does.
READ_ONLY = "25006"
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})

_STORAGE = (OperationalError, InterfaceError, PendingRollbackError)
#: The same as the drivers name them, where a connection is opened past SQLAlchemy.
_RAW = {(driver, name) for driver in ("sqlite3", "psycopg") for name in ("OperationalError", "InterfaceError")}


def is_storage_trouble(error: BaseException) -> bool:
    """A full, locked, read-only or unreachable database, or a full disk: nobody's fault, and it passes."""
    if isinstance(error, _STORAGE):
        return True
    if any((one.__module__.partition(".")[0], one.__name__) in _RAW for one in type(error).__mro__):
        return True
    if getattr(getattr(error, "orig", None), "sqlstate", "") == READ_ONLY:
        return True
    # Libraries that write files wrap what the system said.
    causes = (error, error.__cause__, *error.args)
    return any(isinstance(cause, OSError) and cause.errno in NO_ROOM for cause in causes)


def note(error: BaseException) -> None:
    """One line in the log, without what the statement carried; this request's page is drawn with what can be read."""
    g.storage_trouble = True
    log.error("nothing can be stored: %s", getattr(error, "orig", None) or error)


def words(shown: bool = True) -> list[str]:
    """Return what a person reads whose form was not saved. `shown` says that what was typed stands on the page."""
    if shown:
        said = [
            gettext("Nothing was saved: the server cannot store anything now. What you filled in is below."),
            gettext("Please send it again in a few minutes. If it stays like this, tell your administrator."),
        ]
    else:
        said = [
            gettext("Nothing was saved: the server cannot store anything now."),
            gettext("Please try again in a few minutes. If it stays like this, tell your administrator."),
        ]
    if inputs.any_upload():
        said.append(gettext("Please choose the photos again."))
    return said


def without_person() -> None:
    """Lets a page be drawn where the person cannot be read."""
    try:
        current_user._get_current_object()
    except Exception as error:
        if not is_storage_trouble(error):
            raise
        g._login_user = AnonymousUserMixin()


def instance_id() -> str:
    """Return the id of this installation; "" on a page that tells of the trouble, where the id cannot be had either.

    The id is made when the database is migrated. One migrated by other means makes it at its first request. The client
    takes no page without an id for another installation: it goes on with the id that it knows.
    """
    try:
        return str(INSTANCE_ID()())
    except Exception as error:
        if "storage_trouble" not in g or not is_storage_trouble(error):
            raise
        return ""


def typed() -> dict[str, Any]:
    """Return what the form that was posted held: `fields` to post again, `texts` to read.

    Only of forms that become an envelope: passwords and the codes of links are in none of those (ADR 29).
    """
    if not inputs.posted_id("_op"):
        return {"fields": [], "texts": []}
    fields = [(name, inputs.kept(value, MOST_TYPED)) for name, value in inputs.posted_fields()]
    texts = [value for name, value in fields if not name.startswith("_") and value and not ids.is_uuid(value)]
    return {"fields": fields, "texts": texts}


class UploadedFile(SpooledTemporaryFile[bytes]):
    """A file of a form post. Where the disk has no room for it, only the file is lost: the fields are still read."""

    failed: OSError | None = None

    def write(self, data: Any) -> int:
        """Keeps the bytes, or notes that it cannot."""
        self._try(lambda: super(UploadedFile, self).write(data))
        return len(data)

    def seek(self, *place: int) -> int:
        """Moves, after what is still to be written was; notes where that cannot be."""
        return self._try(lambda: super(UploadedFile, self).seek(*place)) or 0

    def read(self, *size: int) -> bytes:
        """The bytes. Raises OSError where they could not be kept."""
        if self.failed is not None:
            raise self.failed
        return super().read(*size)

    def close(self) -> None:
        """Lets go of the file, whatever is left to be written."""
        self._try(super().close)

    def _try(self, act: Callable[[], Any]) -> Any:
        if self.failed is None:
            try:
                return act()
            except OSError as error:
                self.failed = error
        return None


class _FilesMayFail:
    """A request whose uploaded files may find no room without taking the form with them."""

    def _get_file_stream(self, *_: Any, **__: Any) -> Any:
        return UploadedFile(max_size=500 * 1024)


def init_app(app: Flask) -> None:
    """After every extension that sets a class of requests of its own."""
    app.request_class = type("Request", (_FilesMayFail, app.request_class), {})
