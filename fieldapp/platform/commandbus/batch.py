"""A batch of envelopes inside the transaction of `execute()`: what is read, decided and written of it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence, Set
from contextlib import nullcontext
from datetime import datetime
from typing import Any

from flask_babel import gettext
from marshmallow import ValidationError
from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from fieldapp.errors import AppError
from fieldapp.kernel import clock
from fieldapp.kernel.actor import Actor
from fieldapp.platform.audit import Entry, prepare_entries
from fieldapp.platform.commandbus import due_work, ledger
from fieldapp.platform.commandbus.authors import Authors
from fieldapp.platform.commandbus.channels import IMPORT, Channel
from fieldapp.platform.commandbus.command import COMMANDS, Command, Context, DeferredInserts
from fieldapp.platform.commandbus.envelope import BadEnvelope, Envelope, fingerprint, parse
from fieldapp.platform.commandbus.erasing import recognises
from fieldapp.platform.commandbus.faults import point
from fieldapp.platform.commandbus.field_changes import COMPARED, FieldKey, LastChange, changed_fields, storing
from fieldapp.platform.commandbus.field_merge import merge_fields
from fieldapp.platform.commandbus.files import expect_files, free_files
from fieldapp.platform.commandbus.ledger import Held, Sent
from fieldapp.platform.commandbus.models import Quarantine, Receipt
from fieldapp.platform.commandbus.phone_clocks import PhoneClocks
from fieldapp.platform.commandbus.quota import NoRoom, in_quarantine, not_stored_answer, room_left
from fieldapp.platform.commandbus.refusals import database_is_down, refuse, refuse_with
from fieldapp.platform.commandbus.result import FINAL, Result
from fieldapp.platform.commandbus.transaction import Transaction
from fieldapp.platform.commandbus.waiting import missing, supersede
from fieldapp.platform.database import insert_ignoring
from fieldapp.platform.database.statements import Asking, inserting, together
from fieldapp.platform.extensions import db, used_session

log = logging.getLogger(__name__)


class RetryWithSavepoints(Exception):
    """A record failed after its command began: repeat the batch with savepoints."""


class Batch:
    """The envelopes of one call of `execute()`, their results and what is to be written.

    With savepoints, receipts are inserted first, as `busy`, each record is decided in a savepoint, and its receipt is
    updated. That costs twice as much as the effects, and hardly any record fails. So the bulk path is tried first: no
    savepoints, inserts of commands deferred to one statement a table, receipts inserted with their outcomes. An error
    after a command began, or an id that is taken, raises RetryWithSavepoints before anything is committed (ADR 13).
    """

    connection: Connection

    def __init__(
        self,
        actor: Actor,
        channel: Channel,
        importer: int | None,
        use_savepoints: bool,
        signed_in: bool = True,
        not_stored: Mapping[str, Result] | None = None,
    ) -> None:
        self.actor = actor
        self.not_stored = not_stored or {}
        self.channel = channel
        self.receipt_defaults = {"channel": channel.name, "imported_by": importer, "author_inactive": not actor.active}
        self.use_savepoints = use_savepoints
        self.signed_in = signed_in and channel is not IMPORT
        self.running = False
        self.deferred_inserts: DeferredInserts | None = None if use_savepoints else {}
        self.now: datetime = clock.now()
        self.commands: dict[str, Command] = COMMANDS()
        self.read_results: list[Result] = []
        self.todo: list[Sent] = []
        self.quarantined: dict[str, dict[str, Any]] = {}
        self.decided: dict[str, Result] = {}
        self.audit_entries: list[Entry] = []
        self.field_changes: dict[FieldKey, LastChange] = {}
        self.accepted: set[str] = set()
        self.held: dict[str, Held] = {}
        self.clocks = PhoneClocks(channel, actor.id, self.now)
        self.authors = Authors(actor, channel, self.now)
        #: Principals of decisions made by a deputy, by operation.
        self.principals: dict[str, int | None] = {}
        self.scheduled: list[due_work.Due] = []

    # -- reading ---------------------------------------------------------------------------------------------

    def read(self, bodies: Sequence[str]) -> None:
        for body in bodies:
            digest = fingerprint(body)
            if digest in self.not_stored:
                self.read_results.append(self.not_stored[digest])
                continue
            try:
                envelope = parse(body, self.channel.op_version)
            except BadEnvelope as error:
                if self.channel.server_made:
                    raise RuntimeError(f"the server made a bad envelope: {error.reason}") from error
                words = gettext("This record is damaged and cannot be read: %(reason)s", reason=error.reason)
                self.read_results.append(
                    Result(error.op, digest, "rejected", problems={"_": [words]}, code="envelope.unreadable")
                )
                continue
            result = Result(envelope.op, digest, "busy")
            self.read_results.append(result)
            if envelope.user != self.actor.id:
                if self.channel.server_made:
                    raise RuntimeError("the server made an envelope for another actor")
                result.outcome = "wrong_user"
                self._quarantine(envelope.op, body, digest, "wrong_user")
            else:
                self.todo.append((envelope, body, result))
        if not self.use_savepoints and any(envelope.supersedes for envelope, _, _ in self.todo):
            # The superseded record may be in this batch; its receipt must exist.
            raise RetryWithSavepoints

    def _quarantine(self, op: str, body: str, digest: str, reason: str) -> None:
        self.quarantined[digest] = {
            "sha256": digest,
            "op": op,
            "sender_id": self.actor.id,
            "reason": reason,
            "body": body,
            "received_at": self.now,
        }

    # -- writing ---------------------------------------------------------------------------------------------

    def apply(self, under_way: Transaction) -> None:
        self.connection = under_way.connection
        sent: dict[str, Sent] = {}
        for one in self.todo:
            sent.setdefault(one[0].op, one)
        fresh: Set[str] = set()
        devs = {envelope.dev for envelope, _, _ in self.todo} if self.channel.from_phone else set()
        if self.use_savepoints:
            ledger.lock(self.connection, self.actor.id if self.channel.locks_author else None, self.todo)
            # Before the receipts, which store the corrected time.
            self.clocks.read(self.connection, devs)
            fresh = ledger.insert_first(self.connection, self._rows(sent, sent.keys()))
            point("inserted")
        turn = () if self.use_savepoints else self.todo
        asked = set() if self.use_savepoints else devs
        known, self.held, clocks = ledger.load_receipts(
            self.connection, sent.keys() - fresh, self.actor.id, turn, asked, self.channel.locks_author
        )
        self.clocks.learn(asked, clocks)
        if not self.use_savepoints:
            fresh = sent.keys() - known.keys()
        for envelope, body, result in self.todo:
            self._answer(envelope, body, result, self.decided.get(envelope.op) or known.get(envelope.op))
        point("applied")
        due_work.write_for_held(self.connection, self.held.keys() & fresh, self.now)
        self._keep_within_quota([one for op, one in sent.items() if op in fresh], fresh)
        anew = {op: result for op, result in self.decided.items() if self.use_savepoints or op not in fresh}
        ledger.update_outcomes(self.connection, anew, self.now)
        ledger.store_principals(self.connection, {op: self.principals.get(op) for op in anew})
        if self.quarantined:
            self.connection.execute(insert_ignoring(self.connection, Quarantine), list(self.quarantined.values()))
        receipts = [] if self.use_savepoints else self._rows(sent, fresh)
        under_way.last += self._finish(receipts)
        point("inserted")

    def _keep_within_quota(self, fresh: Sequence[Sent], ops: Set[str]) -> None:
        """Raise NoRoom if more records were refused or quarantined than may be stored of this person in a day."""
        results = [(self.decided.get(one[0].op, one[2]), one[1]) for one in fresh]
        refused = [(result, body) for result, body in results if result.outcome != "accepted"]
        if self.quarantined:
            known = in_quarantine(self.connection, self.quarantined.keys())
            refused += [
                (one, self.quarantined[one.sha256]["body"])
                for one in self.read_results
                if self._is_quarantined(one) and one.sha256 not in known
            ]
        if not self.channel.limits_refused or not refused:
            return
        if not self.todo:
            # No lock of the sender was taken for a batch of other people's records.
            ledger.lock(self.connection, self.actor.id, ())
        room = room_left(self.connection, self.actor.id, self.now, ops)
        answers = {
            result.sha256: not_stored_answer(result) for result, body in refused if not room.take(len(body.encode()))
        }
        if answers:
            log.warning("actor %s: %d refused records are not stored, too many in a day", self.actor.id, len(answers))
            raise NoRoom(answers)

    def _is_quarantined(self, result: Result) -> bool:
        return result.outcome in {"wrong_user", "id_reused"} and result.sha256 in self.quarantined

    def _finish(self, receipts: list[dict[str, Any]]) -> list[Asking[int]]:
        """Insert receipts and deferred rows; return the statements that append to the audit log."""
        waited = [ledger.complete(self.connection, receipts)] if receipts else []
        waited += self._deferred_statements()
        waited += storing(self.connection.dialect.name, self.field_changes)
        try:
            written, appending = prepare_entries(self.connection, self.audit_entries, waited)
        except IntegrityError as error:
            if self.use_savepoints:
                raise
            raise RetryWithSavepoints from error
        if receipts and written[0] < len(receipts):
            raise RetryWithSavepoints
        return appending

    def _rows(self, sent: dict[str, Sent], ops: Set[str]) -> list[dict[str, Any]]:
        """Return the rows of the receipts of these records, with their outcomes so far."""
        at, defaults = self.clocks.written, self.receipt_defaults
        chosen = [one for op, one in sent.items() if op in ops]
        results = [self.decided.get(one[0].op, one[2]) for one in chosen]
        return [
            ledger.row(one, result, self.now, defaults, at(self.connection, one[0]), self.principals.get(one[0].op))
            for one, result in zip(chosen, results, strict=True)
        ]

    def _answer(self, envelope: Envelope, body: str, result: Result, earlier: Result | None) -> None:
        if earlier is not None and earlier.erased and recognises(earlier.sha256, result.sha256):
            earlier.sha256 = result.sha256
        if earlier is not None and earlier.sha256 != result.sha256:
            result.outcome = "id_reused"
            words = gettext("This number was already used for another record.")
            result.problems = {"_": [words]}
            result.code = "envelope.id_reused"
            self._quarantine(envelope.op, body, result.sha256, "id_reused")
        elif earlier is not None and earlier.outcome in FINAL:
            result.__dict__.update(earlier.__dict__, replayed=True)
        else:
            self.process(envelope, body, result)

    def process(self, envelope: Envelope, body: str, result: Result) -> None:
        """Decide one envelope. On an error its bytes stay and the next envelopes are decided."""
        try:
            # Outside the savepoint: a refused correction still supersedes.
            self.running = False
            supersede(envelope, self.actor.id)
            self.held.pop(envelope.supersedes or "", None)
            with db.session.begin_nested() if self.use_savepoints else nullcontext():
                self._decide(envelope, result)
        except (ValidationError, AppError) as error:
            self._only_with_savepoints(error)
            refuse_with(result, error)
        except Exception as error:
            if isinstance(error, DBAPIError) and (error.connection_invalidated or database_is_down(error)):
                raise
            self.running = True
            self._only_with_savepoints(error)
            self._failed(envelope, result)
        session = used_session()
        if session is not None and session.identity_map:
            session.expunge_all()
        self.decided[envelope.op] = result
        if result.outcome == "held":
            self.held[envelope.op] = (envelope.seq, body, result.sha256, result.needs)
        else:
            self.held.pop(envelope.op, None)
        if result.outcome == "accepted":
            self.accepted.add(envelope.op)
            self._release(envelope.op)

    def _only_with_savepoints(self, error: Exception) -> None:
        """Raise RetryWithSavepoints on the bulk path: a command that failed may have written something."""
        if self.running and not self.use_savepoints:
            raise RetryWithSavepoints from error

    def _deferred_statements(self) -> list[Asking[int]]:
        return [inserting(table).writing(*rows) for table, rows in (self.deferred_inserts or {}).items()]

    def _write_deferred_inserts(self) -> None:
        """Execute the deferred inserts, one statement a table."""
        if not self.deferred_inserts:
            return
        try:
            together(self.connection, *self._deferred_statements())
        except IntegrityError as error:
            raise RetryWithSavepoints from error
        self.deferred_inserts.clear()

    def _failed(self, envelope: Envelope, result: Result) -> None:
        number = envelope.op[-12:]
        log.exception("command %s failed, number %s", envelope.kind, number)
        words = gettext("The server could not do this now. It will be tried again. Number %(number)s", number=number)
        refuse(result, "busy", "server.failed", {"_": [words]})

    def _decide(self, envelope: Envelope, result: Result) -> None:
        command = self.commands.get(envelope.kind)
        if command is None or not command.oldest <= envelope.schema <= command.version:
            words = gettext("The server does not know this kind of record yet.")
            refuse(result, "unsupported_schema", "command.unsupported", {"kind": [words]})
            return
        ctx = self._context(command, envelope)
        if self._turned_away(command, ctx.actor, envelope, result):
            return
        data = command.schema.load(command.lift(envelope.data, envelope.schema))
        if not command.reads_nothing_from_batch:
            self._write_deferred_inserts()
        record = command.load(ctx, data)
        if not command.may(ctx.actor, record):
            refuse(result, "rejected", "record.not_allowed", {"_": [gettext("You may not do this here.")]})
            return
        command.check_photos(envelope)
        files = free_files(envelope, self.actor)
        data = merge_fields(ctx, command, record, data, self.field_changes)
        self.running = True
        effect = command.run(ctx, record, data)
        expect_files(envelope, self.actor, files, self.now)
        self.scheduled += ctx.leave(self.connection)
        session = used_session()
        if session is not None:
            session.flush()
        result.outcome, result.ref, result.ver = "accepted", effect.ref, effect.ver
        result.problems, result.needs, result.code = {}, [], None
        result.current = {"note": str(effect.note)} if effect.note else None
        self.principals[envelope.op] = ctx.on_behalf_of
        self.audit_entries.append(
            Entry(
                op=envelope.op,
                action=envelope.kind,
                agg=(envelope.agg[0], envelope.agg[1]),
                actor_id=self.actor.id,
                on_behalf_of=ctx.on_behalf_of,
                channel=self.channel.name,
                dev=envelope.dev,
                device_at=ctx.at,
                at=self.now,
                before=effect.before,
                after=effect.after if effect.after is not None else envelope.data,
            )
        )
        change = LastChange(self.actor.id, self.actor.name, self.now, envelope.op, effect.ver)
        for name in changed_fields(COMPARED(), envelope.agg[0], effect.before, effect.after):
            self.field_changes[*envelope.agg, name] = change

    def _context(self, command: Command, envelope: Envelope) -> Context:
        measured = self.clocks.of(self.connection, envelope)
        author = self.authors.of(command, envelope, measured)
        ctx = Context(author, envelope, self.now, self.channel, deferred_inserts=self.deferred_inserts, batch=self)
        ctx.measured = measured
        return ctx

    def _turned_away(self, command: Command, author: Actor, envelope: Envelope, result: Result) -> bool:
        """Refuse a verb that is not granted or a record of another type; hold a record that depends on missing ones."""
        if not command.own_work and self._without_author(envelope, result):
            return True
        if not author.can(envelope.kind):
            refuse(result, "rejected", "command.not_allowed", {"_": [gettext("You may not do this.")]})
            return True
        if not command.accepts(envelope.agg[0]):
            words = gettext("This command does not belong to this kind of record.")
            refuse(result, "rejected", "record.wrong_type", {"_": [words]})
            return True
        result.needs = missing(envelope.depends, self.accepted)
        if result.needs:
            result.outcome = "held"
        return bool(result.needs)

    def _without_author(self, envelope: Envelope, result: Result) -> bool:
        """Refuse a command that needs a session and an open account (ADR 19).

        Without a session the answer is `busy`: the author may sign in and send the same bytes again. A record that is
        held already was sent with a session.
        """
        if not self.actor.active:
            words = gettext("The account is closed. Only work that was done is still taken in.")
            refuse(result, "rejected", "account.closed", {"_": [words]})
            return True
        if not self.signed_in and envelope.op not in self.held:
            refuse(result, "busy", "session.needed", {"_": [gettext("Please sign in to send this.")]})
            return True
        return False

    def _release(self, parent: str) -> None:
        """Apply the records that waited for `parent`, in the order their author wrote them (failure mode 46)."""
        if not self.held:
            return
        parents = {parent, *db.session.scalars(select(Receipt.op).where(Receipt.superseded_by == parent))}
        waiting = sorted((seq, op) for op, (seq, _, _, needs) in self.held.items() if parents.intersection(needs))
        for _, op in waiting:
            if op in self.held:
                _, body, digest, _ = self.held[op]
                self.process(parse(body, self.channel.op_version), body, Result(op, digest, "busy"))

    def answers(self) -> list[Result]:
        """Return the results in the order of the request; a record released later in the batch has its last outcome."""
        for result in self.read_results:
            last = self.decided.get(result.op or "")
            if last is not None and result.outcome == "held" and last.outcome != "held":
                result.__dict__.update(last.__dict__, replayed=result.replayed)
        return self.read_results
