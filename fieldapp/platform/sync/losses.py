"""Detection of records that a phone lost (failure modes 31 and 32)."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

from sqlalchemy import and_, func, or_, select, tuple_

from fieldapp.platform.commandbus.models import Receipt
from fieldapp.platform.extensions import db
from fieldapp.platform.sync.inputs import Spans, numbers
from fieldapp.services.devices import Device

#: Largest number of missing records kept per store.
MAX_MISSING = 200

#: Device and epoch.
StoreKey = tuple[str, str]

#: Numbers further back were checked by many earlier hellos.
WINDOW = 5000


@dataclass(frozen=True)
class Store:
    """One epoch of a phone's store, which has given out the numbers below `end`.

    `held` are the numbers on the phone. With `settled`, the set of missing numbers may only shrink: the phone that sent
    the hello cannot tell what this store holds.
    """

    device: Device
    end: int
    held: Spans = ()
    settled: bool = False

    @property
    def first(self) -> int:
        """Return the lowest number that is checked."""
        return max(1, self.end - WINDOW)


def update_missing(stores: Sequence[Store]) -> list[Device]:
    """Set `missing` of each device: numbers not received, not on the phone and not discarded by their author.

    Numbers have no gaps per device, epoch and person. At most 200 are kept, the lowest first. Return the devices for
    which two records arrived with one number.
    """
    received, duplicated = _received([store for store in stores if store.end > store.first])
    for store in stores:
        device = store.device
        missing = _missing(store, received.get((device.dev, device.ep), ()))
        device.missing = sorted(set(device.missing or ()) & set(missing)) if store.settled else missing
        device.missing_count = len(device.missing)
    return [store.device for store in stores if (store.device.dev, store.device.ep) in duplicated]


def _missing(store: Store, received: Container[int]) -> list[int]:
    accounted_for = {*(store.device.dropped or ()), *numbers(store.held, store.first, store.end)}
    return [seq for seq in range(store.first, store.end) if seq not in received and seq not in accounted_for][
        :MAX_MISSING
    ]


def _received(stores: Sequence[Store]) -> tuple[dict[StoreKey, Container[int]], set[StoreKey]]:
    """Return the received numbers per store, and the stores in which one number has two records.

    For a store without gaps the count and the highest number suffice; numbers are read for the others only.
    """
    received: dict[StoreKey, Container[int]] = {}
    if not stores:
        return received, set()
    user_id = stores[0].device.user_id
    counted = _count_received(stores, user_id)
    incomplete = []
    for store in stores:
        key = (store.device.dev, store.device.ep)
        count, last, _ = counted.get(key, (0, 0, 0))
        if count == last >= store.end - 1:
            received[key] = range(1, last + 1)
        elif count:
            incomplete.append(and_(Receipt.dev == key[0], Receipt.ep == key[1], Receipt.seq >= store.first))
    if incomplete:
        query = select(Receipt.dev, Receipt.ep, Receipt.seq).where(Receipt.user_id == user_id, or_(*incomplete))
        seqs: dict[StoreKey, set[int]] = {}
        for dev, ep, seq in db.session.execute(query):
            seqs.setdefault((dev, ep), set()).add(seq)
        received |= seqs
    return received, {key for key, (count, _, records) in counted.items() if records > count}


def _count_received(stores: Sequence[Store], user_id: int) -> dict[StoreKey, tuple[int, int, int]]:
    """Return for each store: count of numbers received, the highest, count of records."""
    keys = [(store.device.dev, store.device.ep) for store in stores]
    counts = (
        select(Receipt.dev, Receipt.ep, func.count(Receipt.seq.distinct()), func.max(Receipt.seq), func.count())
        .where(tuple_(Receipt.dev, Receipt.ep).in_(keys), Receipt.user_id == user_id, Receipt.seq > 0)
        .group_by(Receipt.dev, Receipt.ep)
    )
    return {(dev, ep): (count, last, records) for dev, ep, count, last, records in db.session.execute(counts)}
