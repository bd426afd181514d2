"""Erase the personal data of records from the command bus's own tables and from the audit log (D-AUD-4, ADR 38).

What was erased is listed in a file beside the secret key, without personal data: a restored backup of before is brought
to the same state by `repeat()`, before the first page is served.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from flask import current_app
from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from fieldapp.kernel import clock, ids
from fieldapp.platform import audit
from fieldapp.platform.audit import ERASE, ERASURE, erase_personal_parts, facts_of
from fieldapp.platform.commandbus.models import ActorRow, Notice, Quarantine, Receipt, Redirect
from fieldapp.platform.commandbus.result import FINAL
from fieldapp.platform.commandbus.transaction import writing
from fieldapp.platform.database import insert_ignoring
from fieldapp.platform.extensions import ExtensionPoint, db

#: Type and id of a record.
Record = tuple[str, str]

KEY_FILE, LIST_FILE = "erasure-key", "erasures.jsonl"
#: Code of the outcome of receipts that were not decided when they were erased, or came again after a restore.
ERASED = "record.erased"
#: Columns of an erased receipt that the list of erasures holds.
_LISTED = ("op", "user_id", "dev", "ep", "seq", "kind", "agg_type", "agg_id", "channel")


@dataclass
class Erasure:
    """One erasure: which records, and the operations about them."""

    id: str
    at: datetime
    by: int | None
    records: list[Record]
    receipts: list[dict[str, Any]] = field(default_factory=list)
    entries: list[int] = field(default_factory=list)

    @property
    def ops(self) -> set[str]:
        """Return the ids of the operations whose receipts are erased."""
        return {one["op"] for one in self.receipts}


#: Called for every erasure: blank the personal columns of one's own tables, return records that belong to it, too.
ERASERS: ExtensionPoint[Callable[[Session, Erasure], Iterable[Record]]] = ExtensionPoint("erasers")


def erase(records: Sequence[Record], by: int | None) -> Erasure:
    """Erase these records and what belongs to them, for good. Return what was done.

    The list of erasures is written before the commit: where the commit fails, the next start repeats it.
    """
    erasure = Erasure(str(ids.uuid7()), clock.now(), by, list(dict.fromkeys(records)))
    with writing() as session:
        _apply(session, erasure)
        _append_to_list(_data_folder() / LIST_FILE, erasure)
    _clean_up()
    return erasure


def repeat() -> int:
    """Apply the listed erasures that this database does not have, as after a restore. Return their number."""
    listed = list(_listed(_data_folder() / LIST_FILE))
    if not listed:
        return 0
    with db.engine.connect() as connection:
        done = audit.erasures(connection)
    missing = [one for one in listed if one.id not in done]
    for erasure in missing:
        with writing() as session:
            _apply(session, erasure)
    if missing:
        _clean_up()
    return len(missing)


def recognises(stored: str, digest: str) -> bool:
    """Return whether an erased receipt is about an envelope with the SHA-256 `digest`."""
    return hmac.compare_digest(stored, _mac(digest))


def merge_lists(source: Path, target: Path) -> None:
    """Add to the list in the folder `target` the erasures of the list in `source` that it does not have."""
    known = {one.id for one in _listed(target / LIST_FILE)}
    for one in _listed(source / LIST_FILE):
        if one.id not in known:
            _append_to_list(target / LIST_FILE, one)


# -- one erasure -----------------------------------------------------------------------------------------------------


def _apply(session: Session, erasure: Erasure) -> None:
    _add_what_belongs(session, erasure)
    _erase_receipts(session, erasure)
    _delete_copies(session, erasure)
    connection = session.connection()
    erasure.entries = erase_personal_parts(connection, erasure.records)
    after = {
        "entries": erasure.entries,
        "erased_records": [":".join(one) for one in erasure.records],
        "erased_receipts": sorted(erasure.ops),
    }
    by = erasure.by if session.get(ActorRow, erasure.by or 0) else None
    agg = (ERASURE, erasure.id)
    audit.append(connection, [audit.Entry(action=ERASE, agg=agg, actor_id=by, at=clock.now(), after=after)])


def _add_what_belongs(session: Session, erasure: Erasure) -> None:
    """Ask every feature until no record comes anew; earlier ids of merged records belong to it, too."""
    size = -1
    while size != len(erasure.records):
        size = len(erasure.records)
        _note_receipts(session, erasure)
        found = [record for eraser in ERASERS.all() for record in eraser(session, erasure)]
        old = select(Redirect.table, Redirect.from_id).where(Redirect.to_id.in_([one for _, one in erasure.records]))
        found += [(table, from_id) for table, from_id in session.execute(old)]
        erasure.records = list(dict.fromkeys([*erasure.records, *found]))
    session.flush()


def _note_receipts(session: Session, erasure: Erasure) -> None:
    columns = [getattr(Receipt, name) for name in _LISTED]
    known = erasure.ops
    for kind, record in erasure.records:
        query = select(*columns, Receipt.sha256, Receipt.erased_at, Receipt.device_at)
        for row in session.execute(query.where(Receipt.agg_type == kind, Receipt.agg_id == record)):
            if row.op not in known:
                mac = row.sha256 if row.erased_at else _mac(row.sha256)
                listed = {name: getattr(row, name) for name in _LISTED}
                erasure.receipts.append({**listed, "mac": mac, "device_at": clock.iso(row.device_at)})


def _erase_receipts(session: Session, erasure: Erasure) -> None:
    """Leave of each receipt the facts; insert receipts that this database does not have, as refused ones."""
    macs = {one["op"]: one["mac"] for one in erasure.receipts}
    present: set[str] = set()
    query = select(Receipt).where(Receipt.op.in_(list(macs))).with_for_update()
    for row in session.scalars(query.execution_options(populate_existing=True)):
        present.add(row.op)
        if row.erased_at is not None:
            continue
        row.body, row.sha256, row.erased_at = facts_body(row.body), macs[row.op], clock.now()
        code = row.detail.get("code") if row.outcome in FINAL else ERASED
        row.detail = {"code": code} if code else {}
        row.outcome = row.outcome if row.outcome in FINAL else "rejected"
    session.flush()
    actors = set(session.scalars(select(ActorRow.id)))
    missing = [one for one in erasure.receipts if one["op"] not in present and one["user_id"] in actors]
    if missing:
        connection = session.connection()
        connection.execute(insert_ignoring(connection, Receipt), [_refused_row(one) for one in missing])


def _refused_row(listed: dict[str, Any]) -> dict[str, Any]:
    """Return the receipt of an erased record that came after the backup: sent again, it is recognised and refused."""
    return {
        **{name: listed[name] for name in _LISTED},
        "sha256": listed["mac"],
        "outcome": "rejected",
        "detail": {"code": ERASED},
        "body": "",
        "device_at": clock.parse_iso(listed["device_at"]),
        "received_at": clock.now(),
        "erased_at": clock.now(),
        "author_inactive": False,
    }


def facts_body(body: str) -> str:
    """Return an envelope with the facts of its data alone."""
    try:
        envelope: dict[str, Any] = msgspec.json.decode(body)
        agg_type = envelope["agg"][0]
    except (ValueError, KeyError, TypeError, IndexError):
        return ""
    names = ("v", "op", "dev", "ep", "user", "seq", "kind", "schema", "agg", "at", "depends", "supersedes")
    kept = {name: envelope[name] for name in names if name in envelope}
    return audit.canonical({**kept, "data": facts_of(envelope.get("data"), envelope["kind"], agg_type)})


def _delete_copies(session: Session, erasure: Erasure) -> None:
    """Delete quarantined bytes and notices about the records."""
    record_ids = [one for _, one in erasure.records]
    named = [Quarantine.body.contains(one, autoescape=True) for one in record_ids]
    session.execute(delete(Quarantine).where(or_(Quarantine.op.in_(list(erasure.ops)), *named)))
    session.execute(delete(Notice).where(or_(*(Notice.url.contains(one, autoescape=True) for one in record_ids))))


def _clean_up() -> None:
    """Let SQLite overwrite what was deleted; PostgreSQL does so by itself, in its own time (docs/operations.md)."""
    db.session.remove()
    if db.engine.dialect.name != "sqlite":
        return
    connection = db.engine.raw_connection()
    try:
        driver: Any = connection.dbapi_connection
        driver.execute("VACUUM")
        driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        connection.close()


# -- beside the database ---------------------------------------------------------------------------------------------


def _data_folder() -> Path:
    return Path(current_app.config["DATA"])


def _mac(digest: str) -> str:
    return hmac.new(_key(), digest.encode(), hashlib.sha256).hexdigest()


def _key() -> bytes:
    """Return the key of erased receipts: random, made at first use, never in the database."""
    path = _data_folder() / KEY_FILE
    if not path.exists():
        # Written whole before it has its name: another process reads all of it or makes its own, and one of them wins.
        made = path.with_name(f"{KEY_FILE}.{secrets.token_hex(4)}")
        with open(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(made, path)
        made.unlink()
    key = bytes.fromhex(path.read_text().strip())
    if len(key) != 32:
        raise RuntimeError(f"{KEY_FILE} holds no key of 32 bytes")
    return key


def _append_to_list(path: Path, erasure: Erasure) -> None:
    line = {**asdict(erasure), "at": clock.iso(erasure.at)}
    # A line that a crash cut off must not swallow this one.
    cut = path.exists() and path.stat().st_size > 0 and not path.read_bytes().endswith(b"\n")
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a") as file:
        file.write(("\n" if cut else "") + json.dumps(line) + "\n")
        file.flush()
        os.fsync(file.fileno())


def _listed(path: Path) -> Iterator[Erasure]:
    """Yield the listed erasures, the oldest first; a line that was cut off by a crash is left out."""
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            one = json.loads(line)
        except ValueError:
            continue
        one["records"] = [(kind, record) for kind, record in one["records"]]
        yield Erasure(**{**one, "at": clock.parse_iso(one["at"])})
