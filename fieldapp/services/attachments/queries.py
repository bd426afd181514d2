"""Which files a record has, how many of them have arrived, and which are missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, case, func, or_, select, tuple_

from fieldapp.kernel.actor import Actor
from fieldapp.platform.commandbus.models import Attachment, Receipt
from fieldapp.platform.extensions import db
from fieldapp.platform.web.lists import Page, list_page
from fieldapp.services.accounts import members_of, name_by

#: A record names them and people cannot see them (failure modes 63, 64).
MISSING = ("expected", "partial", "lost", "refused")

#: Kind of the record that brings a photo taken again.
AGAIN = "attachment.add"

_ROW: tuple[Any, ...] = (
    Attachment.created_at,
    Attachment.id,
    Attachment.state,
    Attachment.user_id,
    Attachment.agg_type,
    Attachment.agg_id,
    Attachment.received,
    Attachment.size,
    Receipt.kind,
    Receipt.ref,
    Receipt.dev,
    Receipt.seq,
    Receipt.device_at,
)


def files_of(kind: str, ids: Sequence[str]) -> dict[str, list[Attachment]]:
    """The attachments of records of one type, by record id, in the order they were taken.

    One that was taken again is left out: the new one is there in its place.
    """
    if not ids:
        return {}
    query = (
        select(Attachment)
        .where(Attachment.agg_type == kind, Attachment.agg_id.in_(ids), Attachment.state != "replaced")
        .order_by(Attachment.id)
    )
    found: dict[str, list[Attachment]] = {}
    for row in db.session.scalars(query):
        found.setdefault(str(row.agg_id), []).append(row)
    return found


def progress_of(kind: str, ids: Sequence[str]) -> dict[str, tuple[int, int]]:
    """`(arrived, named)` by record id; a record without files has no entry."""
    if not ids:
        return {}
    arrived = func.sum(case((Attachment.state == "stored", 1), else_=0))
    query = (
        select(Attachment.agg_id, arrived, func.count())
        .where(Attachment.agg_type == kind, Attachment.agg_id.in_(ids), Attachment.state != "replaced")
        .group_by(Attachment.agg_id)
    )
    return {str(record): (int(there), int(named)) for record, there, named in db.session.execute(query)}


def missing_page(actor: Actor) -> Page:
    """One page of missing photos this person should know of, the longest missing first, with who took them."""
    query = (
        _concerning(actor, select(*_ROW, name_by(Attachment.user_id).label("who")))
        .join(Receipt, Receipt.op == Attachment.op)
        .where(Attachment.state.in_(MISSING))
    )
    return list_page(query, keys=_ROW[:2], descending=False)


def origins_of(records: Iterable[tuple[str, str]]) -> dict[tuple[str, str], tuple[str, str | None, datetime]]:
    """`(kind, reference, written at)` of the first of each record's receipts that named a photo, by type and id.

    A photo that is taken again comes with a receipt of its own, which says nothing of the record.
    """
    wanted = set(records)
    if not wanted:
        return {}
    query = (
        select(Attachment.agg_type, Attachment.agg_id, Receipt.kind, Receipt.ref, Receipt.device_at)
        .join(Receipt, Receipt.op == Attachment.op)
        .where(tuple_(Attachment.agg_type, Attachment.agg_id).in_(wanted), Receipt.kind != AGAIN)
        .order_by(Receipt.received_at.desc(), Receipt.op.desc())
    )
    return {(str(kind), str(record)): (name, ref, at) for kind, record, name, ref, at in db.session.execute(query)}


def newest_missing(actor: Actor) -> list[tuple[str, str, bool]]:
    """`(id, state, own)` of the newest missing photos, at most 20: what the phone's copies of the pages depend on."""
    columns: tuple[Any, ...] = (Attachment.id, Attachment.state, Attachment.user_id)
    query = (
        _concerning(actor, select(*columns))
        .where(Attachment.state.in_(MISSING), Attachment.op.is_not(None))
        .order_by(Attachment.created_at.desc(), Attachment.id.desc())
        .limit(20)
    )
    return [(one, state, user == actor.id) for one, state, user in db.session.execute(query)]


def _concerning(actor: Actor, query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """Own ones; a leader also those of the people in the groups led."""
    own = Attachment.user_id == actor.id
    if not actor.leads:
        return query.where(own)
    return query.where(or_(own, Attachment.user_id.in_(members_of(actor.leads))))
