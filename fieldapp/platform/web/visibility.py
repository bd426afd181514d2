"""Who may see the records of a type: one condition for lists, pages, files, search and exports (ADR 41)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, select

from fieldapp.errors import NotFound
from fieldapp.kernel.actor import Actor
from fieldapp.platform.extensions import db

Row = TypeVar("Row")


@dataclass(frozen=True)
class Visible(Generic[Row]):
    """`condition(actor)` is the SQL condition of the rows of `model` that a person may see; `verb` opens their page.

    `missing` is the code of NotFound where one is not there, or not for this person.
    """

    model: type[Row]
    verb: str
    condition: Callable[[Actor], ColumnElement[bool]]
    missing: str = "record.not_found"

    def rows(self, actor: Actor, query: Select[Any]) -> Select[Any]:
        """Return the query narrowed to what the person may see."""
        return query.where(self.condition(actor))

    def sees(self, actor: Actor, record_id: str) -> bool:
        """Return whether the person may see one record."""
        return actor.can(self.verb) and db.session.scalar(select(self._one(actor, record_id).exists())) is True

    def load(self, actor: Actor, record_id: str) -> Row:
        """Return one record for its page. Raise NotFound also if the person may not see it."""
        found: Row | None = db.session.scalar(self._one(actor, record_id))
        if found is None:
            raise NotFound(self.missing)
        return found

    def _one(self, actor: Actor, record_id: str) -> Select[Any]:
        model: Any = self.model
        return self.rows(actor, select(model).where(model.id == record_id))
