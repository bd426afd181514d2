"""Words of refusals, and which database errors mean that nothing can be written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import gettext
from marshmallow import ValidationError
from sqlalchemy.exc import DBAPIError

from fieldapp.errors import AppError, Conflict
from fieldapp.platform.commandbus.result import Result


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


def refuse(result: Result, outcome: str, code: str, problems: Mapping[str, Sequence[Any]]) -> None:
    """Make a result a refusal; texts are put into the language of the request."""
    result.outcome, result.code = outcome, code
    result.problems = {name: [str(text) for text in texts] for name, texts in problems.items()}


def refuse_with(result: Result, error: ValidationError | AppError) -> None:
    """Make a result the refusal that an error of a command says: `conflict` for a Conflict, else `rejected`."""
    if isinstance(error, ValidationError):
        refuse(result, "rejected", "record.invalid", flatten_messages(error.normalized_messages()))
        return
    outcome = "conflict" if isinstance(error, Conflict) else "rejected"
    refuse(result, outcome, error.code, error.problems or {"_": [error.words or default_message(error)]})
    if isinstance(error, Conflict):
        result.current = error.current
