"""The audit log as it was written before revision 0020: hashes over plain contents."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import text

from fieldapp.kernel import clock
from fieldapp.platform.extensions import db

START = "0" * 64
NAMES = ("id", "op", "action", "agg_type", "agg_id", "user_id", "dev", "device_at", "at", "before", "after")
MOMENT = datetime(2026, 11, 29, 8, tzinfo=UTC)


def old_digest(previous: str, entry: dict[str, Any]) -> str:
    plain = [clock.iso(entry[k]) if k in {"device_at", "at"} and entry[k] else entry[k] for k in NAMES]
    return hashlib.sha256(msgspec.json.encode([previous, *plain], order="deterministic")).hexdigest()


def add_old_entries(entries: Sequence[dict[str, Any]]) -> str:
    """Insert entries of the old form with a valid chain and its head; return the hash of the last."""
    previous, rows = START, []
    given = {"op": None, "action": "x.y", "agg_type": "x", "agg_id": "x", "user_id": 1, "dev": None, "device_at": None}
    for number, one in enumerate(entries, start=1):
        entry = {**given, "id": number, "at": MOMENT, "before": None, "after": None, **one}
        digest = old_digest(previous, entry)
        sides = {
            side: None if entry[side] is None else msgspec.json.encode(entry[side]).decode() for side in NAMES[-2:]
        }
        rows.append({**entry, **sides, "previous": previous, "hash": digest, "at": moment_text()})
        previous = digest
    with db.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO audit_entry (id, op, action, agg_type, agg_id, user_id, at, before, after, previous, hash)"
                " VALUES (:id, :op, :action, :agg_type, :agg_id, :user_id, :at, :before, :after, :previous, :hash)"
            ),
            rows,
        )
        connection.execute(
            text("INSERT INTO audit_head VALUES (1, :last, :hash)"), {"last": len(rows), "hash": previous}
        )
    return previous


def moment_text() -> str:
    """SQLite holds an instant without its zone."""
    return "2026-11-29 08:00:00.000000+00:00"[: 26 if db.engine.dialect.name == "sqlite" else 32]
