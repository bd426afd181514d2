"""What a phone says of itself in a hello, remembered (D-CASH-2, failure modes 10, 31 to 33, 45)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from flask_babel import gettext
from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from fieldapp.kernel import clock, ids
from fieldapp.kernel.actor import Actor
from fieldapp.platform.commandbus import audit, writing
from fieldapp.platform.commandbus.ledger import lock_key
from fieldapp.platform.commandbus.models import Notice
from fieldapp.platform.sync.answers import Refused
from fieldapp.platform.sync.inputs import MOST_SEQ, Hello, Spans
from fieldapp.platform.sync.losses import WINDOW, Store, judge
from fieldapp.platform.web.inputs import instant
from fieldapp.services.accounts import leaders_of, sessions
from fieldapp.services.accounts.models import UserSession
from fieldapp.services.accounts.queries import CurrentSession
from fieldapp.services.accounts.tokens import Token, is_due, issue
from fieldapp.services.devices import Device, told_enough
from fieldapp.services.settings import value

#: Lives of a phone's stores that a hello looks at.
LIVES = 20

#: References that a notice spells out.
SPELLED = 5


class Remembered(msgspec.Struct):
    """What the phone is told in return: numbers that are missing, their references, and a token if it needs one."""

    missing_seqs: list[int] = []
    missing_refs: list[str] = []
    leave_epoch: str | None = None
    token: str | None = None


def remember(said: Hello, actor: Actor, token: Token | None, here: CurrentSession | None) -> Remembered:
    """Write down what this phone holds, judge what is missing, and renew its token. Raises Refused.

    `here` is the session that speaks, None where only a token does.
    """
    try:
        return _remember(said, actor, token, here)
    except _SignedOut:
        # Nothing of the hello was kept; this session began before the phone was signed out, and ends now.
        if here is not None:
            with writing() as session:
                sessions.end(session, "phone", UserSession.id == here.id)
        raise Refused(401, "session.needed", gettext("Please sign in.")) from None


class _SignedOut(Exception):
    """This phone or this session was signed out, and its owner has not signed in on it since."""


def _remember(said: Hello, actor: Actor, token: Token | None, here: CurrentSession | None) -> Remembered:
    now = clock.now()
    earlier_dev = (here and here.dev) or said.dev
    with writing() as session:
        devices = _devices(session, actor.id, said, earlier_dev)
        current = _current(session, devices, said, actor.id, now)
        held_old_records = _holds_old_records(current)
        if here is not None:
            _welcome(devices, said.dev, here)
            if not sessions.on_phone(session, here.id, said.dev):
                raise _SignedOut
        set_back = _is_set_back(current, said)
        _take_over(current, said, now)
        before = {device.id: list(device.missing or ()) for device in devices}
        copied = judge(_stores(devices, current, said, earlier_dev)) + ([current] if set_back else [])
        _note_copies(session, copied, actor, now)
        trail = [_noted(session, device, before[device.id], actor, now) for device in devices]
        if _holds_old_records(current) and not held_old_records:
            trail.append(_delay_entry(current, actor, now))
        audit.append(session.connection(), [entry for entry in trail if entry])
        missing = [(device.dev, seq) for device in devices for seq in device.missing or ()]
        due = actor.active and is_due(token, said.dev, actor.id, by_token=here is None)
        secret = issue(session, said.dev, actor.id) if due else None
        leave = said.ep if current.copied_at else None
    missing.sort(key=lambda one: one[1])
    refs = [ids.short_reference(*one) for one in missing]
    return Remembered([seq for _, seq in missing], refs, leave, secret)


def _devices(session: Session, user_id: int, said: Hello, earlier_dev: str) -> list[Device]:
    """The lives of this phone's stores, the present one first, and the person's others that have lost something."""
    these = Device.dev.in_({said.dev, earlier_dev})
    query = select(Device).where(Device.user_id == user_id, or_(these, Device.missing_count > 0))
    present = (Device.dev == said.dev, Device.ep == said.ep)
    order = (and_(*present).desc(), these.desc(), Device.id.desc())
    return list(session.scalars(query.order_by(*order).limit(LIVES).with_for_update()))


def _current(session: Session, devices: list[Device], said: Hello, user_id: int, now: datetime) -> Device:
    found = next((one for one in devices if (one.dev, one.ep) == (said.dev, said.ep)), None)
    if found is not None:
        return found
    _few_new_ones(session, user_id, now)
    made = Device(dev=said.dev, ep=said.ep, user_id=user_id, first_seen_at=now, next_seq=1)
    made.build = made.display_mode = ""
    made.last_seen_at = now
    session.add(made)
    session.flush()
    devices.insert(0, made)
    return made


def _few_new_ones(session: Session, user_id: int, now: datetime) -> None:
    """Refuse one more store of a person who has brought many in a day. Raises Refused; the phone tries again later."""
    if session.connection().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(lock_key(f"devices:{user_id}"))))
    fresh = select(func.count()).select_from(Device)
    count = session.scalar(fresh.where(Device.user_id == user_id, Device.first_seen_at > now - timedelta(days=1)))
    if (count or 0) >= int(value("devices.new_a_day", now)):
        words = gettext("Too many new phones in one day. Nothing is lost; this phone tries again later.")
        raise Refused(429, "device.too_many", words)


def _welcome(devices: Sequence[Device], dev: str, here: CurrentSession) -> None:
    """A phone that was signed out is taken back when its owner has signed in on it since, and not before."""
    for device in devices:
        if device.dev != dev or device.revoked_at is None:
            continue
        if device.revoked_at >= here.created_at:
            raise _SignedOut
        device.revoked_at = device.revoked_by = None


def _is_set_back(device: Device, said: Hello) -> bool:
    """Whether this life of a store has given out more numbers than it knows of.

    It is another copy of the same store then, or the store was restored from a backup. A hello that was on its way for
    longer than a later one says the same and means nothing: the phone's clock tells them apart.
    """
    if said.next_seq >= device.next_seq:
        return False
    told = instant(said.now)
    last_told = device.last_seen_at - timedelta(milliseconds=device.clock_offset_ms or 0)
    return told is None or told > last_told


def _take_over(device: Device, said: Hello, now: datetime) -> None:
    pending = said.pending
    device.build, device.display_mode = said.build, said.display_mode
    device.persisted, device.next_seq = said.persisted, max(said.next_seq, device.next_seq)
    device.pending = msgspec.to_builtins(pending) if pending else None
    device.unsent = pending.count if pending else 0
    device.oldest_at = instant(pending.oldest_utc) if pending else None
    told = instant(said.now)
    device.clock_offset_ms = int((now - told).total_seconds() * 1000) if told else None
    device.last_seen_at = now


def _holds_old_records(device: Device) -> bool:
    """Return whether a phone that is not signed out holds records from an earlier day."""
    if not device.unsent or device.oldest_at is None or device.revoked_at is not None:
        return False
    return clock.local(device.oldest_at).date() < clock.today()


def _delay_entry(device: Device, actor: Actor, now: datetime) -> dict[str, Any]:
    """Return the audit entry of a phone that begins to report records from an earlier day.

    Pages that warn of such phones are kept until the trail moves or the day ends. Nothing written today can become
    overdue before that, so only older records need an entry.
    """
    oldest = clock.iso(device.oldest_at) if device.oldest_at else None
    return {
        "op": None,
        "action": "device.delay",
        "agg_type": "device",
        "agg_id": device.dev,
        "user_id": actor.id,
        "dev": device.dev,
        "device_at": None,
        "at": now,
        "before": None,
        "after": {"unsent": device.unsent, "oldest": oldest},
    }


def _stores(devices: Sequence[Device], current: Device, said: Hello, earlier_dev: str) -> list[Store]:
    stores = []
    for device in devices:
        if said.dropped and device.ep in said.dropped:
            given = {seq for seq in said.dropped[device.ep][-1000:] if 0 < seq < MOST_SEQ}
            # Older numbers are never judged again.
            known = given.union(device.dropped or ())
            device.dropped = sorted(seq for seq in known if seq >= device.next_seq - WINDOW)
        held: Spans = (said.held or {}).get(device.ep, ())
        end = device.next_seq
        if device is current and said.held is None and said.pending:
            # A phone of before says no more than where its queue begins.
            end = min(end, said.pending.min_seq)
        # A life that spoke after the present one began is a copy on another phone: only that one knows what it holds.
        elsewhere = device is not current and device.last_seen_at > current.first_seen_at
        stores.append(Store(device, end, held, settled=elsewhere or device.dev not in {said.dev, earlier_dev}))
    return stores


def _note_copies(session: Session, copied: Sequence[Device], actor: Actor, now: datetime) -> None:
    """Mark lives of stores that exist twice, and tell the person and their leaders of a few in a day."""
    for device in copied:
        if device.copied_at is not None:
            continue
        device.copied_at = now
        if told_enough(session, "device.copied", actor.id):
            continue
        params = {"code": ids.device_code(device.dev)}
        session.add(Notice(user_id=actor.id, kind="device.copied", url="/me/devices", params=params, created_at=now))
        for leader in sorted(set(leaders_of(*actor.groups)) - {actor.id}):
            of = {**params, "who": actor.name}
            session.add(Notice(user_id=leader, kind="device.copied_of", url="/phones", params=of, created_at=now))


def _noted(session: Session, device: Device, before: list[int], actor: Actor, now: datetime) -> dict[str, Any] | None:
    """Tells people of numbers that are newly missing. Returns the line for the trail, also where some arrived."""
    missing = device.missing or []
    if missing == before:
        return None
    if not missing:
        device.missing_since = device.missing_seen_at = device.missing_settled_at = None
    elif not set(missing) <= set(before):
        device.missing_since = device.missing_since or now
        device.missing_seen_at = device.missing_settled_at = None
        _tell(session, device, actor, now)
    refs = [ids.short_reference(device.dev, seq) for seq in missing]
    return {
        "op": None,
        "action": "device.lose" if missing else "device.find",
        "agg_type": "device",
        "agg_id": device.dev,
        "user_id": actor.id,
        "dev": device.dev,
        "device_at": None,
        "at": now,
        "before": {"missing": [ids.short_reference(device.dev, seq) for seq in before]},
        "after": {"missing": refs},
    }


def _tell(session: Session, device: Device, actor: Actor, now: datetime) -> None:
    """Leave a line for the person and their leaders, while few phones of theirs are unsettled: the pages list all."""
    unsettled = select(func.count()).select_from(Device).where(Device.user_id == actor.id, Device.id != device.id)
    open_ones = session.scalar(unsettled.where(Device.missing_since.is_not(None), Device.missing_settled_at.is_(None)))
    if (open_ones or 0) >= int(value("devices.losses_told", now)) or told_enough(session, "device.lost", actor.id):
        return
    missing = device.missing or []
    refs = " ".join(ids.short_reference(device.dev, seq) for seq in missing[:SPELLED])
    params = {"n": len(missing), "refs": refs + (" …" if len(missing) > SPELLED else "")}
    session.add(Notice(user_id=actor.id, kind="device.lost", url="/outbox", params=params, created_at=now))
    for leader in sorted(set(leaders_of(*actor.groups)) - {actor.id}):
        of = {**params, "who": actor.name}
        session.add(Notice(user_id=leader, kind="device.lost_of", url="/phones", params=of, created_at=now))
