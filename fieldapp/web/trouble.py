"""The database or the disk takes nothing just now: recognised at one place, answered in words, with what was typed."""

from __future__ import annotations

import errno
import logging
from typing import Any

from flask import g, request
from flask_babel import gettext
from flask_login import AnonymousUserMixin, current_user
from sqlalchemy.exc import InterfaceError, OperationalError, PendingRollbackError

from fieldapp.kernel import ids

log = logging.getLogger(__name__)

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})


def is_storage_trouble(error: BaseException) -> bool:
    """A full, locked, read-only or unreachable database, or a full disk: nobody's fault, and it passes."""
    if isinstance(error, OperationalError | InterfaceError | PendingRollbackError):
        return True
    # Libraries that write files wrap what the system said.
    causes = (error, error.__cause__, *error.args)
    return any(isinstance(cause, OSError) and cause.errno in NO_ROOM for cause in causes)


def note(error: BaseException) -> None:
    """One line in the log, without what the statement carried."""
    log.error("nothing can be stored: %s", getattr(error, "orig", None) or error)


def words() -> list[str]:
    """What a person reads whose form was not saved."""
    said = [gettext("Nothing was saved: the server cannot store anything now. What you filled in is below.")]
    said.append(gettext("Please send it again in a few minutes. If it stays like this, tell your administrator."))
    if any(file.filename for file in request.files.values()):
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


def typed() -> dict[str, Any]:
    """What the form that was posted held: `fields` to post again, `texts` to read. Nothing where it held a password."""
    fields = list(request.form.items(multi=True))
    if any("password" in name for name, _ in fields):
        return {"fields": [], "texts": []}
    texts = [value for name, value in fields if not name.startswith("_") and value and not ids.is_uuid(value)]
    return {"fields": fields, "texts": texts}
