"""Photos that never arrived: who sees them, of which record, and how to replace them (failure modes 62 to 64)."""

from __future__ import annotations

from typing import Any

from fieldapp.platform.commandbus.models import Attachment
from fieldapp.platform.extensions import db
from tests.platform.commandbus.test_bus import item
from tests.platform.sync.test_attachments import create, patch
from tests.platform.sync.test_hello import hello
from tests.support.bench import Bench, Person


def expense(bench: Bench, *notes: dict[str, Any], who: Person | None = None) -> str:
    kind, agg, data = item()
    assert bench.send(who or bench.cast.tech, kind, agg, data, atts=list(notes)).outcome == "accepted"
    return agg[1]


def state_of(bench: Bench, attachment_id: str) -> str:
    with bench.app.app_context():
        return db.session.get_one(Attachment, attachment_id).state


def lost(bench: Bench, client: Any, note: dict[str, Any]) -> Any:
    return client.post(f"/sync/attachments/{note['id']}/lost", headers={"Tus-Resumable": "1.0.0"})


def test_63_technician_and_leader_see_what_is_missing_and_nobody_else(bench: Bench) -> None:
    (here, data), (gone, _) = bench.photo("receipt"), bench.photo("receipt")
    record = expense(bench, here, gone)
    tech = bench.client_of(bench.cast.tech)
    create(tech, here)
    patch(tech, here, 0, data)
    for who in (bench.cast.tech, bench.cast.leader):
        page = bench.client_of(who).get("/attachments/missing").text
        assert page.count("still on the phone") == 1
        # An expense that is in no claim yet opens for its author alone.
        assert (f"/expenses/items/{record}" in page) == (who == bench.cast.tech)
        assert bench.cast.tech.name in page
    for who in (bench.cast.tech2, bench.cast.other_leader, bench.cast.other_tech):
        page = bench.client_of(who).get("/attachments/missing").text
        assert "No photo is missing" in page
        assert record not in page


def test_62_the_record_says_how_many_of_its_photos_are_here(bench: Bench) -> None:
    notes = [bench.photo("receipt") for _ in range(3)]
    record = expense(bench, *(note for note, _ in notes))
    tech = bench.client_of(bench.cast.tech)
    for note, data in notes[:2]:
        create(tech, note)
        patch(tech, note, 0, data)
    page = tech.get(f"/expenses/items/{record}").text
    assert "2/3 photos arrived" in page
    assert page.count("still on the phone") == 1
    assert "photos 2/3" in tech.get("/expenses").text


def test_64_lost_on_the_phone_is_reported_shown_and_no_longer_asked_for(bench: Bench) -> None:
    note, _ = bench.photo("receipt")
    record = expense(bench, note)
    tech = bench.client_of(bench.cast.tech)
    assert lost(bench, bench.client_of(bench.cast.tech2), note).status_code == 404
    response = lost(bench, tech, note)
    assert (response.status_code, response.headers["X-Attachment-State"], "X-Fieldapp" in response.headers) == (
        204,
        "lost",
        True,
    )
    assert lost(bench, tech, note).status_code == 204
    assert hello(bench, tech).json["attachments_wanted"] == []
    assert "lost on the phone" in tech.get(f"/expenses/items/{record}").text
    assert "lost on the phone" in bench.client_of(bench.cast.leader).get("/attachments/missing").text
    assert tech.get(f"/attachments/{note['id']}").status_code == 404


def test_64_bytes_of_a_lost_photo_are_still_accepted(bench: Bench) -> None:
    note, data = bench.photo("receipt")
    expense(bench, note)
    tech = bench.client_of(bench.cast.tech)
    lost(bench, tech, note)
    create(tech, note)
    assert patch(tech, note, 0, data).headers["X-Attachment-State"] == "stored"
    assert lost(bench, tech, note).headers["X-Attachment-State"] == "stored"


def test_64_new_photo_replaces_the_lost_one(bench: Bench) -> None:
    note, _ = bench.photo("receipt")
    record = expense(bench, note)
    tech = bench.client_of(bench.cast.tech)
    lost(bench, tech, note)
    assert f"/attachments/{note['id']}/again" in tech.get("/attachments/missing").text
    assert 'name="missing"' in tech.get(f"/attachments/{note['id']}/again").text
    fresh, data = bench.photo("photo")
    done = bench.send(
        bench.cast.tech, "attachment.add", ("expense_item", record), {"missing": note["id"]}, atts=[fresh]
    )
    assert done.outcome == "accepted"
    assert state_of(bench, note["id"]) == "replaced"
    waiting = tech.get("/attachments/missing").text
    # Until it has come it stands under the record it belongs to, not under the way it came.
    assert ">Expense<" in waiting
    assert "Photo taken again" not in waiting.split("<main")[1].split("<template")[0]
    create(tech, fresh)
    patch(tech, fresh, 0, data)
    assert "No photo is missing" in tech.get("/attachments/missing").text
    page = tech.get(f"/expenses/items/{record}").text
    assert f"/attachments/{fresh['id']}" in page
    assert "photos arrived" not in page


def test_64_only_its_author_and_only_for_that_record(bench: Bench) -> None:
    note, _ = bench.photo("receipt")
    record, other = expense(bench, note), expense(bench)
    fresh, _ = bench.photo("photo")
    data = {"missing": note["id"]}
    send = bench.send
    assert send(bench.cast.tech2, "attachment.add", ("expense_item", record), data, atts=[fresh]).outcome == "rejected"
    assert send(bench.cast.tech, "attachment.add", ("expense_item", other), data, atts=[fresh]).outcome == "rejected"
    assert send(bench.cast.tech, "attachment.add", ("expense_item", record), data).outcome == "rejected"
    assert bench.client_of(bench.cast.tech2).get(f"/attachments/{note['id']}/again").status_code == 404
    assert state_of(bench, note["id"]) == "expected"


def test_a_photo_taken_again_for_one_that_arrived_meanwhile_joins_it(bench: Bench) -> None:
    note, data = bench.photo("receipt")
    record = expense(bench, note)
    tech = bench.client_of(bench.cast.tech)
    create(tech, note)
    patch(tech, note, 0, data)
    fresh, _ = bench.photo("photo")
    done = bench.send(
        bench.cast.tech, "attachment.add", ("expense_item", record), {"missing": note["id"]}, atts=[fresh]
    )
    assert done.outcome == "accepted"
    assert state_of(bench, note["id"]) == "stored"


def test_missing_photos_and_their_forms_are_in_the_pack(bench: Bench) -> None:
    note, _ = bench.photo("receipt")
    expense(bench, note)
    tech, leader = bench.client_of(bench.cast.tech), bench.client_of(bench.cast.leader)

    def packed(client: Any) -> dict[str, str]:
        return {entry["url"]: entry["etag"] for entry in client.get("/sync/pack").json["entries"]}

    again = f"/attachments/{note['id']}/again"
    before, led = packed(tech), packed(leader)
    assert again not in before
    lost(bench, tech, note)
    assert again in packed(tech)
    assert again not in packed(leader)
    for old, new in ((before, packed(tech)), (led, packed(leader))):
        assert old["/attachments/missing"] != new["/attachments/missing"]


def test_missing_photos_page_has_a_fixed_number_of_queries(bench: Bench, queries: Any) -> None:
    client = bench.client_of(bench.cast.leader)
    expense(bench, bench.photo("receipt")[0])
    client.get("/attachments/missing")
    with queries() as few:
        client.get("/attachments/missing")
    for _ in range(6):
        expense(bench, bench.photo("receipt")[0])
    with queries() as many:
        client.get("/attachments/missing")
    assert few.count == many.count <= 12
