"""Reading phones: a person's own, those a leader answers for, and what is wrong with them."""

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
from fieldapp.platform.database.statements import Prepared
from fieldapp.platform.extensions import db, reading
from fieldapp.services.accounts import members_of, name_by
from fieldapp.services.accounts.models import DeviceToken, Membership
from fieldapp.services.devices.models import Device
from fieldapp.services.devices.policy import sees_all
from fieldapp.services.settings import figure

#: A clock that is off by less is every phone's.
CLOCK_DOUBT = timedelta(minutes=5)

#: What lies on a phone longer than this is worth a word.
OVERDUE = timedelta(hours=24)

#: So long a page says that a store was copied or set back.
COPIED_SHOWN = timedelta(days=30)

#: More stores than anybody has; older ones are left out.
MOST = 50

HOME_SCREEN = frozenset({"standalone", "fullscreen", "minimal-ui"})


@dataclass(frozen=True)
class Loss:
    """What one person's store on one phone has lost: references, and who knows of it."""

    refs: list[str] = field(default_factory=list)
    seen_at: datetime | None = None
    settled_at: datetime | None = None
    #: As it stands in the database, for ticking off exactly this.
    count: int = 0


@dataclass(frozen=True)
class Phone:
    """One store on one phone as its last hello described it, less what has arrived since."""

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
        """The letters its references begin with."""
        return ids.device_code(self.dev)

    @property
    def on_home_screen(self) -> bool:
        """Whether it runs from the home screen; a browser tab on the same phone is a store of its own (mode 33)."""
        return self.display_mode in HOME_SCREEN

    @property
    def overdue(self) -> bool:
        """Whether its oldest record has waited for more than a day."""
        return self.unsent > 0 and self.oldest_at is not None and clock.now() - self.oldest_at > OVERDUE

    @property
    def copied(self) -> bool:
        """Whether it was seen lately that the store exists on two phones, or was set back to an earlier state."""
        return self.copied_at is not None and clock.now() - self.copied_at < COPIED_SHOWN

    @property
    def clock_off(self) -> timedelta | None:
        """By how much its clock is behind ours (ahead where negative), where that is worth a word."""
        off = timedelta(milliseconds=self.clock_offset_ms or 0)
        return off if abs(off) > CLOCK_DOUBT else None


def _still_unsent() -> Any:
    """How many records a store still holds: what its last hello said, less what the ledger has received since.

    A hello names the first and last number and a count, not the numbers between. So two limits hold, and the lower one
    is right: the count less what arrived after the hello, and the numbers in the range that no receipt has.
    """
    first, last = (cast(Device.pending[key].as_string(), BigInteger) for key in ("min_seq", "max_seq"))
    of_range = and_(
        Receipt.dev == Device.dev,
        Receipt.ep == Device.ep,
        Receipt.user_id == Device.user_id,
        Receipt.seq.between(first, last),
    )
    arrived = select(func.count()).select_from(Receipt).where(of_range).correlate(Device)
    later = Device.unsent - arrived.where(Receipt.received_at > Device.last_seen_at).scalar_subquery()
    free = last - first + 1 - arrived.scalar_subquery()
    lower = case((later < free, later), else_=free)
    left = case((lower < 0, 0), else_=cast(lower, Integer))
    # Receipts are counted only for phones that reported unsent records. Without a range of numbers the reported count
    # holds.
    return case((Device.unsent == 0, 0), (first.is_(None), Device.unsent), else_=left)


STILL_UNSENT = _still_unsent()


def _copied_at() -> Any:
    """When any life of the store was last seen to be copied."""
    life = aliased(Device)
    same = and_(life.dev == Device.dev, life.user_id == Device.user_id)
    return select(func.max(life.copied_at)).where(same).correlate(Device).scalar_subquery()


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
    """Only the present life of each store; of one that was copied, all lives in which phones still speak."""
    later = aliased(Device)
    same = and_(later.dev == Device.dev, later.user_id == Device.user_id, later.id > Device.id)
    same = and_(same, later.first_seen_at >= Device.last_seen_at)
    return ~select(later.id).where(same).correlate(Device).exists()


def lost(query: Select[Any]) -> Select[Any]:
    """Only stores of which any life has lost something."""
    life = aliased(Device)
    same = and_(life.dev == Device.dev, life.user_id == Device.user_id, life.missing_count > 0)
    return query.where(select(life.id).where(same).correlate(Device).exists())


def unsent(query: Select[Any]) -> Select[Any]:
    """Only stores that still hold records which have not arrived."""
    return query.where(Device.unsent > 0, STILL_UNSENT > 0)


def overdue(query: Select[Any], since: Any = None) -> Select[Any]:
    """Only stores whose oldest record has waited for more than a day, or from before `since`."""
    return unsent(query).where(Device.oldest_at < (clock.now() - OVERDUE if since is None else since))


def phones_for(actor: Actor) -> Select[Any]:
    """The phones this person answers for, one row each."""
    query: Any = select(*COLUMNS).where(_latest())
    return query if sees_all(actor) else query.where(Device.user_id.in_(members_of(actor.leads)))


def own_phones(actor: Actor) -> list[Phone]:
    """The person's own, the one used last first."""
    query = select(*COLUMNS).where(_latest(), Device.user_id == actor.id)
    rows = db.session.execute(query.order_by(Device.last_seen_at.desc(), Device.id.desc()).limit(MOST)).all()
    return with_details(rows)


def phone_of(user_id: int, dev: str) -> Phone | None:
    """One person's store on one phone."""
    query = select(*COLUMNS).where(_latest(), Device.user_id == user_id, Device.dev == dev)
    rows = db.session.execute(query.order_by(Device.last_seen_at.desc()).limit(1)).all()
    return with_details(rows)[0] if rows else None


def with_details(rows: Sequence[Any]) -> list[Phone]:
    """Rows of `COLUMNS` with their losses and whether they hold a token; three queries, however many rows."""
    keys = {(row.dev, row.user_id) for row in rows}
    losses = losses_of(keys)
    tokens = _with_token(keys)
    return [
        _phone(row, has_token=(row.dev, row.user_id) in tokens, loss=losses.get((row.dev, row.user_id), Loss()))
        for row in rows
    ]


def _with_token(keys: Iterable[tuple[str, int]]) -> set[tuple[str, int]]:
    wanted = list(keys)
    if not wanted:
        return set()
    key = (DeviceToken.dev, DeviceToken.user_id)
    return {(dev, user) for dev, user in db.session.execute(select(*key).where(tuple_(*key).in_(wanted)).distinct())}


def losses_of(keys: Iterable[tuple[str, int]]) -> dict[tuple[str, int], Loss]:
    """What was lost, by `(dev, user)`, less what has arrived since by another way."""
    wanted = list(keys)
    if not wanted:
        return {}
    key = tuple_(Device.dev, Device.user_id)
    query = select(*_LIFE).where(key.in_(wanted), Device.missing_count > 0)
    return _losses(db.session.execute(query.order_by(Device.id)).all())


#: What a life of a store says of its losses.
_LIFE: tuple[Any, ...] = (
    Device.dev,
    Device.ep,
    Device.user_id,
    Device.missing,
    Device.missing_count,
    Device.missing_seen_at,
    Device.missing_settled_at,
)
# Put together once: every first screen asks.
_own_lives = Prepared(
    select(*_LIFE).where(Device.user_id == bindparam("me"), Device.missing_count > 0).order_by(Device.id)
)


class _Life(NamedTuple):
    dev: str
    ep: str
    user_id: int
    missing: list[int] | None
    missing_count: int
    missing_seen_at: datetime | None
    missing_settled_at: datetime | None


def _losses(lives: Sequence[Any]) -> dict[tuple[str, int], Loss]:
    here = _arrived(lives)
    found: dict[tuple[str, int], Loss] = {}
    for life in lives:
        refs = [
            ids.short_reference(life.dev, seq)
            for seq in life.missing or ()
            if (life.dev, life.ep, life.user_id, seq) not in here
        ]
        before = found.get((life.dev, life.user_id))
        loss = Loss(refs, life.missing_seen_at, life.missing_settled_at, life.missing_count)
        found[life.dev, life.user_id] = _together(before, loss) if before else loss
    return {one: loss for one, loss in found.items() if loss.refs}


def _together(one: Loss, other: Loss) -> Loss:
    """Two lives of one store: seen or settled only where both are."""
    return Loss(
        [*one.refs, *other.refs],
        one.seen_at and other.seen_at,
        one.settled_at and other.settled_at,
        one.count + other.count,
    )


def _arrived(lives: Iterable[Any]) -> set[tuple[str, str, int, int]]:
    parts = [
        and_(
            Receipt.dev == life.dev,
            Receipt.ep == life.ep,
            Receipt.user_id == life.user_id,
            Receipt.seq.in_(life.missing or [0]),
        )
        for life in lives
    ]
    if not parts:
        return set()
    query = select(Receipt.dev, Receipt.ep, Receipt.user_id, Receipt.seq).where(or_(*parts))
    return {(dev, ep, user, seq) for dev, ep, user, seq in db.session.execute(query)}


def own_losses(actor: Actor) -> dict[str, Loss]:
    """What this person's phones have lost and they have not ticked off, by device."""
    lives = [_Life(*row) for row in _own_lives.rows(reading(), me=actor.id)]
    return {dev: loss for (dev, _), loss in _losses(lives).items() if loss.seen_at is None}


def elsewhere(actor: Actor, here: str | None) -> list[Phone]:
    """The person's other stores that still hold records: the home screen app beside the browser tab (mode 33).

    None where the present one has not said yet which it is.
    """
    if here is None:
        return []
    query = select(*COLUMNS).where(
        _latest(), Device.user_id == actor.id, Device.dev != here, Device.revoked_at.is_(None)
    )
    rows = db.session.execute(unsent(query).order_by(Device.last_seen_at.desc()).limit(MOST)).all()
    return [_phone(row) for row in rows]


def _phone(row: Any, **details: Any) -> Phone:
    return Phone(**{name: getattr(row, name) for name in _OF_ROW}, **details)


def told_enough(session: Session, kind: str, reader: int, who: str | None = None) -> bool:
    """Whether `reader` was told enough of this kind in the last day, where `who` is given: about this person.

    A phone decides how often such lines are due; its person must not be able to fill an inbox with them.
    """
    lines = select(func.count()).select_from(Notice).where(Notice.user_id == reader, Notice.kind == kind)
    lines = lines.where(Notice.created_at > clock.now() - timedelta(days=1))
    if who is not None:
        lines = lines.where(Notice.params["who"].as_string() == who)
    return (session.scalar(lines) or 0) >= int(figure("devices.told_a_day"))


@dataclass(frozen=True)
class Trouble:
    """How many phones a leader should look at, and how many hold any unsent records: those may become overdue."""

    lost: int
    overdue: int
    holding: int


def trouble(actor: Actor) -> Trouble:
    """Phones with lost records that nobody dealt with, and with records that have waited for more than a day."""
    everywhere = sees_all(actor)
    given: dict[str, Any] = {} if everywhere else {"led": sorted(actor.leads)}
    (found,) = _trouble[everywhere].rows(reading(), **given, since=clock.now() - OVERDUE)
    return Trouble(*found)


def _troubled(everywhere: bool) -> Prepared:
    led = select(Membership.user_id).where(among(Membership.group_id, "led"))
    mine = [] if everywhere else [Device.user_id.in_(led)]
    gone = select(func.count(Device.dev.distinct())).where(
        Device.missing_count > 0, Device.missing_settled_at.is_(None), *mine
    )
    late = case((Device.oldest_at < bindparam("since", type_=Moment), 1))
    alive: Any = select(func.count(late).label("late"), func.count().label("holding")).where(
        _latest(), Device.revoked_at.is_(None), *mine
    )
    waiting = unsent(alive).subquery()
    return Prepared(select(gone.scalar_subquery(), waiting.c.late, waiting.c.holding))


_trouble = {everywhere: _troubled(everywhere) for everywhere in (False, True)}
