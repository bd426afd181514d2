"""The ways on which envelopes reach the command bus, and what each of them admits (ADR 36)."""

from __future__ import annotations

from dataclasses import dataclass

from fieldapp.kernel.actor import Actor, ActorKind


@dataclass(frozen=True)
class Channel:
    """One way to the command bus.

    `admits` is the kind of actor, `op_version` the version of the ids of operations. Ids that are derived from due
    work are UUIDs of version 8 and come by the clock's channel only: who could bring one by another channel could
    take the id of work that is due tomorrow.
    `from_phone`: the envelope carries a phone's time, which is believed as far as it agrees with what is known of the
    phone's clock. `server_made`: the server makes the envelopes for itself and a bad one is a fault of the program;
    their time is when the work was due. On other channels the time of arrival counts.
    `locks_author`: records of one author are decided one after the other on PostgreSQL, as an accepted record may
    release others of its author. `limits_refused`: only so many refused records of one actor are stored in a day.
    """

    name: str
    admits: ActorKind
    op_version: int = 7
    from_phone: bool = False
    server_made: bool = False
    locks_author: bool = True
    limits_refused: bool = True

    def check(self, actor: Actor) -> None:
        """Raise RuntimeError for an actor of another kind."""
        if actor.kind != self.admits:
            raise RuntimeError(f"the channel {self.name} does not admit a {actor.kind}")


#: What phones push.
SYNC = Channel("sync", "person", from_phone=True)
#: Ordinary form posts.
WEB = Channel("web", "person")
#: Rescue files, in the name of their authors; they have limits of their own.
IMPORT = Channel("import", "person", from_phone=True, limits_refused=False)
#: Due work. All of it has one actor, so the lock of the author would make one queue of it.
CLOCK = Channel("clock", "system", op_version=8, server_made=True, locks_author=False, limits_refused=False)
#: What a customer does by a link.
LINK = Channel("link", "link")
#: Programs with a token.
API = Channel("api", "token")

#: Every channel by its name, as receipts and audit entries hold it.
CHANNELS = {one.name: one for one in (SYNC, WEB, IMPORT, CLOCK, LINK, API)}
