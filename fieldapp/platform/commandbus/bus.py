"""execute(): the only code through which records change (docs/sync-protocol.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fieldapp.kernel.actor import Actor
from fieldapp.platform.commandbus.batch import Batch, RetryWithSavepoints
from fieldapp.platform.commandbus.channels import Channel
from fieldapp.platform.commandbus.due_work import wake_if_due
from fieldapp.platform.commandbus.faults import point
from fieldapp.platform.commandbus.quota import NoRoom
from fieldapp.platform.commandbus.result import Result
from fieldapp.platform.commandbus.transaction import transaction


def execute(
    bodies: Sequence[str],
    actor: Actor,
    channel: Channel,
    importer: int | None = None,
    signed_in: bool = True,
) -> list[Result]:
    """Apply frozen envelopes in order; return one result each, after the commit.

    Every envelope is atomic; all of them share one commit. `channel` says which kind of actor may send
    them, and which version their ids have. The actor of an imported envelope is its author, `importer` is who imports
    it. `signed_in` says whether the actor's session sends them; without one, and from a file, only own work is
    accepted.
    Raise only if nothing at all was written (a full or locked database); RuntimeError for an actor that the channel
    does not admit, and for a bad envelope that the server made for itself.
    """
    channel.check(actor)
    point("before")
    use_savepoints = False
    not_stored: dict[str, Result] = {}
    while True:
        try:
            return _through(bodies, actor, channel, importer, signed_in, not_stored, use_savepoints=use_savepoints)
        except RetryWithSavepoints:
            # Nothing was committed.
            use_savepoints = True
        except NoRoom as full:
            # Nothing was committed; the next try leaves out at least one more record.
            not_stored |= full.answers


def _through(
    bodies: Sequence[str],
    actor: Actor,
    channel: Channel,
    importer: int | None,
    signed_in: bool,
    not_stored: Mapping[str, Result],
    use_savepoints: bool,
) -> list[Result]:
    batch = Batch(actor, channel, importer, use_savepoints, signed_in, not_stored)
    batch.read(bodies)
    with transaction() as under_way:
        batch.apply(under_way)
        point("before-commit")
    point("after-commit")
    wake_if_due(batch.scheduled, batch.now)
    return batch.answers()
