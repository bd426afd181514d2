"""Noticing that a phone lost records (failure modes 31 and 32)."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

from sqlalchemy import and_, func, or_, select, tuple_

from fieldapp.platform.commandbus.models import Receipt
from fieldapp.platform.extensions import db
from fieldapp.platform.sync.inputs import Spans, numbers
from fieldapp.services.devices import Device

MOST = 200

#: Device and epoch.
Life = tuple[str, str]

#: Older numbers were judged many hellos ago.
WINDOW = 5000


@dataclass(frozen=True)
class Store:
    """One life of a phone's store as it is to be judged: it gave out the numbers below `end`.

    `held` lie on the phone. What is only to be looked at for arrivals (`settled`) gets no new numbers: the phone that
    could say what it holds is not the one that speaks.
    """

    device: Device
    end: int
    held: Spans = ()
    settled: bool = False

    @property
    def first(self) -> int:
        """The lowest number that is judged."""
        return max(1, self.end - WINDOW)


def judge(stores: Sequence[Store]) -> list[Device]:
    """Writes to each device which numbers are missing: neither received, nor on the phone, nor discarded by hand.

    Numbers have no gaps per device, epoch and person. At most 200 each, the lowest first. Returns the devices of which
    one number came with two records.
    """
    here, doubled = _received([store for store in stores if store.end > store.first])
    for store in stores:
        device = store.device
        missing = _missing(store, here.get((device.dev, device.ep), ()))
        device.missing = sorted(set(device.missing or ()) & set(missing)) if store.settled else missing
        device.missing_count = len(device.missing)
    return [store.device for store in stores if (store.device.dev, store.device.ep) in doubled]


def _missing(store: Store, received: Container[int]) -> list[int]:
    known = {*(store.device.dropped or ()), *numbers(store.held, store.first, store.end)}
    return [seq for seq in range(store.first, store.end) if seq not in received and seq not in known][:MOST]


def _received(stores: Sequence[Store]) -> tuple[dict[Life, Container[int]], set[Life]]:
    """Which numbers of these stores are in the ledger, and in which stores one number names two records.

    Whole stores are recognised by counting alone.
    """
    found: dict[Life, Container[int]] = {}
    if not stores:
        return found, set()
    user_id = stores[0].device.user_id
    counted = _counted(stores, user_id)
    short = []
    for store in stores:
        key = (store.device.dev, store.device.ep)
        count, last, _ = counted.get(key, (0, 0, 0))
        if count == last >= store.end - 1:
            found[key] = range(1, last + 1)
        elif count:
            short.append(and_(Receipt.dev == key[0], Receipt.ep == key[1], Receipt.seq >= store.first))
    if short:
        query = select(Receipt.dev, Receipt.ep, Receipt.seq).where(Receipt.user_id == user_id, or_(*short))
        seqs: dict[Life, set[int]] = {}
        for dev, ep, seq in db.session.execute(query):
            seqs.setdefault((dev, ep), set()).add(seq)
        found |= seqs
    return found, {key for key, (count, _, records) in counted.items() if records > count}


def _counted(stores: Sequence[Store], user_id: int) -> dict[Life, tuple[int, int, int]]:
    """Return for each store how many numbers arrived, the highest, and with how many records."""
    keys = [(store.device.dev, store.device.ep) for store in stores]
    counts = (
        select(Receipt.dev, Receipt.ep, func.count(Receipt.seq.distinct()), func.max(Receipt.seq), func.count())
        .where(tuple_(Receipt.dev, Receipt.ep).in_(keys), Receipt.user_id == user_id, Receipt.seq > 0)
        .group_by(Receipt.dev, Receipt.ep)
    )
    return {(dev, ep): (count, last, records) for dev, ep, count, last, records in db.session.execute(counts)}
