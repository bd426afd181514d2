"""How a refusal is put into words, and which errors are the server's own trouble."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext
from sqlalchemy.exc import DBAPIError

from fieldapp.errors import AppError


def flat(messages: dict[Any, Any], path: str = "") -> dict[str, list[Any]]:
    """marshmallow's nested messages under dotted names, as the form fields are called (`lines.0.qty`)."""
    found: dict[str, list[Any]] = {}
    for key, value in messages.items():
        name = "_" if key == "_schema" and not path else path.rstrip(".") if key == "_schema" else f"{path}{key}"
        if isinstance(value, dict):
            found |= flat(value, f"{name}.")
        else:
            # A lazy sentence is no list: marshmallow leaves it bare where it would wrap a string.
            found.setdefault(name, []).extend(value if isinstance(value, list) else [value])
    return found


def default_words(error: AppError) -> str:
    """What to say where a refusal has no words of its own."""
    if error.status == 404:
        return gettext("This record does not exist or is not yours to see.")
    return gettext("This cannot be done.")


def database_is_down(error: DBAPIError) -> bool:
    """Whether the database takes no writes at all: full, locked or read-only (failure mode 37)."""
    text = str(error.orig).lower()
    return any(sign in text for sign in ("disk is full", "disk i/o", "readonly", "read-only", "locked", "no space"))
