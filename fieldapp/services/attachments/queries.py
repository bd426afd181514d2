"""Queries for the files of records: which exist, which arrived, which are missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, case, func, or_, select, tuple_

from fieldapp.kernel import clock
from fieldapp.kernel.actor import Actor
from fieldapp.platform.commandbus.models import Attachment, Receipt
from fieldapp.platform.extensions import db
from fieldapp.platform.web.lists import Page, list_page
from fieldapp.services.accounts import members_of, name_by

#: States of files that a record names but nobody can see (failure modes 63, 64).
MISSING = ("expected", "partial", "lost", "refused")

#: Command that adds a photo in place of a missing one.
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
    """Return the attachments of records of one type, by record id, in the order they were taken.

    Replaced photos are left out.
    """
    if not ids:
        return {}
    query = (
        select(Attachment)
        .where(Attachment.agg_type == kind, Attachment.agg_id.in_(ids), Attachment.state != "replaced")
        .order_by(Attachment.id)
    )
    files: dict[str, list[Attachment]] = {}
    for row in db.session.scalars(query):
        files.setdefault(str(row.agg_id), []).append(row)
    return files


def progress_of(kind: str, ids: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Return `(arrived, named)` counts by record id; a record without files has no entry."""
    if not ids:
        return {}
    arrived = func.sum(case((Attachment.state == "stored", 1), else_=0))
    query = (
        select(Attachment.agg_id, arrived, func.count())
        .where(Attachment.agg_type == kind, Attachment.agg_id.in_(ids), Attachment.state != "replaced")
        .group_by(Attachment.agg_id)
    )
    return {str(record): (int(arrived_count), int(named)) for record, arrived_count, named in db.session.execute(query)}


def missing_page(actor: Actor) -> Page:
    """Return a page of missing photos that concern this person, the longest missing first, with the author."""
    query = (
        _concerning(actor, select(*_ROW, name_by(Attachment.user_id).label("who")))
        .join(Receipt, Receipt.op == Attachment.op)
        .where(Attachment.state.in_(MISSING))
    )
    return list_page(query, keys=_ROW[:2], descending=False)


def origins_of(records: Iterable[tuple[str, str]]) -> dict[tuple[str, str], tuple[str, str | None, datetime]]:
    """Return `(kind, reference, written at)` of each record's first receipt that named a photo, by type and id.

    The receipt of a photo that was taken again is left out: it says nothing about the record.
    """
    keys = set(records)
    if not keys:
        return {}
    query = (
        select(Attachment.agg_type, Attachment.agg_id, Receipt.kind, Receipt.ref, Receipt.device_at)
        .join(Receipt, Receipt.op == Attachment.op)
        .where(tuple_(Attachment.agg_type, Attachment.agg_id).in_(keys), Receipt.kind != AGAIN)
        .order_by(Receipt.received_at.desc(), Receipt.op.desc())
    )
    return {(str(kind), str(record)): (name, ref, at) for kind, record, name, ref, at in db.session.execute(query)}


def newest_missing(actor: Actor) -> list[tuple[str, str, bool]]:
    """Return `(id, state, own)` of the newest missing photos, at most 20. Offline copies of pages depend on them."""
    columns: tuple[Any, ...] = (Attachment.id, Attachment.state, Attachment.user_id)
    query = (
        _concerning(actor, select(*columns))
        .where(Attachment.state.in_(MISSING), Attachment.op.is_not(None))
        .order_by(Attachment.created_at.desc(), Attachment.id.desc())
        .limit(20)
    )
    return [(id_, state, user == actor.id) for id_, state, user in db.session.execute(query)]


def _concerning(actor: Actor, query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """Narrow to the person's own files; for a leader also to those of members of the groups led."""
    own = Attachment.user_id == actor.id
    if not actor.leads:
        return query.where(own)
    return query.where(or_(own, Attachment.user_id.in_(members_of(actor.leads, on=clock.today()))))
