"""State of phones, stored from their hello requests (D-CASH-2, failure modes 10, 31 to 33, 45)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from flask_babel import gettext
from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from fieldapp.kernel import clock, ids
from fieldapp.kernel.actor import Actor
from fieldapp.platform import audit
from fieldapp.platform.commandbus import mark_discarded, writing
from fieldapp.platform.commandbus.ledger import lock_key
from fieldapp.platform.commandbus.models import Notice
from fieldapp.platform.sync.answers import Refused
from fieldapp.platform.sync.inputs import MAX_SEQ, Hello, Spans
from fieldapp.platform.sync.losses import WINDOW, Store, update_missing
from fieldapp.platform.web.inputs import instant
from fieldapp.services.accounts import leaders_of, sessions
from fieldapp.services.accounts.models import UserSession
from fieldapp.services.accounts.queries import CurrentSession
from fieldapp.services.accounts.tokens import Token, issue_token, needs_token
from fieldapp.services.devices import Device, told_enough
from fieldapp.services.settings import value

#: Largest number of device stores (`Device` rows) that one hello loads.
MAX_STORES = 20

#: Largest number of record references listed in a notice.
MAX_LISTED_REFERENCES = 5


class HelloOutcome(msgspec.Struct):
    """Result of a hello: missing sequence numbers, their references, the epoch to leave, and a new token."""

    missing_seqs: list[int] = []
    missing_refs: list[str] = []
    leave_epoch: str | None = None
    token: str | None = None


def record_hello(hello: Hello, actor: Actor, token: Token | None, web_session: CurrentSession | None) -> HelloOutcome:
    """Store the state that a phone reports, find missing records and renew the token. Raise Refused.

    `web_session` is the session of the request, or None for a request with a token only.
    """
    try:
        return _record_hello(hello, actor, token, web_session)
    except _SignedOut:
        # The hello was rolled back. This session began before the phone was signed out; end it.
        if web_session is not None:
            with writing() as session:
                sessions.end(session, "phone", UserSession.id == web_session.id)
        raise Refused(401, "session.needed", gettext("Please sign in.")) from None


class _SignedOut(Exception):
    """This phone or session was signed out, and the owner has not signed in on the phone since."""


def _record_hello(hello: Hello, actor: Actor, token: Token | None, web_session: CurrentSession | None) -> HelloOutcome:
    now = clock.now()
    earlier_dev = (web_session and web_session.dev) or hello.dev
    with writing() as session:
        devices = _load_stores(session, actor.id, hello, earlier_dev)
        current = _current_store(session, devices, hello, actor.id, now)
        was_delayed = _is_delayed(current)
        if web_session is not None:
            _accept_again(devices, hello.dev, web_session)
            if not sessions.on_phone(session, web_session.id, hello.dev):
                raise _SignedOut
        rewound = _is_rewound(current, hello)
        _apply_hello(current, hello, now)
        before = {device.id: list(device.missing or ()) for device in devices}
        stores = _stores_to_check(session, devices, current, hello, earlier_dev)
        copied = update_missing(stores) + ([current] if rewound else [])
        _note_copies(session, copied, actor, now)
        entries = [_loss_entry(session, device, before[device.id], actor, now) for device in devices]
        if _is_delayed(current) and not was_delayed:
            entries.append(_delay_entry(current, actor, now))
        audit.append(session.connection(), [entry for entry in entries if entry])
        missing = [(device.dev, seq) for device in devices for seq in device.missing or ()]
        due = actor.active and needs_token(token, hello.dev, actor.id, by_token=web_session is None)
        secret = issue_token(session, hello.dev, actor.id) if due else None
        leave = hello.ep if current.copied_at else None
    missing.sort(key=lambda number: number[1])
    refs = [ids.short_reference(dev, seq) for dev, seq in missing]
    return HelloOutcome([seq for _, seq in missing], refs, leave, secret)


def _load_stores(session: Session, user_id: int, hello: Hello, earlier_dev: str) -> list[Device]:
    """Return this phone's stores, the current one first, then other stores of the person with missing records."""
    these = Device.dev.in_({hello.dev, earlier_dev})
    query = select(Device).where(Device.user_id == user_id, or_(these, Device.missing_count > 0))
    present = (Device.dev == hello.dev, Device.ep == hello.ep)
    order = (and_(*present).desc(), these.desc(), Device.id.desc())
    return list(session.scalars(query.order_by(*order).limit(MAX_STORES).with_for_update()))


def _current_store(session: Session, devices: list[Device], hello: Hello, user_id: int, now: datetime) -> Device:
    """Return the store that sends the hello; insert it if it is new. Raise Refused."""
    existing = next((device for device in devices if (device.dev, device.ep) == (hello.dev, hello.ep)), None)
    if existing is not None:
        return existing
    _limit_new_stores(session, user_id, now)
    device = Device(dev=hello.dev, ep=hello.ep, user_id=user_id, first_seen_at=now, next_seq=1)
    device.build = device.display_mode = ""
    device.last_seen_at = now
    session.add(device)
    session.flush()
    devices.insert(0, device)
    return device


def _limit_new_stores(session: Session, user_id: int, now: datetime) -> None:
    """Raise Refused if the person has added too many stores today. The phone tries again later."""
    if session.connection().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(lock_key(f"devices:{user_id}"))))
    query = select(func.count()).select_from(Device)
    count = session.scalar(query.where(Device.user_id == user_id, Device.first_seen_at > now - timedelta(days=1)))
    if (count or 0) >= int(value("devices.new_a_day", now)):
        message = gettext("Too many new phones in one day. Nothing is lost; this phone tries again later.")
        raise Refused(429, "device.too_many", message)


def _accept_again(devices: Sequence[Device], dev: str, web_session: CurrentSession) -> None:
    """Clear the sign-out of a phone if this session began after it; otherwise raise _SignedOut."""
    for device in devices:
        if device.dev != dev or device.revoked_at is None:
            continue
        if device.revoked_at >= web_session.created_at:
            raise _SignedOut
        device.revoked_at = device.revoked_by = None


def _is_rewound(device: Device, hello: Hello) -> bool:
    """Return whether the phone reports a lower next number than before.

    The store was copied or restored from a backup then. A hello that was delayed on the network reports a lower number
    too; the phone's clock tells the two apart.
    """
    if hello.next_seq >= device.next_seq:
        return False
    sent_at = instant(hello.now)
    last_sent_at = device.last_seen_at - timedelta(milliseconds=device.clock_offset_ms or 0)
    return sent_at is None or sent_at > last_sent_at


def _apply_hello(device: Device, hello: Hello, now: datetime) -> None:
    """Copy the reported state to `device`."""
    pending = hello.pending
    device.build, device.display_mode = hello.build, hello.display_mode
    device.persisted, device.next_seq = hello.persisted, max(hello.next_seq, device.next_seq)
    device.pending = msgspec.to_builtins(pending) if pending else None
    device.unsent = pending.count if pending else 0
    device.oldest_at = instant(pending.oldest_utc) if pending else None
    sent_at = instant(hello.now)
    device.clock_offset_ms = int((now - sent_at).total_seconds() * 1000) if sent_at else None
    device.last_seen_at = now


def _is_delayed(device: Device) -> bool:
    """Return whether a phone that is not signed out holds records from an earlier day."""
    if not device.unsent or device.oldest_at is None or device.revoked_at is not None:
        return False
    return clock.local(device.oldest_at).date() < clock.today()


def _delay_entry(device: Device, actor: Actor, now: datetime) -> audit.Entry:
    """Return the audit entry of a phone that begins to report records from an earlier day.

    Pages that warn of such phones are cached until the audit log grows or the day ends. Nothing written today can
    become overdue before that, so only older records need an entry.
    """
    oldest = clock.iso(device.oldest_at) if device.oldest_at else None
    return audit.Entry(
        action="device.delay",
        agg=("device", device.dev),
        actor_id=actor.id,
        dev=device.dev,
        at=now,
        after={"unsent": device.unsent, "oldest": oldest},
    )


def _stores_to_check(
    session: Session, devices: Sequence[Device], current: Device, hello: Hello, earlier_dev: str
) -> list[Store]:
    """Return the stores to check for missing numbers, after storing which numbers the author discarded."""
    stores = []
    copied = {device.dev: device.copied_at for device in devices if device.dev == hello.dev and device.copied_at}
    for device in devices:
        if hello.dropped and device.ep in hello.dropped:
            reported = {seq for seq in hello.dropped[device.ep][-1000:] if 0 < seq < MAX_SEQ}
            # Numbers below the window are never checked again.
            known = set(device.dropped or ())
            if fresh := reported - known:
                mark_discarded(session, device.user_id, device.dev, device.ep, fresh, clock.now())
            device.dropped = sorted(seq for seq in reported | known if seq >= device.next_seq - WINDOW)
        held: Spans = (hello.held or {}).get(device.ep, ())
        end = device.next_seq
        if device is current and hello.held is None and hello.pending:
            # Older clients report only the lowest number of their queue.
            end = min(end, hello.pending.min_seq)
        # A store that reported after the current one began is a copy on another phone: only that phone knows what it
        # holds. The same may be true of every store that was copied before both began.
        may_be_copy = device.dev in copied and copied[device.dev] <= min(device.first_seen_at, current.first_seen_at)
        on_other_phone = device is not current and (device.last_seen_at > current.first_seen_at or may_be_copy)
        stores.append(Store(device, end, held, settled=on_other_phone or device.dev not in {hello.dev, earlier_dev}))
    return stores


def _note_copies(session: Session, copied: Sequence[Device], actor: Actor, now: datetime) -> None:
    """Mark stores that exist twice. Notify the person and their leaders, a limited number of times a day."""
    for device in copied:
        if device.copied_at is not None:
            continue
        device.copied_at = now
        if told_enough(session, "device.copied", actor.id):
            continue
        params = {"code": ids.device_code(device.dev)}
        session.add(Notice(user_id=actor.id, kind="device.copied", url="/me/devices", params=params, created_at=now))
        for leader in sorted(set(leaders_of(*actor.groups, on=clock.today())) - {actor.id}):
            leader_params = {**params, "who": actor.name}
            session.add(
                Notice(user_id=leader, kind="device.copied_of", url="/phones", params=leader_params, created_at=now)
            )


def _loss_entry(session: Session, device: Device, before: list[int], actor: Actor, now: datetime) -> audit.Entry | None:
    """Notify people of newly missing numbers. Return the audit entry, or None if nothing changed."""
    missing = device.missing or []
    if missing == before:
        return None
    if not missing:
        device.missing_since = device.missing_seen_at = device.missing_settled_at = None
    elif not set(missing) <= set(before):
        device.missing_since = device.missing_since or now
        device.missing_seen_at = device.missing_settled_at = None
        _notify_loss(session, device, actor, now)
    refs = [ids.short_reference(device.dev, seq) for seq in missing]
    return audit.Entry(
        action="device.lose" if missing else "device.find",
        agg=("device", device.dev),
        actor_id=actor.id,
        dev=device.dev,
        at=now,
        before={"missing": [ids.short_reference(device.dev, seq) for seq in before]},
        after={"missing": refs},
    )


def _notify_loss(session: Session, device: Device, actor: Actor, now: datetime) -> None:
    """Notify the person and their leaders of missing records.

    Do nothing while many phones of the person are unsettled: the pages list all of them.
    """
    query = select(func.count()).select_from(Device).where(Device.user_id == actor.id, Device.id != device.id)
    unsettled_count = session.scalar(
        query.where(Device.missing_since.is_not(None), Device.missing_settled_at.is_(None))
    )
    if (unsettled_count or 0) >= int(value("devices.losses_told", now)) or told_enough(
        session, "device.lost", actor.id
    ):
        return
    missing = device.missing or []
    refs = " ".join(ids.short_reference(device.dev, seq) for seq in missing[:MAX_LISTED_REFERENCES])
    ellipsis = " …" if len(missing) > MAX_LISTED_REFERENCES else ""
    params = {"n": len(missing), "refs": refs + ellipsis}
    session.add(Notice(user_id=actor.id, kind="device.lost", url="/outbox", params=params, created_at=now))
    for leader in sorted(set(leaders_of(*actor.groups, on=clock.today())) - {actor.id}):
        leader_params = {**params, "who": actor.name}
        session.add(Notice(user_id=leader, kind="device.lost_of", url="/phones", params=leader_params, created_at=now))
