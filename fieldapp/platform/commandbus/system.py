"""The system as an actor: it does what is due, by the channel `clock` (ADR 36)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from flask_babel import gettext

from fieldapp.kernel import clock, ids
from fieldapp.kernel.actor import SYSTEM_ID, Actor
from fieldapp.kernel.grants import SYSTEM
from fieldapp.platform.commandbus.envelope import Envelope, When
from fieldapp.platform.extensions import GRANTS


def system_actor() -> Actor:
    """Return the system with the verbs that features grant to `system`."""
    return Actor(SYSTEM_ID, SYSTEM, gettext("the system"), verbs=GRANTS().by_role[SYSTEM], kind="system")


def system_envelope(
    *,
    kind: str,
    schema: int,
    key: str,
    occurrence: str,
    due_at: datetime,
    agg: tuple[str, str],
    data: dict[str, Any],
) -> str:
    """Return the frozen string of due work: the same bytes, whichever server makes it and however often.

    `key` is what the work is for, `occurrence` which time of it; the id of the operation is derived from both, the
    kind and the due time.
    """
    envelope = Envelope(
        v=1,
        op=str(ids.derived_id(due_at, kind, key, occurrence)),
        dev=ids.SERVER_DEVICE,
        ep=ids.SERVER_EPOCH,
        user=SYSTEM_ID,
        seq=0,
        kind=kind,
        schema=schema,
        agg=agg,
        at=When(utc=clock.iso(due_at), tz=str(clock.BUSINESS_ZONE)),
        data=data,
    )
    return msgspec.json.encode(envelope, order="deterministic").decode()
