"""`/sync/hello` and the loss detector (docs/sync-protocol.md)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from fieldapp.kernel import clock, ids
from fieldapp.platform.commandbus import audit
from fieldapp.platform.commandbus.models import AuditEntry, Notice, Receipt
from fieldapp.platform.extensions import db
from fieldapp.services.devices import Device
from tests.platform.sync.test_push import capture, push
from tests.support.bench import DEVICE, Bench


def hello(bench: Bench, client: Any, **over: Any) -> Any:
    body = {
        "dev": DEVICE,
        "ep": "0a1b2c3d",
        "user": bench.cast.tech.id,
        "build": "b1",
        "next_seq": 1,
        "now": clock.iso(clock.now()),
        "pending": None,
        "persisted": False,
        "display_mode": "browser",
    }
    return client.post("/sync/hello", json={**body, **over})


def test_tells_who_and_what(bench: Bench) -> None:
    answer = hello(bench, bench.client_of(bench.cast.tech)).json
    assert answer["user"] == bench.cast.tech.id
    assert answer["limits"]["batch_ops"] == 50
    assert answer["schemas"]["expense_item.capture"] == [1, 1]
    assert abs((clock.parse_iso(answer["server_time"]) - clock.now()).total_seconds()) < 5
    assert answer["missing_seqs"] == answer["attachments_wanted"] == []


def test_the_phone_is_remembered_once(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    pending = {"min_seq": 3, "max_seq": 4, "count": 2, "oldest_utc": clock.iso(clock.now())}
    hello(bench, client)
    hello(bench, client, pending=pending, next_seq=5)
    with bench.app.app_context():
        devices = db.session.query(Device).all()
        assert [(d.user_id, d.pending["count"], d.next_seq) for d in devices] == [(bench.cast.tech.id, 2, 5)]


def test_31_what_a_wiped_store_took_with_it_is_named(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    bench.seq = 0
    push(client, capture(bench), capture(bench))
    pending = {"min_seq": 5, "max_seq": 6, "count": 2, "oldest_utc": clock.iso(clock.now())}
    assert hello(bench, client, next_seq=7, pending=pending).json["missing_seqs"] == [3, 4]
    # A store that has gone back behind what it gave out has lost its end, too.
    assert hello(bench, client, next_seq=3).json["missing_seqs"] == [3, 4, 5, 6]


def pending(first: int, last: int) -> dict[str, Any]:
    return {"min_seq": first, "max_seq": last, "count": last - first + 1, "oldest_utc": clock.iso(clock.now())}


def test_31_a_new_epoch_of_a_known_phone_names_at_once_what_the_old_one_took_with_it(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    push(client, capture(bench, seq=1), capture(bench, seq=2))
    hello(bench, client, next_seq=6, pending=pending(3, 5), held={"0a1b2c3d": [[3, 5]]})
    # Both stores are gone: the first hello of the new life names them.
    answer = hello(bench, client, ep="ffffffff", held={}).json
    assert answer["missing_seqs"] == [3, 4, 5]
    assert answer["missing_refs"] == [ids.short_reference(DEVICE, seq) for seq in (3, 4, 5)]


def test_31_what_the_mirror_brought_back_is_not_missing(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    push(client, capture(bench, seq=1))
    hello(bench, client, next_seq=6, pending=pending(2, 5), held={"0a1b2c3d": [[2, 5]]})
    answer = hello(bench, client, ep="ffffffff", held={"0a1b2c3d": [[2, 3], [5, 5]]}).json
    assert answer["missing_seqs"] == [4]
    push(client, *[capture(bench, seq=seq) for seq in (2, 3, 4, 5)])
    assert hello(bench, client, ep="ffffffff", held={}).json["missing_seqs"] == []


def test_what_its_author_discarded_is_not_missing_also_after_a_wipe(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    assert hello(bench, client, next_seq=3, held={}, dropped={"0a1b2c3d": [1]}).json["missing_seqs"] == [2]
    assert hello(bench, client, next_seq=3, held={}).json["missing_seqs"] == [2]
    assert hello(bench, client, ep="ffffffff", held={}).json["missing_seqs"] == [2]


def test_32_a_phone_that_lost_its_name_too_is_known_by_its_session(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    hello(bench, client, next_seq=3, held={"0a1b2c3d": [[1, 2]]})
    fresh = str(uuid4())
    assert hello(bench, client, dev=fresh, ep="ffffffff", held={}).json["missing_seqs"] == [1, 2]
    # It stays so while the phone speaks, and gains nothing that another phone cannot judge.
    assert hello(bench, client, dev=fresh, ep="ffffffff", held={}).json["missing_seqs"] == [1, 2]


def test_33_another_phone_of_the_same_person_is_not_judged_by_this_one(bench: Bench) -> None:
    hello(bench, bench.client_of(bench.cast.tech), next_seq=3, held={"0a1b2c3d": [[1, 2]]})
    other = bench.client_of(bench.cast.tech)
    assert hello(bench, other, dev=str(uuid4()), ep="ffffffff", held={}).json["missing_seqs"] == []


def test_31_people_are_told_once_and_the_trail_stays_whole(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    for _ in range(3):
        hello(bench, client, next_seq=3, held={})
    with bench.app.app_context():
        told = db.session.execute(select(Notice.user_id, Notice.kind).order_by(Notice.id)).all()
        assert told == [(bench.cast.tech.id, "device.lost"), (bench.cast.leader.id, "device.lost_of")]
        assert list(db.session.scalars(select(AuditEntry.action))) == ["device.lose"]
        assert list(audit.broken(db.session())) == []
    push(client, capture(bench, seq=1), capture(bench, seq=2))
    hello(bench, client, next_seq=3, held={})
    with bench.app.app_context():
        assert "device.find" in set(db.session.scalars(select(AuditEntry.action)))
        device = db.session.query(Device).one()
        assert (device.missing, device.missing_count, device.missing_since) == ([], 0, None)


def test_31_what_the_old_life_sent_after_its_last_word_hides_nothing(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    hello(bench, client, next_seq=4, pending=pending(2, 3), held={"0a1b2c3d": [[1, 3]]})
    push(client, *[capture(bench, seq=seq) for seq in (1, 4, 5, 6)])
    assert hello(bench, client, ep="ffffffff", held={}).json["missing_seqs"] == [2, 3]


def test_however_many_stores_have_lost_something_a_phone_is_heard(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    hello(bench, client)
    for _ in range(25):
        hello(bench, bench.client_of(bench.cast.tech), dev=str(uuid4()), next_seq=3, held={})
    assert hello(bench, client, next_seq=2, held={}).json["missing_refs"]
    with bench.app.app_context():
        assert db.session.query(Device).where(Device.dev == DEVICE).count() == 1


def test_at_most_200_are_named(bench: Bench) -> None:
    answer = hello(bench, bench.client_of(bench.cast.tech), next_seq=100_000, held={}).json
    assert len(answer["missing_seqs"]) == 200


@pytest.mark.parametrize(
    "over",
    [
        {"held": {"0a1b2c3d": [[1, 2**60]]}},
        {"held": {"0a1b2c3d": [[5, -5]]}},
        {"dropped": {"0a1b2c3d": [-1, 2**60, 0]}},
        {"pending": {"min_seq": -5, "max_seq": 2**60, "count": 2**60, "oldest_utc": "0001-01-01T00:00:00+14:00"}},
        {"now": "9999-12-31T23:59:59-14:00"},
        {"build": "x" * 5000, "display_mode": "y" * 5000},
    ],
)
def test_no_number_is_too_large(bench: Bench, over: dict[str, Any]) -> None:
    assert hello(bench, bench.client_of(bench.cast.tech), next_seq=4, **over).status_code == 200


def test_41_hello_for_somebody_else_remembers_nothing(bench: Bench) -> None:
    answer = hello(bench, bench.client_of(bench.cast.tech2))
    assert answer.json["user"] == bench.cast.tech2.id
    with bench.app.app_context():
        assert db.session.query(Device).count() == 0


def test_nonsense_is_a_400(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    assert hello(bench, client, dev="x").status_code == 400
    assert hello(bench, client, next_seq="many").status_code == 400
    assert hello(bench, client, ep=str(uuid4())).status_code == 400
    assert hello(bench, client, now="never").status_code == 200


def test_the_pack_names_pages_that_open(bench: Bench, make_job: Any) -> None:
    make_job()
    client = bench.client_of(bench.cast.tech)
    pack = client.get("/sync/pack").json
    urls = [entry["url"] for entry in pack["entries"]]
    assert len(urls) == len(set(urls))
    assert {"/jobs", "/outbox", "/me", "/add", "/expenses/new"} <= set(urls)
    for entry in pack["entries"]:
        page = client.get(entry["url"])
        assert (page.status_code, page.headers["ETag"], len(page.data)) == (200, entry["etag"], entry["bytes"])
    again = client.get("/sync/pack", query_string=[("had", "/gone-page"), ("had", "/jobs")]).json
    assert again["gen"] == pack["gen"]
    assert again["gone"] == ["/gone-page"]


# -- stores that were copied to another phone, or set back by a backup ----------------------------------------


def two_copies(bench: Bench) -> tuple[Any, Any]:
    """Two phones with copies of one store: two records arrived, then both number their next ones on their own."""
    one, other = bench.client_of(bench.cast.tech), bench.client_of(bench.cast.tech)
    push(one, capture(bench, seq=1), capture(bench, seq=2))
    assert hello(bench, one, next_seq=3, held={}).json["leave_epoch"] is None
    return one, other


def notices(bench: Bench) -> list[tuple[int, str]]:
    with bench.app.app_context():
        return [(line.user_id, line.kind) for line in db.session.scalars(select(Notice).order_by(Notice.id))]


def told_of_copy(bench: Bench) -> list[tuple[int, str]]:
    return [(bench.cast.tech.id, "device.copied"), (bench.cast.leader.id, "device.copied_of")]


def test_one_number_with_two_records_is_accepted_noticed_and_told_once(bench: Bench) -> None:
    one, other = two_copies(bench)
    for client in (one, other):
        assert push(client, capture(bench, seq=3)).json["results"][0]["outcome"] == "accepted"
    for client in (one, other, one):
        assert hello(bench, client, next_seq=4, held={}).json["leave_epoch"] == "0a1b2c3d"
    assert notices(bench) == told_of_copy(bench)
    # Once both number in lives of their own, nothing is asked of them any more, and nothing is missing.
    for client, ep in ((one, "aaaaaaaa"), (other, "bbbbbbbb")):
        answer = hello(bench, client, ep=ep, next_seq=1, held={}).json
        assert (answer["leave_epoch"], answer["missing_seqs"]) == (None, [])
    with bench.app.app_context():
        assert db.session.query(Receipt).count() == 4


def test_a_store_that_knows_fewer_numbers_than_it_gave_out_leaves_its_epoch_before_a_number_is_doubled(
    bench: Bench,
) -> None:
    one, other = two_copies(bench)
    push(one, capture(bench, seq=3))
    hello(bench, one, next_seq=4, held={})
    assert hello(bench, other, next_seq=3, held={}).json["leave_epoch"] == "0a1b2c3d"
    assert notices(bench) == told_of_copy(bench)


def test_a_hello_that_was_long_on_its_way_is_no_copy(bench: Bench) -> None:
    client, earlier = bench.client_of(bench.cast.tech), clock.iso(clock.now() - timedelta(seconds=40))
    push(client, capture(bench, seq=1), capture(bench, seq=2))
    hello(bench, client, next_seq=3, held={})
    assert hello(bench, client, next_seq=2, held={}, now=earlier).json["leave_epoch"] is None
    assert notices(bench) == []


def test_records_on_one_copy_are_not_missing_from_the_other(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = two_copies(bench)
    begun = clock.now()
    # The one phone stays in the old epoch; the other began a new one and holds a record.
    for minute, client, over in (
        (1, other, {"ep": "bbbbbbbb", "next_seq": 1, "held": {}}),
        (2, one, {"next_seq": 4, "held": {"0a1b2c3d": [[3, 3]]}}),
        (3, other, {"ep": "bbbbbbbb", "next_seq": 3, "held": {"bbbbbbbb": [[1, 2]]}}),
        (4, one, {"next_seq": 4, "held": {"0a1b2c3d": [[3, 3]]}}),
        (5, other, {"ep": "bbbbbbbb", "next_seq": 3, "held": {"bbbbbbbb": [[1, 2]]}}),
    ):
        monkeypatch.setattr(clock, "now", lambda minute=minute: begun + timedelta(minutes=minute))
        assert hello(bench, client, **over).json["missing_seqs"] == []
    assert notices(bench) == []
    # What a phone itself has lost is still named.
    assert hello(bench, other, ep="bbbbbbbb", next_seq=3, held={}).json["missing_seqs"] == [1, 2]


def test_numbers_of_two_people_on_one_phone_are_their_own(bench: Bench) -> None:
    for person in (bench.cast.tech, bench.cast.tech2):
        client = bench.client_of(person)
        push(client, capture(bench, person, seq=1))
        assert hello(bench, client, user=person.id, next_seq=2, held={}).json["leave_epoch"] is None


def test_copied_stores_are_shown_to_their_person_and_the_leader(bench: Bench) -> None:
    one, other = two_copies(bench)
    for client in (one, other):
        push(client, capture(bench, seq=3))
        hello(bench, client, next_seq=4, held={})
    hello(bench, other, ep="bbbbbbbb", next_seq=1, held={})
    hello(bench, one, next_seq=4, held={})
    assert one.get("/me/devices").text.count("copied or set back") == 2
    page = bench.client_of(bench.cast.leader).get("/phones").text
    assert page.count("copied or set back") == 2, "both phones that speak under the name"
    assert "were copied to another phone" in bench.client_of(bench.cast.leader).get("/inbox").text
    assert "copied or set back" not in bench.client_of(bench.cast.other_leader).get("/phones").text
