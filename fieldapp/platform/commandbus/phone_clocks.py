"""What is known of the clocks of an author's phones while a batch is decided."""

from __future__ import annotations

from collections.abc import Mapping, Set
from datetime import datetime

from sqlalchemy import Connection

from fieldapp.platform.commandbus import ledger
from fieldapp.platform.commandbus.channels import Channel
from fieldapp.platform.commandbus.command import written_time
from fieldapp.platform.commandbus.envelope import Envelope
from fieldapp.platform.commandbus.written import Measured, WrittenTime


class PhoneClocks:
    """Answer when envelopes were written. Clocks are read once a batch, others as a held record needs them."""

    def __init__(self, channel: Channel, author: int, now: datetime) -> None:
        self.channel, self.author, self.now = channel, author, now
        self._known: dict[str, Measured | None] = {}

    def learn(self, devs: Set[str], measured: Mapping[str, Measured]) -> None:
        """Take in what was read of these phones; a phone that is not in `measured` never said hello."""
        self._known |= {dev: measured.get(dev) for dev in devs}

    def read(self, connection: Connection, devs: Set[str]) -> None:
        """Read what is known of these phones."""
        self.learn(devs, ledger.clocks_of(connection, devs, self.author))

    def of(self, connection: Connection, envelope: Envelope) -> Measured | None:
        """Return what is known of the clock of an envelope's phone, None where no phone wrote it."""
        if not self.channel.from_phone:
            return None
        if envelope.dev not in self._known:
            self.read(connection, {envelope.dev})
        return self._known[envelope.dev]

    def written(self, connection: Connection, envelope: Envelope) -> WrittenTime:
        """Return when an envelope was written; that of a form post is when its page was made."""
        if not self.channel.from_phone:
            return WrittenTime(envelope.device_time)
        return written_time(envelope, self.of(connection, envelope), self.now, self.channel)
