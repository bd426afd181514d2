"""Queries for phones: a person's own, those a leader is responsible for, and their problems."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Integer, Select, and_, bindparam, case, cast, func, or_, select, tuple_
from sqlalchemy.orm import Session, aliased

from fieldapp.kernel import clock, ids
from fieldapp.kernel.actor import Actor
from fieldapp.platform.commandbus.models import Notice, Receipt
from fieldapp.platform.database import Moment, among
from fieldapp.platform.extensions import db
from fieldapp.services.accounts import members_of, name_by
from fieldapp.services.accounts.models import DeviceToken, Membership
from fieldapp.services.devices.models import Device
from fieldapp.services.devices.policy import sees_all
from fieldapp.services.settings import value

#: Smaller clock offsets are normal and not shown.
CLOCK_DOUBT = timedelta(minutes=5)

#: Records unsent for longer than this are shown as overdue.
OVERDUE = timedelta(hours=24)

#: Pages show for this long that a store was copied or set back.
COPIED_SHOWN = timedelta(days=30)

#: Largest number of stores listed; those used longest ago are left out.
MAX_LISTED = 50

HOME_SCREEN = frozenset({"standalone", "fullscreen", "minimal-ui"})


@dataclass(frozen=True)
class Loss:
    """Missing records of one person's store on one phone: references, and who has seen or settled it."""

    refs: list[str] = field(default_factory=list)
    seen_at: datetime | None = None
    settled_at: datetime | None = None
    #: Count in the database; the acknowledgement names it.
    count: int = 0


@dataclass(frozen=True)
class Phone:
    """One store on one phone as its last hello described it, minus the records received since."""

    last_seen_at: datetime
    id: int
    dev: str
    user_id: int
    name: str
    display_mode: str
    build: str
    persisted: bool | None
    unsent: int
    oldest_at: datetime | None
    clock_offset_ms: int | None
    revoked_at: datetime | None
    copied_at: datetime | None
    has_token: bool = False
    loss: Loss = field(default_factory=Loss)

    @property
    def code(self) -> str:
        """Return the letters with which its references begin."""
        return ids.device_code(self.dev)

    @property
    def on_home_screen(self) -> bool:
        """Return whether it runs from the home screen. A browser tab on the same phone has its own store (mode 33)."""
        return self.display_mode in HOME_SCREEN

    @property
    def overdue(self) -> bool:
        """Return whether its oldest unsent record is older than `OVERDUE`."""
        return self.unsent > 0 and self.oldest_at is not None and clock.now() - self.oldest_at > OVERDUE

    @property
    def copied(self) -> bool:
        """Return whether the store was recently found on two phones or set back to an earlier state."""
        return self.copied_at is not None and clock.now() - self.copied_at < COPIED_SHOWN

    @property
    def clock_off(self) -> timedelta | None:
        """Return how far its clock is behind the server's (negative: ahead), or None if within `CLOCK_DOUBT`."""
        off = timedelta(milliseconds=self.clock_offset_ms or 0)
        return off if abs(off) > CLOCK_DOUBT else None


def _still_unsent() -> Any:
    """Return an expression: records a store still holds, from its last hello and the receipts since.

    A hello names the lowest and highest number and a count, not each number. Two upper limits follow, and the lower one
    is right: the count minus what arrived after the hello, and the numbers of the range without a receipt.
    """
    first, last = (cast(Device.pending[key].as_string(), BigInteger) for key in ("min_seq", "max_seq"))
    of_range = and_(
        Receipt.dev == Device.dev,
        Receipt.ep == Device.ep,
        Receipt.user_id == Device.user_id,
        Receipt.seq.between(first, last),
    )
    arrived = select(func.count()).select_from(Receipt).where(of_range).correlate(Device)
    reported_left = Device.unsent - arrived.where(Receipt.received_at > Device.last_seen_at).scalar_subquery()
    without_receipt = last - first + 1 - arrived.scalar_subquery()
    lower = case((reported_left < without_receipt, reported_left), else_=without_receipt)
    left = case((lower < 0, 0), else_=cast(lower, Integer))
    # Receipts are counted only for phones that reported unsent records. Without a range of numbers the reported count
    # holds.
    return case((Device.unsent == 0, 0), (first.is_(None), Device.unsent), else_=left)


STILL_UNSENT = _still_unsent()


def _copied_at() -> Any:
    """Return an expression: when any epoch of the store was last found copied."""
    epoch = aliased(Device)
    same = and_(epoch.dev == Device.dev, epoch.user_id == Device.user_id)
    return select(func.max(epoch.copied_at)).where(same).correlate(Device).scalar_subquery()


COLUMNS = (
    Device.last_seen_at,
    Device.id,
    Device.dev,
    Device.user_id,
    name_by(Device.user_id).label("name"),
    Device.display_mode,
    Device.build,
    Device.persisted,
    STILL_UNSENT.label("unsent"),
    Device.oldest_at,
    Device.clock_offset_ms,
    Device.revoked_at,
    _copied_at().label("copied_at"),
)


#: The fields of a phone that are columns.
_OF_ROW = tuple(column.key for column in COLUMNS)


def _latest() -> Any:
    """Return a condition: the current epoch of each store; for a copied store all epochs in use."""
    later, copied = aliased(Device), aliased(Device)
    same = and_(later.dev == Device.dev, later.user_id == Device.user_id, later.id > Device.id)
    same = and_(same, later.first_seen_at >= Device.last_seen_at)
    present = ~select(later.id).where(same).correlate(Device).exists()
    # Epochs that began since may belong to two phones, one of which has not reported.
    source = and_(copied.dev == Device.dev, copied.user_id == Device.user_id, copied.copied_at <= Device.first_seen_at)
    of_copy = select(copied.id).where(source).correlate(Device).exists()
    return or_(present, and_(Device.unsent > 0, STILL_UNSENT > 0, of_copy))


def lost(query: Select[Any]) -> Select[Any]:
    """Narrow to stores with missing records in any epoch."""
    epoch = aliased(Device)
    same = and_(epoch.dev == Device.dev, epoch.user_id == Device.user_id, epoch.missing_count > 0)
    return query.where(select(epoch.id).where(same).correlate(Device).exists())


def unsent(query: Select[Any]) -> Select[Any]:
    """Narrow to stores with records that have not arrived."""
    return query.where(Device.unsent > 0, STILL_UNSENT > 0)


def overdue(query: Select[Any], since: Any = None) -> Select[Any]:
    """Narrow to stores whose oldest unsent record is older than `OVERDUE`, or from before `since`."""
    return unsent(query).where(Device.oldest_at < (clock.now() - OVERDUE if since is None else since))


def phones_for(actor: Actor) -> Select[Any]:
    """Return the query for the phones this person is responsible for, one row each."""
    query: Any = select(*COLUMNS).where(_latest())
    return query if sees_all(actor) else query.where(Device.user_id.in_(members_of(actor.leads)))


def own_phones(actor: Actor) -> list[Phone]:
    """Return the person's own phones, the one used last first."""
    query = select(*COLUMNS).where(_latest(), Device.user_id == actor.id)
    rows = db.session.execute(query.order_by(Device.last_seen_at.desc(), Device.id.desc()).limit(MAX_LISTED)).all()
    return with_details(rows)


def phone_of(user_id: int, dev: str) -> Phone | None:
    """Return one person's store on one phone, or None."""
    query = select(*COLUMNS).where(_latest(), Device.user_id == user_id, Device.dev == dev)
    rows = db.session.execute(query.order_by(Device.last_seen_at.desc()).limit(1)).all()
    return with_details(rows)[0] if rows else None


def with_details(rows: Sequence[Any]) -> list[Phone]:
    """Return phones for rows of `COLUMNS`, with losses and token state; three queries in all."""
    keys = {(row.dev, row.user_id) for row in rows}
    losses = losses_of(keys)
    tokens = _with_token(keys)
    return [
        _phone(row, has_token=(row.dev, row.user_id) in tokens, loss=losses.get((row.dev, row.user_id), Loss()))
        for row in rows
    ]


def _with_token(keys: Iterable[tuple[str, int]]) -> set[tuple[str, int]]:
    pairs = list(keys)
    if not pairs:
        return set()
    key = (DeviceToken.dev, DeviceToken.user_id)
    return {(dev, user) for dev, user in db.session.execute(select(*key).where(tuple_(*key).in_(pairs)).distinct())}


def losses_of(keys: Iterable[tuple[str, int]]) -> dict[tuple[str, int], Loss]:
    """Return losses by `(dev, user)`, minus records that arrived meanwhile."""
    pairs = list(keys)
    if not pairs:
        return {}
    key = tuple_(Device.dev, Device.user_id)
    query = select(*_EPOCH_COLUMNS).where(key.in_(pairs), Device.missing_count > 0)
    return _losses(db.session.execute(query.order_by(Device.id)).all())


#: Columns of an epoch about its missing records.
_EPOCH_COLUMNS: tuple[Any, ...] = (
    Device.dev,
    Device.ep,
    Device.user_id,
    Device.missing,
    Device.missing_count,
    Device.missing_seen_at,
    Device.missing_settled_at,
)


class _Epoch(NamedTuple):
    dev: str
    ep: str
    user_id: int
    missing: list[int] | None
    missing_count: int
    missing_seen_at: datetime | None
    missing_settled_at: datetime | None


def _losses(epochs: Sequence[Any]) -> dict[tuple[str, int], Loss]:
    arrived = _arrived(epochs)
    losses: dict[tuple[str, int], Loss] = {}
    for epoch in epochs:
        refs = [
            ids.short_reference(epoch.dev, seq)
            for seq in epoch.missing or ()
            if (epoch.dev, epoch.ep, epoch.user_id, seq) not in arrived
        ]
        other = losses.get((epoch.dev, epoch.user_id))
        loss = Loss(refs, epoch.missing_seen_at, epoch.missing_settled_at, epoch.missing_count)
        losses[epoch.dev, epoch.user_id] = _merge(other, loss) if other else loss
    return {key: loss for key, loss in losses.items() if loss.refs}


def _merge(first: Loss, second: Loss) -> Loss:
    """Return the losses of two epochs of one store; seen or settled only if both are."""
    return Loss(
        [*first.refs, *second.refs],
        first.seen_at and second.seen_at,
        first.settled_at and second.settled_at,
        first.count + second.count,
    )


def _arrived(epochs: Iterable[Any]) -> set[tuple[str, str, int, int]]:
    conditions = [
        and_(
            Receipt.dev == epoch.dev,
            Receipt.ep == epoch.ep,
            Receipt.user_id == epoch.user_id,
            Receipt.seq.in_(epoch.missing or [0]),
        )
        for epoch in epochs
    ]
    if not conditions:
        return set()
    query = select(Receipt.dev, Receipt.ep, Receipt.user_id, Receipt.seq).where(or_(*conditions))
    return {(dev, ep, user, seq) for dev, ep, user, seq in db.session.execute(query)}


def own_losses(actor: Actor) -> dict[str, Loss]:
    """Return missing records of this person's phones that they have not acknowledged, by device."""
    query = select(*_EPOCH_COLUMNS).where(Device.user_id == actor.id, Device.missing_count > 0).order_by(Device.id)
    epochs = [_Epoch(*row) for row in db.session.execute(query)]
    return {dev: loss for (dev, _), loss in _losses(epochs).items() if loss.seen_at is None}


def elsewhere(actor: Actor, here: str | None) -> list[Phone]:
    """Return the person's other stores with unsent records, such as the app beside a browser tab (mode 33).

    Return nothing if the current device id `here` is unknown.
    """
    if here is None:
        return []
    query = select(*COLUMNS).where(
        _latest(), Device.user_id == actor.id, Device.dev != here, Device.revoked_at.is_(None)
    )
    rows = db.session.execute(unsent(query).order_by(Device.last_seen_at.desc()).limit(MAX_LISTED)).all()
    return [_phone(row) for row in rows]


def _phone(row: Any, **details: Any) -> Phone:
    return Phone(**{name: getattr(row, name) for name in _OF_ROW}, **details)


def told_enough(session: Session, kind: str, reader: int, who: str | None = None) -> bool:
    """Return whether `reader` already got the daily limit of notices of this kind, about `who` if given.

    A phone decides how often such notices are due; it must not be able to flood an inbox.
    """
    query = select(func.count()).select_from(Notice).where(Notice.user_id == reader, Notice.kind == kind)
    query = query.where(Notice.created_at > clock.now() - timedelta(days=1))
    if who is not None:
        query = query.where(Notice.params["who"].as_string() == who)
    return (session.scalar(query) or 0) >= int(value("devices.told_a_day", clock.now()))


@dataclass(frozen=True)
class Trouble:
    """Counts of phones that a leader should look at, and of phones with unsent records, which may become overdue."""

    lost: int
    overdue: int
    holding: int


def trouble(actor: Actor) -> Trouble:
    """Return counts of phones with unsettled losses, with overdue records, and with any unsent records."""
    everywhere = sees_all(actor)
    params: dict[str, Any] = {} if everywhere else {"led": sorted(actor.leads)}
    row = db.session.execute(_trouble_query(everywhere), {**params, "since": clock.now() - OVERDUE}).one()
    return Trouble(*row)


def _trouble_query(everywhere: bool) -> Select[Any]:
    led = select(Membership.user_id).where(among(Membership.group_id, "led"))
    overseen = [] if everywhere else [Device.user_id.in_(led)]
    with_losses = select(func.count(Device.dev.distinct())).where(
        Device.missing_count > 0, Device.missing_settled_at.is_(None), *overseen
    )
    is_overdue = case((Device.oldest_at < bindparam("since", type_=Moment), 1))
    holding: Any = select(func.count(is_overdue).label("late"), func.count().label("holding")).where(
        _latest(), Device.revoked_at.is_(None), *overseen
    )
    waiting = unsent(holding).subquery()
    return select(with_losses.scalar_subquery(), waiting.c.late, waiting.c.holding)
