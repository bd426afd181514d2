"""Noticing that a phone lost records (promise 7, failure modes 31 and 32)."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import and_, func, or_, select, tuple_

from fieldapp.accounts.models import Device
from fieldapp.commandbus.models import Receipt
from fieldapp.extensions import db
from fieldapp.sync.inputs import Spans, numbers

MOST = 200

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


def judge(stores: Sequence[Store]) -> None:
    """Writes to each device which numbers are missing: neither received, nor on the phone, nor discarded by hand.

    Numbers have no gaps per device, epoch and person. At most 200 each, the lowest first.
    """
    here = _received([store for store in stores if store.end > store.first])
    for store in stores:
        device = store.device
        missing = _missing(store, here.get((device.dev, device.ep), ()))
        device.missing = sorted(set(device.missing or ()) & set(missing)) if store.settled else missing
        device.missing_count = len(device.missing)


def _missing(store: Store, received: Container[int]) -> list[int]:
    known = {*(store.device.dropped or ()), *numbers(store.held, store.first, store.end)}
    return [seq for seq in range(store.first, store.end) if seq not in received and seq not in known][:MOST]


def _received(stores: Sequence[Store]) -> dict[tuple[str, str], Container[int]]:
    """Which numbers of these stores are in the ledger; whole stores are recognised by counting alone."""
    found: dict[tuple[str, str], Container[int]] = {}
    if not stores:
        return found
    user_id = stores[0].device.user_id
    keys = [(store.device.dev, store.device.ep) for store in stores]
    counts = (
        select(Receipt.dev, Receipt.ep, func.count(Receipt.seq.distinct()), func.max(Receipt.seq))
        .where(tuple_(Receipt.dev, Receipt.ep).in_(keys), Receipt.user_id == user_id)
        .group_by(Receipt.dev, Receipt.ep)
    )
    counted: Mapping[tuple[str, str], tuple[int, int]] = {
        (dev, ep): (count, last) for dev, ep, count, last in db.session.execute(counts)
    }
    short = []
    for store in stores:
        key = (store.device.dev, store.device.ep)
        count, last = counted.get(key, (0, 0))
        if count == last >= store.end - 1:
            found[key] = range(1, last + 1)
        elif count:
            short.append(and_(Receipt.dev == key[0], Receipt.ep == key[1], Receipt.seq >= store.first))
    if short:
        query = select(Receipt.dev, Receipt.ep, Receipt.seq).where(Receipt.user_id == user_id, or_(*short))
        seqs: dict[tuple[str, str], set[int]] = {}
        for dev, ep, seq in db.session.execute(query):
            seqs.setdefault((dev, ep), set()).add(seq)
        found |= seqs
    return found
