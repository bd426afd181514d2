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

from fieldapp.errors import AppError, Conflict
from fieldapp.kernel import clock
from fieldapp.kernel.actor import Actor
from fieldapp.platform.commandbus import audit, ledger
from fieldapp.platform.commandbus.command import COMMANDS, Command, Context, Later, written_time
from fieldapp.platform.commandbus.envelope import BadEnvelope, Envelope, fingerprint, parse
from fieldapp.platform.commandbus.faults import point
from fieldapp.platform.commandbus.fieldwise import compared
from fieldapp.platform.commandbus.files import expect_files, free_files
from fieldapp.platform.commandbus.ledger import Held, Sent
from fieldapp.platform.commandbus.models import Quarantine, Receipt
from fieldapp.platform.commandbus.quota import room_left, turned_away
from fieldapp.platform.commandbus.refusals import database_is_down, default_words, flat
from fieldapp.platform.commandbus.result import FINAL, Result
from fieldapp.platform.commandbus.transaction import Transaction
from fieldapp.platform.commandbus.waiting import missing, supersede
from fieldapp.platform.commandbus.written import Measured, WrittenTime
from fieldapp.platform.database import insert_ignoring
from fieldapp.platform.database.statements import Asking, inserting, together
from fieldapp.platform.extensions import db, used_session

log = logging.getLogger(__name__)


class Again(Exception):
    """The batch cannot be taken in one go."""


class NoRoom(Exception):
    """Records that cannot be stored because too many of their sender's were refused; `answers` by their hashes."""

    def __init__(self, answers: dict[str, Result]) -> None:
        super().__init__()
        self.answers = answers


class Batch:
    """One call of execute(): what was read, what is known, what was decided.

    The careful way inserts the receipts first, as `busy`, decides each record in a savepoint and then updates its
    receipt. That costs twice what the effects do, and hardly any record fails. So a batch is first tried in one go:
    without savepoints, the inserts of commands kept back, the receipts inserted complete. Whatever fails after a
    command began, and an id that turns out to be taken, ends that try before anything is committed (`Again`).
    """

    connection: Connection

    def __init__(
        self,
        actor: Actor,
        mouth: str,
        importer: int | None,
        careful: bool,
        signed_in: bool = True,
        not_stored: Mapping[str, Result] | None = None,
    ) -> None:
        self.actor = actor
        self.not_stored = not_stored or {}
        self.mouth = mouth
        self.how = {"mouth": mouth, "imported_by": importer, "author_inactive": not actor.active}
        self.careful = careful
        self.signed_in = signed_in and mouth != "import"
        self.running = False
        self.later: Later | None = None if careful else {}
        self.now: datetime = clock.now()
        self.commands: dict[str, Command] = COMMANDS()
        self.read_results: list[Result] = []
        self.todo: list[Sent] = []
        self.aside: dict[str, dict[str, Any]] = {}
        self.decided: dict[str, Result] = {}
        self.trail: list[dict[str, Any]] = []
        self.accepted: set[str] = set()
        self.held: dict[str, Held] = {}
        self.clocks: dict[str, Measured | None] = {}

    # -- reading ---------------------------------------------------------------------------------------------

    def read(self, bodies: Sequence[str]) -> None:
        for body in bodies:
            digest = fingerprint(body)
            if digest in self.not_stored:
                self.read_results.append(self.not_stored[digest])
                continue
            try:
                envelope = parse(body)
            except BadEnvelope as error:
                words = gettext("This record is damaged and cannot be read: %(reason)s", reason=error.reason)
                self.read_results.append(
                    Result(error.op, digest, "rejected", problems={"_": [words]}, code="envelope.unreadable")
                )
                continue
            result = Result(envelope.op, digest, "busy")
            self.read_results.append(result)
            if envelope.user != self.actor.id:
                result.outcome = "wrong_user"
                self._put_aside(envelope.op, body, digest, "wrong_user")
            else:
                self.todo.append((envelope, body, result))
        if not self.careful and any(envelope.supersedes for envelope, _, _ in self.todo):
            # What it takes the place of may stand in this very batch: its receipt must be there.
            raise Again

    def _put_aside(self, op: str, body: str, digest: str, reason: str) -> None:
        self.aside[digest] = {
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
        devs = set() if self.mouth == "desk" else {envelope.dev for envelope, _, _ in self.todo}
        if self.careful:
            ledger.lock_lanes(self.connection, self.actor.id, self.todo)
            # Before the receipts are written: they say when they were written.
            self._know_clocks(devs, ledger.clocks_of(self.connection, devs))
            fresh = ledger.insert_first(self.connection, self._rows(sent, sent.keys()))
            point("inserted")
        turn = () if self.careful else self.todo
        asked = set() if self.careful else devs
        known, self.held, clocks = ledger.concerned(self.connection, sent.keys() - fresh, self.actor.id, turn, asked)
        self._know_clocks(asked, clocks)
        if not self.careful:
            fresh = sent.keys() - known.keys()
        for envelope, body, result in self.todo:
            self._answer(envelope, body, result, self.decided.get(envelope.op) or known.get(envelope.op))
        point("applied")
        self._keep_within_quota([one for op, one in sent.items() if op in fresh], fresh)
        anew = {op: result for op, result in self.decided.items() if self.careful or op not in fresh}
        ledger.update_outcomes(self.connection, anew, self.now)
        if self.aside:
            self.connection.execute(insert_ignoring(self.connection, Quarantine), list(self.aside.values()))
        receipts = [] if self.careful else self._rows(sent, fresh)
        under_way.last += self._finish(receipts)
        point("inserted")

    def _keep_within_quota(self, fresh: Sequence[Sent], ops: Set[str]) -> None:
        """Raise NoRoom where more new records were refused or put aside than this person may have stored today."""
        results = [(self.decided.get(one[0].op, one[2]), one[1]) for one in fresh]
        refused = [(result, body) for result, body in results if result.outcome != "accepted"]
        if self.aside:
            refused += [(one, self.aside[one.sha256]["body"]) for one in self.read_results if self._is_aside(one)]
        if self.mouth == "import" or not refused:
            return
        if not self.todo:
            # A batch of other people's records alone did not wait for its sender's turn.
            ledger.lock_lanes(self.connection, self.actor.id, ())
        room = room_left(self.connection, self.actor.id, self.now, ops)
        answers = {result.sha256: turned_away(result) for result, body in refused if not room.take(len(body.encode()))}
        if answers:
            log.warning("user %s: %d refused records are not stored, too many in a day", self.actor.id, len(answers))
            raise NoRoom(answers)

    def _is_aside(self, result: Result) -> bool:
        return result.outcome in {"wrong_user", "id_reused"} and result.sha256 in self.aside

    def _finish(self, receipts: list[dict[str, Any]]) -> list[Asking[int]]:
        """Writes the receipts that are inserted complete and the rows kept back; gives back what writes the trail."""
        waited = [ledger.complete(self.connection, receipts)] if receipts else []
        waited += self._kept_back()
        try:
            written, trail = audit.appending(self.connection, self.trail, waited)
        except IntegrityError as error:
            if self.careful:
                raise
            raise Again from error
        if receipts and written[0] < len(receipts):
            raise Again
        return trail

    def _rows(self, sent: dict[str, Sent], ops: Set[str]) -> list[dict[str, Any]]:
        """The receipts of these records, with the outcomes they have so far."""
        return [
            ledger.row(one, self.decided.get(op, one[2]), self.now, self.how, self._written(one[0]))
            for op, one in sent.items()
            if op in ops
        ]

    def _written(self, envelope: Envelope) -> WrittenTime:
        # A receipt of a desk says when its page was made.
        if self.mouth == "desk":
            return WrittenTime(envelope.device_time)
        return written_time(envelope, self._clock_of(envelope.dev), self.now, self.mouth)

    def _know_clocks(self, devs: Set[str], measured: Mapping[str, Measured]) -> None:
        self.clocks |= {dev: measured.get(dev) for dev in devs}

    def _clock_of(self, dev: str) -> Measured | None:
        """What is known of a phone's clock; a record that waited may have come from another phone."""
        if dev not in self.clocks:
            self._know_clocks({dev}, ledger.clocks_of(self.connection, {dev}))
        return self.clocks[dev]

    def _answer(self, envelope: Envelope, body: str, result: Result, earlier: Result | None) -> None:
        if earlier is not None and earlier.sha256 != result.sha256:
            result.outcome = "id_reused"
            words = gettext("This number was already used for another record.")
            result.problems = {"_": [words]}
            result.code = "envelope.id_reused"
            self._put_aside(envelope.op, body, result.sha256, "id_reused")
        elif earlier is not None and earlier.outcome in FINAL:
            result.__dict__.update(earlier.__dict__, replayed=True)
        else:
            self.process(envelope, body, result)

    def process(self, envelope: Envelope, body: str, result: Result) -> None:
        """One envelope in a savepoint. Whatever goes wrong, its bytes stay and the others go on."""
        try:
            # Before the savepoint: which record it corrects stays known also when the correction is refused.
            self.running = False
            supersede(envelope, self.actor.id)
            self.held.pop(envelope.supersedes or "", None)
            with db.session.begin_nested() if self.careful else nullcontext():
                self._decide(envelope, result)
        except (ValidationError, AppError) as error:
            self._only_if_careful(error)
            self._refused(result, error)
        except Exception as error:
            if isinstance(error, DBAPIError) and (error.connection_invalidated or database_is_down(error)):
                raise
            self.running = True
            self._only_if_careful(error)
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

    def _only_if_careful(self, error: Exception) -> None:
        """Without savepoints, what failed after its command began may have written: the whole batch goes back."""
        if self.running and not self.careful:
            raise Again from error

    def _kept_back(self) -> list[Asking[int]]:
        return [inserting(table).writing(*rows) for table, rows in (self.later or {}).items()]

    def _insert_later(self) -> None:
        """The inserts that commands left for later, one statement a table."""
        if not self.later:
            return
        try:
            together(self.connection, *self._kept_back())
        except IntegrityError as error:
            raise Again from error
        self.later.clear()

    def _refused(self, result: Result, error: ValidationError | AppError) -> None:
        if isinstance(error, ValidationError):
            self._refuse(result, "rejected", "record.invalid", flat(error.normalized_messages()))
            return
        outcome = "conflict" if isinstance(error, Conflict) else "rejected"
        self._refuse(result, outcome, error.code, error.problems or {"_": [error.words or default_words(error)]})
        if isinstance(error, Conflict):
            result.current = error.current

    def _refuse(self, result: Result, outcome: str, code: str, problems: dict[str, list[Any]]) -> None:
        result.outcome, result.code = outcome, code
        result.problems = {name: [str(words) for words in said] for name, said in problems.items()}

    def _failed(self, envelope: Envelope, result: Result) -> None:
        number = envelope.op[-12:]
        log.exception("command %s failed, number %s", envelope.kind, number)
        words = gettext("The server could not do this now. It will be tried again. Number %(number)s", number=number)
        self._refuse(result, "busy", "server.failed", {"_": [words]})

    def _decide(self, envelope: Envelope, result: Result) -> None:
        command = self.commands.get(envelope.kind)
        if command is None or not command.oldest <= envelope.schema <= command.version:
            words = gettext("The server does not know this kind of record yet.")
            self._refuse(result, "unsupported_schema", "command.unsupported", {"kind": [words]})
            return
        if self._turned_away(command, envelope, result):
            return
        data = command.schema.load(command.lift(envelope.data, envelope.schema))
        if not command.blind:
            self._insert_later()
        ctx = Context(self.actor, envelope, self.now, self.mouth, later=self.later, batch=self)
        ctx.measured = None if self.mouth == "desk" else self._clock_of(envelope.dev)
        record = command.load(ctx, data)
        if not command.may(self.actor, record):
            self._refuse(result, "rejected", "record.not_allowed", {"_": [gettext("You may not do this here.")]})
            return
        command.check_photos(envelope)
        files = free_files(envelope, self.actor)
        data = compared(ctx, command, record, data, self.trail)
        self.running = True
        effect = command.run(ctx, record, data)
        expect_files(envelope, self.actor, files, self.now)
        if ctx.notices:
            db.session.add_all(ctx.notices)
        session = used_session()
        if session is not None:
            session.flush()
        result.outcome, result.ref, result.ver = "accepted", effect.ref, effect.ver
        result.problems, result.needs, result.code = {}, [], None
        result.current = {"note": str(effect.note)} if effect.note else None
        self.trail.append(
            {
                "op": envelope.op,
                "action": envelope.kind,
                "agg_type": envelope.agg[0],
                "agg_id": envelope.agg[1],
                "user_id": self.actor.id,
                "dev": envelope.dev,
                "device_at": ctx.at,
                "at": self.now,
                "before": effect.before,
                "after": effect.after if effect.after is not None else envelope.data,
            }
        )

    def _turned_away(self, command: Command, envelope: Envelope, result: Result) -> bool:
        """Refuses or holds what must not be loaded: a verb nobody gave, a record of another type, missing records."""
        if not command.own_work and self._without_author(envelope, result):
            return True
        if not self.actor.can(envelope.kind):
            self._refuse(result, "rejected", "command.not_allowed", {"_": [gettext("You may not do this.")]})
            return True
        if not command.accepts(envelope.agg[0]):
            words = gettext("This command does not belong to this kind of record.")
            self._refuse(result, "rejected", "record.wrong_type", {"_": [words]})
            return True
        result.needs = missing(envelope.depends, self.accepted)
        if result.needs:
            result.outcome = "held"
        return bool(result.needs)

    def _without_author(self, envelope: Envelope, result: Result) -> bool:
        """Turns away what only its author may do, signed in on an open account (ADR 19).

        Without a session the record is not refused: its author may sign in and send the same bytes again. One that
        waits here already was sent with a session.
        """
        if not self.actor.active:
            words = gettext("The account is closed. Only work that was done is still taken in.")
            self._refuse(result, "rejected", "account.closed", {"_": [words]})
            return True
        if not self.signed_in and envelope.op not in self.held:
            self._refuse(result, "busy", "session.needed", {"_": [gettext("Please sign in to send this.")]})
            return True
        return False

    def _release(self, parent: str) -> None:
        """Applies what was waiting for `parent`, in the order its author wrote it (failure mode 46)."""
        if not self.held:
            return
        parents = {parent, *db.session.scalars(select(Receipt.op).where(Receipt.superseded_by == parent))}
        waiting = sorted((seq, op) for op, (seq, _, _, needs) in self.held.items() if parents.intersection(needs))
        for _, op in waiting:
            if op in self.held:
                _, body, digest, _ = self.held[op]
                self.process(parse(body), body, Result(op, digest, "busy"))

    def answers(self) -> list[Result]:
        """In the order of the request; a record released later in the batch shows its last outcome."""
        for result in self.read_results:
            last = self.decided.get(result.op or "")
            if last is not None and result.outcome == "held" and last.outcome != "held":
                result.__dict__.update(last.__dict__, replayed=result.replayed)
        return self.read_results
