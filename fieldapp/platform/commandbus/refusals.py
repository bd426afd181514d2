"""Words of refusals, and which database errors mean that nothing can be written."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext
from sqlalchemy.exc import DBAPIError

from fieldapp.errors import AppError


def flatten_messages(messages: dict[Any, Any], path: str = "") -> dict[str, list[Any]]:
    """Return marshmallow's nested messages by dotted field name (`lines.0.qty`)."""
    found: dict[str, list[Any]] = {}
    for key, value in messages.items():
        name = "_" if key == "_schema" and not path else path.rstrip(".") if key == "_schema" else f"{path}{key}"
        if isinstance(value, dict):
            found |= flatten_messages(value, f"{name}.")
        else:
            # marshmallow wraps a string in a list, but not a lazy string.
            found.setdefault(name, []).extend(value if isinstance(value, list) else [value])
    return found


def default_message(error: AppError) -> str:
    """Return the words for an error that has none."""
    if error.status == 404:
        return gettext("This record does not exist or is not yours to see.")
    return gettext("This cannot be done.")


def database_is_down(error: DBAPIError) -> bool:
    """Return whether the database takes no writes: full, locked or read-only (failure mode 37)."""
    text = str(error.orig).lower()
    return any(sign in text for sign in ("disk is full", "disk i/o", "readonly", "read-only", "locked", "no space"))
