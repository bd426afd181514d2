"""`/sync/hello` and the detection of lost records (docs/sync-protocol.md)."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from fieldapp.kernel import clock, ids
from fieldapp.platform.audit import checking
from fieldapp.platform.audit.models import AuditEntry
from fieldapp.platform.commandbus.models import Notice, Receipt
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


def test_hello_returns_instance_user_and_limits(bench: Bench) -> None:
    answer = hello(bench, bench.client_of(bench.cast.tech)).json
    assert answer["user"] == bench.cast.tech.id
    assert answer["limits"]["batch_ops"] == 50
    assert answer["schemas"]["expense_item.capture"] == [1, 1]
    assert abs((clock.parse_iso(answer["server_time"]) - clock.now()).total_seconds()) < 5
    assert answer["missing_seqs"] == answer["attachments_wanted"] == []


def test_repeated_hello_updates_one_device_row(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    pending = {"min_seq": 3, "max_seq": 4, "count": 2, "oldest_utc": clock.iso(clock.now())}
    hello(bench, client)
    hello(bench, client, pending=pending, next_seq=5)
    with bench.app.app_context():
        devices = db.session.query(Device).all()
        assert [(d.user_id, d.pending["count"], d.next_seq) for d in devices] == [(bench.cast.tech.id, 2, 5)]


def test_31_records_lost_with_a_wiped_store_are_reported(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    bench.seq = 0
    push(client, capture(bench), capture(bench))
    pending = {"min_seq": 5, "max_seq": 6, "count": 2, "oldest_utc": clock.iso(clock.now())}
    assert hello(bench, client, next_seq=7, pending=pending).json["missing_seqs"] == [3, 4]
    # A store that has gone back behind what it gave out has lost its end, too.
    assert hello(bench, client, next_seq=3).json["missing_seqs"] == [3, 4, 5, 6]


def pending(first: int, last: int) -> dict[str, Any]:
    return {"min_seq": first, "max_seq": last, "count": last - first + 1, "oldest_utc": clock.iso(clock.now())}


def test_31_first_hello_of_a_new_epoch_reports_losses_of_the_old_one(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    push(client, capture(bench, seq=1), capture(bench, seq=2))
    hello(bench, client, next_seq=6, pending=pending(3, 5), held={"0a1b2c3d": [[3, 5]]})
    # Both stores are gone: the first hello of the new epoch names them.
    answer = hello(bench, client, ep="ffffffff", held={}).json
    assert answer["missing_seqs"] == [3, 4, 5]
    assert answer["missing_refs"] == [ids.short_reference(DEVICE, seq) for seq in (3, 4, 5)]


def test_31_records_restored_from_the_mirror_are_not_missing(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    push(client, capture(bench, seq=1))
    hello(bench, client, next_seq=6, pending=pending(2, 5), held={"0a1b2c3d": [[2, 5]]})
    answer = hello(bench, client, ep="ffffffff", held={"0a1b2c3d": [[2, 3], [5, 5]]}).json
    assert answer["missing_seqs"] == [4]
    push(client, *[capture(bench, seq=seq) for seq in (2, 3, 4, 5)])
    assert hello(bench, client, ep="ffffffff", held={}).json["missing_seqs"] == []


def test_discarded_records_are_not_missing_after_a_wipe(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    assert hello(bench, client, next_seq=3, held={}, dropped={"0a1b2c3d": [1]}).json["missing_seqs"] == [2]
    assert hello(bench, client, next_seq=3, held={}).json["missing_seqs"] == [2]
    assert hello(bench, client, ep="ffffffff", held={}).json["missing_seqs"] == [2]


def test_32_phone_with_a_new_device_id_is_recognised_by_its_session(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    hello(bench, client, next_seq=3, held={"0a1b2c3d": [[1, 2]]})
    fresh = str(uuid4())
    assert hello(bench, client, dev=fresh, ep="ffffffff", held={}).json["missing_seqs"] == [1, 2]
    # It stays so while the phone speaks, and gains nothing that another phone cannot judge.
    assert hello(bench, client, dev=fresh, ep="ffffffff", held={}).json["missing_seqs"] == [1, 2]


def test_33_hello_reports_no_losses_of_the_persons_other_phone(bench: Bench) -> None:
    hello(bench, bench.client_of(bench.cast.tech), next_seq=3, held={"0a1b2c3d": [[1, 2]]})
    second = bench.client_of(bench.cast.tech)
    assert hello(bench, second, dev=str(uuid4()), ep="ffffffff", held={}).json["missing_seqs"] == []


def test_31_loss_notifies_once_and_the_audit_log_stays_valid(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    for _ in range(3):
        hello(bench, client, next_seq=3, held={})
    with bench.app.app_context():
        notices = db.session.execute(select(Notice.user_id, Notice.kind).order_by(Notice.id)).all()
        assert notices == [(bench.cast.tech.id, "device.lost"), (bench.cast.leader.id, "device.lost_of")]
        assert list(db.session.scalars(select(AuditEntry.action))) == ["device.lose"]
        assert list(checking.broken(db.session())) == []
    push(client, capture(bench, seq=1), capture(bench, seq=2))
    hello(bench, client, next_seq=3, held={})
    with bench.app.app_context():
        assert "device.find" in set(db.session.scalars(select(AuditEntry.action)))
        device = db.session.query(Device).one()
        assert (device.missing, device.missing_count, device.missing_since) == ([], 0, None)


def test_31_records_sent_after_the_last_hello_hide_no_loss(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    hello(bench, client, next_seq=4, pending=pending(2, 3), held={"0a1b2c3d": [[1, 3]]})
    push(client, *[capture(bench, seq=seq) for seq in (1, 4, 5, 6)])
    assert hello(bench, client, ep="ffffffff", held={}).json["missing_seqs"] == [2, 3]


def test_hello_works_with_many_stores_that_lost_records(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    hello(bench, client)
    for _ in range(25):
        hello(bench, bench.client_of(bench.cast.tech), dev=str(uuid4()), next_seq=3, held={})
    assert hello(bench, client, next_seq=2, held={}).json["missing_refs"]
    with bench.app.app_context():
        assert db.session.query(Device).where(Device.dev == DEVICE).count() == 1


def test_at_most_200_missing_numbers_are_reported(bench: Bench) -> None:
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
def test_largest_sequence_number_is_accepted(bench: Bench, over: dict[str, Any]) -> None:
    assert hello(bench, bench.client_of(bench.cast.tech), next_seq=4, **over).status_code == 200


def test_41_hello_for_another_user_stores_nothing(bench: Bench) -> None:
    answer = hello(bench, bench.client_of(bench.cast.tech2))
    assert answer.json["user"] == bench.cast.tech2.id
    with bench.app.app_context():
        assert db.session.query(Device).count() == 0


def test_malformed_hello_is_a_400(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    assert hello(bench, client, dev="x").status_code == 400
    assert hello(bench, client, next_seq="many").status_code == 400
    assert hello(bench, client, ep=str(uuid4())).status_code == 400
    assert hello(bench, client, now="never").status_code == 200


def test_pack_lists_pages_that_open(bench: Bench, make_job: Any) -> None:
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


def test_46_what_waits_for_a_discarded_record_is_decided_without_it(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    bench.seq = 0
    refused = capture(bench, amount="-1")
    first = ids_of(refused)
    waiting = capture(bench, depends=[first])
    behind = capture(bench, depends=[ids_of(waiting)])
    answer = push(client, refused, waiting, behind).json["results"]
    assert [result["outcome"] for result in answer] == ["rejected", "held", "held"]
    hello(bench, client, next_seq=4, held={"0a1b2c3d": [[1, 3]]}, dropped={})
    assert outcomes(bench) == ["rejected", "held", "held"]
    hello(bench, client, next_seq=4, held={"0a1b2c3d": [[2, 3]]}, dropped={"0a1b2c3d": [1]})
    assert outcomes(bench) == ["rejected", "accepted", "accepted"]
    assert bench.push(bench.cast.tech, waiting)[0].replayed


def test_46_a_corrected_record_is_waited_for(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    bench.seq = 0
    refused = capture(bench, amount="-1")
    waiting = capture(bench, depends=[ids_of(refused)])
    push(client, refused, waiting, capture(bench, amount="-2", supersedes=ids_of(refused)))
    hello(bench, client, next_seq=4, held={"0a1b2c3d": [[2, 3]]}, dropped={"0a1b2c3d": [1]})
    assert outcomes(bench) == ["rejected", "held", "rejected"]
    # The correction was refused as well; without it nothing is waited for.
    hello(bench, client, next_seq=4, held={"0a1b2c3d": [[2, 2]]}, dropped={"0a1b2c3d": [1, 3]})
    assert outcomes(bench) == ["rejected", "accepted", "rejected"]


def ids_of(body: str) -> str:
    return str(json.loads(body)["op"])


def outcomes(bench: Bench) -> list[str]:
    with bench.app.app_context():
        found = list(db.session.scalars(select(Receipt.outcome).order_by(Receipt.seq)))
        db.session.remove()
    return found


# -- stores that were copied to another phone, or set back by a backup ----------------------------------------


def two_copies(bench: Bench) -> tuple[Any, Any]:
    """Return two phones with copies of one store: two records arrived, then both number independently."""
    first, second = bench.client_of(bench.cast.tech), bench.client_of(bench.cast.tech)
    push(first, capture(bench, seq=1), capture(bench, seq=2))
    assert hello(bench, first, next_seq=3, held={}).json["leave_epoch"] is None
    return first, second


def notices(bench: Bench) -> list[tuple[int, str]]:
    with bench.app.app_context():
        return [(line.user_id, line.kind) for line in db.session.scalars(select(Notice).order_by(Notice.id))]


def told_of_copy(bench: Bench) -> list[tuple[int, str]]:
    return [(bench.cast.tech.id, "device.copied"), (bench.cast.leader.id, "device.copied_of")]


def test_two_records_with_one_number_are_accepted_and_notified_once(bench: Bench) -> None:
    first, second = two_copies(bench)
    for client in (first, second):
        assert push(client, capture(bench, seq=3)).json["results"][0]["outcome"] == "accepted"
    for client in (first, second, first):
        assert hello(bench, client, next_seq=4, held={}).json["leave_epoch"] == "0a1b2c3d"
    assert notices(bench) == told_of_copy(bench)
    # Once both number in epochs of their own, nothing is asked of them any more, and nothing is missing.
    for client, ep in ((first, "aaaaaaaa"), (second, "bbbbbbbb")):
        answer = hello(bench, client, ep=ep, next_seq=1, held={}).json
        assert (answer["leave_epoch"], answer["missing_seqs"]) == (None, [])
    with bench.app.app_context():
        assert db.session.query(Receipt).count() == 4


def test_rewound_store_leaves_its_epoch_before_it_reuses_a_number(
    bench: Bench,
) -> None:
    first, second = two_copies(bench)
    push(first, capture(bench, seq=3))
    hello(bench, first, next_seq=4, held={})
    assert hello(bench, second, next_seq=3, held={}).json["leave_epoch"] == "0a1b2c3d"
    assert notices(bench) == told_of_copy(bench)


def test_delayed_hello_does_not_mark_a_store_as_copied(bench: Bench) -> None:
    client, earlier = bench.client_of(bench.cast.tech), clock.iso(clock.now() - timedelta(seconds=40))
    push(client, capture(bench, seq=1), capture(bench, seq=2))
    hello(bench, client, next_seq=3, held={})
    assert hello(bench, client, next_seq=2, held={}, now=earlier).json["leave_epoch"] is None
    assert notices(bench) == []


def test_records_on_one_copy_are_not_missing_from_the_other(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = two_copies(bench)
    begun = clock.now()
    # The one phone stays in the old epoch; the other began a new one and holds a record.
    for minute, client, over in (
        (1, second, {"ep": "bbbbbbbb", "next_seq": 1, "held": {}}),
        (2, first, {"next_seq": 4, "held": {"0a1b2c3d": [[3, 3]]}}),
        (3, second, {"ep": "bbbbbbbb", "next_seq": 3, "held": {"bbbbbbbb": [[1, 2]]}}),
        (4, first, {"next_seq": 4, "held": {"0a1b2c3d": [[3, 3]]}}),
        (5, second, {"ep": "bbbbbbbb", "next_seq": 3, "held": {"bbbbbbbb": [[1, 2]]}}),
    ):
        monkeypatch.setattr(clock, "now", lambda minute=minute: begun + timedelta(minutes=minute))
        assert hello(bench, client, **over).json["missing_seqs"] == []
    assert notices(bench) == []
    # What a phone itself has lost is still named.
    assert hello(bench, second, ep="bbbbbbbb", next_seq=3, held={}).json["missing_seqs"] == [1, 2]


def test_two_people_on_one_phone_have_separate_numbers(bench: Bench) -> None:
    for person in (bench.cast.tech, bench.cast.tech2):
        client = bench.client_of(person)
        push(client, capture(bench, person, seq=1))
        assert hello(bench, client, user=person.id, next_seq=2, held={}).json["leave_epoch"] is None


def test_two_copies_in_new_epochs_report_no_losses_of_each_other(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = two_copies(bench)
    begun = clock.now()
    pending = {"min_seq": 1, "max_seq": 2, "count": 2, "oldest_utc": clock.iso(begun)}
    hellos = (
        (first, {"next_seq": 3, "held": {}}),
        # Knows fewer numbers than were given out: the store was copied.
        (second, {"next_seq": 2, "held": {}}),
        (first, {"ep": "aaaaaaaa", "next_seq": 3, "held": {"aaaaaaaa": [[1, 2]]}, "pending": pending}),
        (second, {"ep": "bbbbbbbb", "next_seq": 2, "held": {"bbbbbbbb": [[1, 1]]}}),
    )
    for minute, (client, over) in enumerate(hellos):
        monkeypatch.setattr(clock, "now", lambda minute=minute: begun + timedelta(minutes=minute))
        assert hello(bench, client, **over).json["missing_seqs"] == []
    # The copy that has not spoken since the other began anew still holds two records, and stands in the list.
    assert "2 unsent" in bench.client_of(bench.cast.tech).get("/me/devices").text
    page = bench.client_of(bench.cast.leader).get("/phones").text
    assert page.count("copied or set back") == 2
    # Its records arrive; the list then names the phone that spoke last, and what this one loses is noticed.
    push(first, capture(bench, seq=1, ep="aaaaaaaa"), capture(bench, seq=2, ep="aaaaaaaa"))
    assert bench.client_of(bench.cast.leader).get("/phones").text.count("copied or set back") == 1
    assert hello(bench, first, ep="aaaaaaaa", next_seq=5, held={"aaaaaaaa": [[4, 4]]}).json["missing_seqs"] == [3]


def test_copied_stores_are_shown_to_their_person_and_the_leader(bench: Bench) -> None:
    first, second = two_copies(bench)
    for client in (first, second):
        push(client, capture(bench, seq=3))
        hello(bench, client, next_seq=4, held={})
    hello(bench, second, ep="bbbbbbbb", next_seq=1, held={})
    hello(bench, first, next_seq=4, held={})
    assert first.get("/me/devices").text.count("copied or set back") == 2
    page = bench.client_of(bench.cast.leader).get("/phones").text
    assert page.count("copied or set back") == 2, "both phones that speak under the name"
    assert "were copied to another phone" in bench.client_of(bench.cast.leader).get("/inbox").text
    assert "copied or set back" not in bench.client_of(bench.cast.other_leader).get("/phones").text
