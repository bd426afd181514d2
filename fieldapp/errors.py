"""Exceptions with a code `noun.problem` for programs and a message for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Problems = Mapping[str, list[Any]]


class AppError(Exception):
    """Base class of refusals. `code` is `noun.problem`, `words` a translatable sentence for the user."""

    status = 500
    permanent = True

    def __init__(self, code: str, words: Any = "", problems: Problems | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.words = words
        self.problems: dict[str, list[Any]] = dict(problems or {})


class Invalid(AppError):
    """The input is invalid; `problems` holds messages by field."""

    status = 422

    @classmethod
    def field(cls, name: str, words: Any, code: str = "field.invalid") -> Invalid:
        """Return an error with one message for one field."""
        return cls(code, words, {name: [words]})


class BadRequest(AppError):
    """The address or a form field's name is one that no page of this application produces."""

    status = 400


class NotAllowed(AppError):
    """The person may not do this to this record."""

    status = 403


class NotFound(AppError):
    """The record does not exist, or the person may not see it."""

    status = 404


class Conflict(AppError):
    """The action is not possible in the record's current state, which `current` describes."""

    status = 409

    def __init__(self, code: str, words: Any = "", current: dict[str, Any] | None = None) -> None:
        super().__init__(code, words)
        self.current = current or {}
