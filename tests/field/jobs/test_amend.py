"""`asset.amend` through the door: corrections of two people meet field by field (ADR 17, failure modes 51, 53)."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from fieldapp.field.customers import Asset
from fieldapp.field.jobs.models import JobAsset
from fieldapp.kernel import clock
from fieldapp.platform.commandbus import field_history, writing
from fieldapp.platform.commandbus.models import FieldChange, Notice
from fieldapp.platform.extensions import db
from fieldapp.services.accounts.models import Membership
from tests.support.audit import logged, lose_contents
from tests.support.bench import LONG_AGO

#: The asset of the test bench as a form shows it.
SEEN = {"model": "GT06-N", "serial_no": "8832019", "plate": "HA8K321", "sim_no": None, "mounted_at": None, "note": None}


@pytest.fixture
def asset(app: Any, cast: Any, make_job: Any) -> str:
    """An asset on a job of `tech`, with its warranty."""
    job, _ = make_job(cast.tech)
    with app.app_context():
        found = db.session.scalar(select(JobAsset.asset_id).where(JobAsset.job_id == job))
        SEEN["warranty_until"] = db.session.get_one(Asset, found).warranty_until.isoformat()
        db.session.remove()
    return str(found)


@pytest.fixture
def stored(app: Any) -> Any:
    """`stored(asset, field, …)` → the stored values."""

    def _stored(one: str, *names: str) -> Any:
        with app.app_context():
            row = db.session.get_one(Asset, one)
            found = tuple(getattr(row, name) for name in names)
            db.session.remove()
        return found if len(names) > 1 else found[0]

    return _stored


def data(**changes: Any) -> dict[str, Any]:
    """The form as sent: what is empty is left out."""
    return {name: value for name, value in {**SEEN, **changes}.items() if value is not None}


def base(ver: int = 1, **fields: Any) -> dict[str, Any]:
    return {"ver": ver, "fields": {**SEEN, **fields}}


def test_a_correction_is_written_with_both_values_in_the_trail(cast: Any, send: Any, app: Any, asset: str) -> None:
    result = send(cast.tech, "asset.amend", ("asset", asset), data(serial_no="8840177"), base=base())
    assert (result.outcome, result.ref, result.ver) == ("accepted", "8840177", 2)
    with app.app_context():
        (entry,) = logged()
        assert (entry.before, entry.after) == ({"serial_no": "8832019"}, {"serial_no": "8840177"})
        change = field_history(db.session(), ("asset", asset), SEEN)[0]
        assert (change.field, change.before, change.after) == ("serial_no", "8832019", "8840177")
        assert (change.who, change.merged) == ("Tech Person", False)
        db.session.remove()


def test_51_different_fields_merge_and_are_marked(cast: Any, send: Any, app: Any, stored: Any, asset: str) -> None:
    send(cast.agent, "asset.amend", ("asset", asset), data(note="Key at the gate"), base=base())
    result = send(cast.tech, "asset.amend", ("asset", asset), data(serial_no="8840177"), base=base())
    assert result.outcome == "accepted"
    assert result.current == {"note": "Merged; somebody else had changed meanwhile: Notes."}
    assert stored(asset, "serial_no", "note") == ("8840177", "Key at the gate")
    with app.app_context():
        assert logged()[-1].after == {"serial_no": "8840177", "merged_with": ["note"]}
        assert field_history(db.session(), ("asset", asset), ["serial_no"])[0].merged
        db.session.remove()


def test_51_the_same_value_by_both_is_nothing(cast: Any, send: Any, stored: Any, asset: str) -> None:
    for person in (cast.agent, cast.tech):
        result = send(person, "asset.amend", ("asset", asset), data(serial_no="8840177"), base=base())
        assert (result.outcome, result.current) == ("accepted", None)
    assert stored(asset, "serial_no", "ver") == ("8840177", 2)


def test_51_the_same_field_goes_to_a_person_with_both_values(cast: Any, send: Any, stored: Any, asset: str) -> None:
    send(cast.agent, "asset.amend", ("asset", asset), data(serial_no="1111", mounted_at="Cab"), base=base())
    mine = data(serial_no="2222", note="Loose cable")
    result = send(cast.tech, "asset.amend", ("asset", asset), mine, base=base())
    assert (result.outcome, result.code) == ("conflict", "record.changed_meanwhile")
    assert stored(asset, "serial_no", "note") == ("1111", "")
    card = result.current["merge"]
    told = card["disputed"]
    assert [(one["name"], one["label"], one["mine"], one["theirs"]) for one in told] == [
        ("serial_no", "Serial no.", "2222", "1111")
    ]
    assert "You wrote: 2222. Meanwhile Agent Person wrote: 1111" in told[0]["words"]
    assert result.problems == {"serial_no": [told[0]["words"]]}
    # What the phone needs for the decision: what holds now, and its own other changes on top of it.
    assert (card["ver"], card["fields"]["serial_no"], card["fields"]["mounted_at"]) == (2, "1111", "Cab")
    assert (card["data"]["note"], card["data"]["mounted_at"]) == ("Loose cable", "Cab")

    # Keep mine: a new record with a fresh base supersedes, and nothing of either person's is lost.
    fresh = {"ver": card["ver"], "fields": card["fields"]}
    decided = {name: value for name, value in {**card["data"], "serial_no": "2222"}.items() if value is not None}
    again = send(cast.tech, "asset.amend", ("asset", asset), decided, base=fresh, supersedes=result.op)
    assert again.outcome == "accepted"
    assert stored(asset, "serial_no", "note", "mounted_at") == ("2222", "Loose cable", "Cab")


def test_51_taking_theirs_keeps_ones_own_other_changes(cast: Any, send: Any, stored: Any, asset: str) -> None:
    send(cast.agent, "asset.amend", ("asset", asset), data(serial_no="1111"), base=base())
    mine = data(serial_no="2222", note="Loose cable")
    result = send(cast.tech, "asset.amend", ("asset", asset), mine, base=base())
    card = result.current["merge"]
    fresh = {"ver": card["ver"], "fields": card["fields"]}
    decided = {name: value for name, value in {**card["data"], "serial_no": "1111"}.items() if value is not None}
    again = send(cast.tech, "asset.amend", ("asset", asset), decided, base=fresh, supersedes=result.op)
    assert again.outcome == "accepted"
    assert stored(asset, "serial_no", "note") == ("1111", "Loose cable")


def test_51_a_conflict_stays_one_when_it_is_sent_again(cast: Any, bench: Any, asset: str) -> None:
    bench.send(cast.agent, "asset.amend", ("asset", asset), data(serial_no="1111"), base=base())
    body = bench.envelope(cast.tech, "asset.amend", ("asset", asset), data(serial_no="2222"), base=base())
    first, second = bench.push(cast.tech, body)[0], bench.push(cast.tech, body)[0]
    assert (second.outcome, second.replayed, second.current) == ("conflict", True, first.current)


def test_an_own_earlier_change_is_nobody_elses(cast: Any, bench: Any, stored: Any, asset: str) -> None:
    """Two corrections from one cached page, in one push or in two: the later one holds."""
    bodies = [
        bench.envelope(cast.tech, "asset.amend", ("asset", asset), data(serial_no=serial), base=base())
        for serial in ("1", "2", "3")
    ]
    assert [one.outcome for one in bench.push(cast.tech, *bodies[:2])] == ["accepted", "accepted"]
    assert bench.push(cast.tech, bodies[2])[0].outcome == "accepted"
    assert stored(asset, "serial_no") == "3"
    note = bench.send(cast.tech, "asset.amend", ("asset", asset), data(note="New"), base=base())
    assert (note.outcome, note.current) == ("accepted", None)
    assert stored(asset, "serial_no", "note") == ("3", "New")


def test_an_own_change_stays_ones_own_after_200_changes_of_others(
    cast: Any, bench: Any, stored: Any, asset: str
) -> None:
    bench.send(cast.tech, "asset.amend", ("asset", asset), data(note="Mine"), base=base())
    others = [
        bench.envelope(
            cast.agent, "asset.amend", ("asset", asset), data(model=f"M{n}", note="Mine"), base=base(2, note="Mine")
        )
        for n in range(201)
    ]
    for start in range(0, len(others), 50):
        assert {one.outcome for one in bench.push(cast.agent, *others[start : start + 50])} == {"accepted"}
    result = bench.send(cast.tech, "asset.amend", ("asset", asset), data(note="Mine, newer"), base=base())
    assert (result.outcome, stored(asset, "note")) == ("accepted", "Mine, newer")


def test_who_changed_a_field_is_known_without_the_contents_of_the_audit_log(
    app: Any, cast: Any, send: Any, asset: str, queries: Any
) -> None:
    send(cast.agent, "asset.amend", ("asset", asset), data(serial_no="1111"), base=base())
    with app.app_context():
        lose_contents()
        changes = db.session.execute(select(FieldChange.field, FieldChange.actor_id, FieldChange.ver)).all()
        db.session.remove()
    assert [tuple(row) for row in changes] == [("serial_no", cast.agent.id, 2)]
    with queries() as counted:
        result = send(cast.tech, "asset.amend", ("asset", asset), data(serial_no="2222"), base=base())
    assert "Meanwhile Agent Person wrote: 1111" in result.problems["serial_no"][0]
    assert sum("field_change" in one for one in counted.statements) == 1
    assert sum("FROM audit_entry" in one for one in counted.statements) == 0


def test_an_own_earlier_change_gives_way_also_beside_a_conflict(cast: Any, send: Any, asset: str) -> None:
    """The page was older than one's own last correction: the later words come back with the card."""
    send(cast.tech, "asset.amend", ("asset", asset), data(note="Loose cable"), base=base())
    send(
        cast.agent,
        "asset.amend",
        ("asset", asset),
        data(model="D", note="Loose cable"),
        base=base(2, note="Loose cable"),
    )
    result = send(cast.tech, "asset.amend", ("asset", asset), data(model="T", note="Cable fixed"), base=base())
    card = result.current["merge"]
    assert [one["name"] for one in card["disputed"]] == ["model"]
    assert card["data"]["note"] == "Cable fixed"


def test_emptying_a_field_is_a_change_too(cast: Any, send: Any, stored: Any, asset: str) -> None:
    result = send(cast.tech, "asset.amend", ("asset", asset), data(plate=None), base=base())
    assert result.outcome == "accepted"
    assert stored(asset, "plate") is None
    send(cast.agent, "asset.amend", ("asset", asset), data(plate="B1"), base=base(2, plate=None))
    result = send(cast.tech, "asset.amend", ("asset", asset), data(plate="B2"), base=base(2, plate=None))
    assert result.outcome == "conflict"
    assert result.current["merge"]["disputed"][0]["theirs_words"] == "B1"


def test_without_a_base_nothing_is_written_over_unseen(cast: Any, send: Any, stored: Any, asset: str) -> None:
    required = {"model": "GT06-N", "serial_no": "8832019"}
    result = send(cast.tech, "asset.amend", ("asset", asset), {**required, "note": "Fills what was empty"})
    assert result.outcome == "accepted"
    assert stored(asset, "note", "plate") == ("Fills what was empty", "HA8K321")
    result = send(cast.tech, "asset.amend", ("asset", asset), {**required, "serial_no": "9"})
    assert (result.outcome, set(result.problems)) == ("conflict", {"serial_no"})
    assert "Meanwhile it was changed to: 8832019" in result.problems["serial_no"][0]


@pytest.mark.parametrize(
    "odd",
    [
        {"ver": 999, "fields": {}},
        {"ver": -1, "fields": {"colour": "red", "id": "x"}},
        {"ver": 0, "fields": {"serial_no": ["8832019"], "plate": {"a": 1}}},
    ],
)
def test_an_odd_base_never_fails_and_never_overwrites(
    cast: Any, send: Any, stored: Any, asset: str, odd: dict[str, Any]
) -> None:
    result = send(cast.tech, "asset.amend", ("asset", asset), data(serial_no="9"), base=odd)
    assert (result.outcome, set(result.problems)) == ("conflict", {"serial_no"})
    assert stored(asset, "serial_no") == "8832019"


def test_an_older_version_with_its_fields_is_enough(cast: Any, send: Any, stored: Any, asset: str) -> None:
    for number in range(4):
        send(cast.agent, "asset.amend", ("asset", asset), data(note=f"n{number}"), base=base(number))
    result = send(cast.tech, "asset.amend", ("asset", asset), data(model="GT06-X"), base=base(1))
    assert result.outcome == "accepted"
    assert stored(asset, "model", "note") == ("GT06-X", "n3")


@pytest.mark.parametrize(
    ("who", "outcome"),
    [
        ("tech", "accepted"),
        ("leader", "accepted"),
        ("agent", "accepted"),
        ("tech2", "rejected"),
        ("other_tech", "rejected"),
        ("other_leader", "rejected"),
        ("manager", "rejected"),
        ("quality", "rejected"),
        ("finance", "rejected"),
    ],
)
def test_who_corrects_equipment(cast: Any, send: Any, asset: str, who: str, outcome: str) -> None:
    result = send(getattr(cast, who), "asset.amend", ("asset", asset), data(note="x"), base=base())
    assert result.outcome == outcome


def test_who_only_sees_the_job_gets_no_form_for_its_equipment(
    cast: Any, client_of: Any, make_job: Any, app: Any
) -> None:
    """A technician who has another role, too, sees all jobs and works on none of them."""
    job, _ = make_job(cast.tech)
    with app.app_context():
        with writing() as session:
            session.add(Membership(user_id=cast.tech2.id, group_id=None, role="finance", from_on=LONG_AGO))
        asset = db.session.scalar(select(JobAsset.asset_id).where(JobAsset.job_id == job))
        db.session.remove()
    seen = {
        who: client_of(getattr(cast, who)).get(f"/jobs/{job}/assets/{asset}").status_code for who in ("tech", "tech2")
    }
    assert client_of(cast.tech2).get(f"/jobs/{job}").status_code == 200
    assert seen == {"tech": 200, "tech2": 403}


def test_57_a_serial_number_that_another_asset_has_blocks_nobody(
    cast: Any, send: Any, make_job: Any, app: Any, asset: str
) -> None:
    """What people call a thing need not be unique; only ids are."""
    job, _ = make_job(cast.tech)
    with app.app_context():
        other = db.session.scalar(select(JobAsset.asset_id).where(JobAsset.job_id == job))
        assert db.session.get_one(Asset, other).serial_no == SEEN["serial_no"]
        db.session.remove()
    result = send(cast.tech, "asset.amend", ("asset", other), data(note="The same number twice"), base=base())
    assert result.outcome == "accepted"


def test_nobody_is_told_of_a_technicians_correction(cast: Any, send: Any, app: Any, asset: str) -> None:
    send(cast.tech, "asset.amend", ("asset", asset), data(note="x"), base=base())
    with app.app_context():
        assert db.session.scalars(select(Notice)).all() == []
        db.session.remove()


def test_the_words_of_a_day_are_a_day(cast: Any, send: Any, asset: str) -> None:
    today = clock.today().isoformat()
    send(cast.agent, "asset.amend", ("asset", asset), data(warranty_until=today), base=base())
    result = send(cast.tech, "asset.amend", ("asset", asset), data(warranty_until=None), base=base())
    assert result.outcome == "conflict"
    assert result.current["merge"]["disputed"][0]["mine_words"] == "nothing"
