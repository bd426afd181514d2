"""execute(): the only code through which records change (docs/architecture.md, ADR 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fieldapp.kernel.actor import Actor
from fieldapp.platform.commandbus.batch import Again, Batch, NoRoom
from fieldapp.platform.commandbus.faults import point
from fieldapp.platform.commandbus.result import Result
from fieldapp.platform.commandbus.transaction import transaction


def execute(
    bodies: Sequence[str],
    actor: Actor,
    mouth: str = "phone",
    importer: int | None = None,
    signed_in: bool = True,
) -> list[Result]:
    """Applies frozen envelopes in order, one result each, and returns after the commit.

    Every envelope is atomic by itself (a savepoint); all of them share one commit. `mouth` is `phone`, `desk`
    or `import`; what is imported has its author for the actor, and whoever brought it in as `importer`.
    `signed_in` is whether the actor's own session sends them; without one, and from a file, only own work is taken in.
    Raises only what means that nothing at all was written (a full or locked database).
    """
    point("before")
    careful = False
    not_stored: dict[str, Result] = {}
    while True:
        try:
            return _through(bodies, actor, mouth, importer, signed_in, not_stored, careful=careful)
        except Again:
            # One record went wrong after it may have written: nothing was committed; now each in its own savepoint.
            careful = True
        except NoRoom as full:
            # Nothing was committed; the next round leaves out at least one record more.
            not_stored |= full.answers


def _through(
    bodies: Sequence[str],
    actor: Actor,
    mouth: str,
    importer: int | None,
    signed_in: bool,
    not_stored: Mapping[str, Result],
    careful: bool,
) -> list[Result]:
    batch = Batch(actor, mouth, importer, careful, signed_in, not_stored)
    batch.read(bodies)
    with transaction() as under_way:
        batch.apply(under_way)
        point("before-commit")
    point("after-commit")
    return batch.answers()
