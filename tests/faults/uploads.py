"""Figure 7: photos are cut at a random byte of a chunk, the server is killed while writing; the engine resumes.

Failure modes 21, 22, 23. The real engine runs in Node; hashes are compared with the files on the server.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

from sqlalchemy import select

from benchmarks.world import World, world
from fieldapp.integrity import faults
from fieldapp.platform.commandbus.models import Attachment
from fieldapp.platform.extensions import db
from fieldapp.services.attachments import store
from tests.faults.figures import Figure, Size
from tests.faults.support.phoenix import rising
from tests.faults.support.phone import Handset, expense, phones
from tests.faults.support.proxy import Exchange, Passed, through
from tests.faults.support.seeds import seeded

PHOTOS: dict[Size, int] = {"short": 40, "long": 1_000}
EACH, ROUND = 4, 5
CHUNK = 512 * 1024
POINTS = ("upload-written", "upload-before-commit", "upload-after-commit", "clock")
CHANCES = (0.06, 0.2)
FAULTS = {"cut-up": 70, "cut-down": 20, "truncate": 5, "duplicate": 5}


class CutEach:
    """Cut the first chunk of every photo and some later ones; other requests pass."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def __call__(self, exchange: Exchange, chance: random.Random) -> tuple[str, int | None]:
        if exchange.method != "PATCH":
            return "pass", None
        first = exchange.path not in self.seen
        self.seen.add(exchange.path)
        if not first and chance.random() < 0.8:
            return "pass", None
        name = chance.choices(list(FAULTS), list(FAULTS.values()))[0]
        if name == "duplicate" and first:
            name = "cut-up"
        return name, chance.randrange(exchange.head, len(exchange.raw)) if name == "cut-up" else None


def run(size: Size) -> Iterator[Figure]:
    """Yield the figure on SQLite: uploads are files, the database only stores their offsets."""
    seed, _ = seeded("uploads")
    photos = PHOTOS[size]
    with world() as made:
        rounds = [([expense() for _ in range(ROUND)], EACH) for _ in range(photos // (ROUND * EACH))]
        with rising(made.folder, "", seed, POINTS, CHANCES) as server, through(server.port, CutEach(), seed) as proxy:
            handset = Handset(made.bench.cast.tech, rounds)
            state = phones(made, proxy.port, [handset], seconds=240 + 3 * photos)[0]
            kills, log = server.killed, list(proxy.log)
        bad = list(_not_equal(made, state.photos))
    cut = {exchange.path for exchange in log if exchange.method == "PATCH" and not exchange.whole}
    greedy = _greedy(log, {photo["id"]: photo["size"] for photo in state.photos})
    broken = sum(exchange.method == "PATCH" and not exchange.whole for exchange in log)
    measured = (
        f"{len(state.photos):,} photos, {len(cut):,} of them cut, {broken:,} pieces cut, {kills:,} server kills, "
    )
    measured += f"{len(bad)} hashes differ, {len(greedy)} photos resent more than a piece for a cut"
    done = state.done and len(state.photos) >= photos and len(cut) >= photos
    yield Figure(
        key="07",
        what="photo uploads cut at a random byte, resumed by the engine at the server's offset",
        measured="; ".join([measured, *bad[:2], *greedy[:2], *([] if done else [state.error or "not done"])]),
        target=f"≥ {photos:,} uploads cut, all hashes equal, ≤ 1 piece resent for a cut",
        met=done and not bad and not greedy,
        seed=seed,
    )


def _greedy(log: list[Passed], sizes: dict[str, int]) -> list[str]:
    """Return photos of which more than one chunk was sent again per request without a complete response."""
    sent: Counter[str] = Counter()
    broken: Counter[str] = Counter()
    for exchange in log:
        photo = exchange.path.rpartition("/")[2]
        sent[photo] += exchange.body if exchange.method == "PATCH" else 0
        broken[photo] += not exchange.whole
    again = {photo: sent[photo] - size for photo, size in sizes.items()}
    return [f"{photo}: {more:,} bytes" for photo, more in again.items() if more > CHUNK * broken[photo]]


def _not_equal(made: World, photos: list[dict[str, object]]) -> Iterator[str]:
    """Return photos whose bytes on the server differ from the phone's."""
    with made.bench.app.app_context():
        rows = {row.id: row for row in db.session.scalars(select(Attachment))}
        for photo in photos:
            row = rows.get(str(photo["id"]))
            if photo["state"] != "stored" or row is None or row.state != "stored":
                yield f"{photo['id']} is not stored"
            elif store.digest_of(store.path_of(row.sha256)) != photo["sha256"]:
                yield f"{photo['id']} has other bytes"
        yield from faults()
        db.session.remove()
