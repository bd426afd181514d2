"""Every way the product says no: a code `noun.problem` for machines and words for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Problems = Mapping[str, list[Any]]


class AppError(Exception):
    """Base of all refusals. `code` is `noun.problem`; `words` a translatable sentence for the user."""

    status = 500
    permanent = True

    def __init__(self, code: str, words: Any = "", problems: Problems | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.words = words
        self.problems: dict[str, list[Any]] = dict(problems or {})


class Invalid(AppError):
    """What was sent cannot be accepted as it is; `problems` names the fields."""

    status = 422

    @classmethod
    def field(cls, name: str, words: Any, code: str = "field.invalid") -> Invalid:
        """One problem at one field."""
        return cls(code, words, {name: [words]})


class BadRequest(AppError):
    """An address, or the name of a form field, that no link or form of ours ever has."""

    status = 400


class NotAllowed(AppError):
    """The person may not do this to this record."""

    status = 403


class NotFound(AppError):
    """There is no such record, or none this person may know of."""

    status = 404


class Conflict(AppError):
    """Legal once, but not from the present state; `current` is what holds now."""

    status = 409

    def __init__(self, code: str, words: Any = "", current: dict[str, Any] | None = None) -> None:
        super().__init__(code, words)
        self.current = current or {}
