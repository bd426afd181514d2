"""The author of a record, with the roles that count for it (ADR 40)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

from fieldapp.kernel import clock
from fieldapp.kernel.actor import Actor
from fieldapp.platform.commandbus.channels import Channel
from fieldapp.platform.commandbus.command import Command, Context
from fieldapp.platform.commandbus.envelope import Envelope
from fieldapp.platform.commandbus.written import Measured
from fieldapp.platform.extensions import ACTOR_AT


class Authors:
    """The author of a batch as they were when its records were written; read once for each day."""

    def __init__(self, actor: Actor, channel: Channel, now: datetime) -> None:
        self.actor = actor
        self.channel = channel
        self.now = now
        self.by_day: dict[date, Actor] = {}

    def of(self, command: Command, envelope: Envelope, measured: Measured | None) -> Actor:
        """Return the author with what they held when the record was written, if that counts for the command.

        What somebody did on site belongs to their roles and groups of that day, though they left them since. A
        decision counts if its author could decide when writing it; a deputy's turn ends to the moment. For every
        other command, and if the phone's clock is in doubt, what they hold now counts.
        """
        author = self._when_written(command, envelope, measured)
        if command.decides or author.own is None:
            return author
        # A deputy decides for others and does nothing else for them.
        return replace(author.own, principals=author.principals)

    def _when_written(self, command: Command, envelope: Envelope, measured: Measured | None) -> Actor:
        if not self.channel.from_phone or not (command.own_work or command.decides):
            return self.actor
        ctx = Context(self.actor, envelope, self.now, self.channel, measured=measured)
        if command.decides:
            # A phone that never said hello could name any moment.
            placed = not ctx.clock_doubted and ctx.written.doubt != "unseen"
            return ACTOR_AT()(self.actor.id, ctx.at) if placed else self.actor
        day = ctx.day_of_age
        if day == clock.local(self.now).date():
            return self.actor
        if day not in self.by_day:
            self.by_day[day] = ACTOR_AT()(self.actor.id, ctx.at)
        return self.by_day[day]
