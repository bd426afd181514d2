"""Capturing an expense: what is taken in, and what is refused (D-EXP-1, docs/commands.md)."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from fieldapp.kernel import clock, ids
from tests.money.expenses.conftest import day, item_data


def test_the_contract(bench: Any, cast: Any, item_of: Any) -> None:
    record = str(ids.uuid7())
    data = {"id": record, "kind": "local_transport", "amount": "46.00", "spent_on": day(), "note": "bus"}
    body = bench.envelope(cast.tech, "expense_item.capture", ("expense_item", record), data)
    [first] = bench.push(cast.tech, body)
    [again] = bench.push(cast.tech, body)
    assert (first.outcome, first.replayed) == ("accepted", False)
    assert (again.outcome, again.replayed, again.ref) == ("accepted", True, first.ref)
    item = item_of(record)
    assert (item.amount, item.owner_id, item.group_id, item.state) == (
        Decimal("46.00"),
        cast.tech.id,
        cast.group,
        "open",
    )


def test_one_insert_is_all_it_writes(bench: Any, cast: Any, queries: Any) -> None:
    """The most frequent write of all: besides the door's own statements only the item's insert."""
    records = [str(ids.uuid7()) for _ in range(10)]
    bodies = [
        bench.envelope(cast.tech, "expense_item.capture", ("expense_item", one), item_data(one)) for one in records
    ]
    actor = bench.actor(cast.tech)
    assert actor
    with queries() as counted:
        results = bench.push(cast.tech, *bodies)
    assert {one.outcome for one in results} == {"accepted"}
    of_items = [one for one in counted.statements if "expense_item" in one]
    assert len(of_items) == 1
    assert all(one.startswith("INSERT") for one in of_items)
    assert not [one for one in counted.statements if "FROM job" in one]


BAD: list[tuple[str, dict[str, Any]]] = [
    ("amount", {"amount": None}),
    ("amount", {"amount": "0"}),
    ("amount", {"amount": "0.00"}),
    ("amount", {"amount": "-5"}),
    ("amount", {"amount": "1.005"}),
    ("amount", {"amount": "1e9"}),
    ("amount", {"amount": "1e400"}),
    ("amount", {"amount": "9" * 40}),
    ("amount", {"amount": "NaN"}),
    ("amount", {"amount": "Infinity"}),
    ("amount", {"amount": "about ten"}),
    ("amount", {"amount": 46.5}),
    ("amount", {"amount": True}),
    ("amount", {"amount": []}),
    ("kind", {"kind": None}),
    ("kind", {"kind": "yacht"}),
    ("kind", {"kind": "per_diem"}),
    ("kind", {"kind": 7}),
    ("spent_on", {"spent_on": day(1)}),
    ("spent_on", {"spent_on": day(-91)}),
    ("spent_on", {"spent_on": "2026-02-30"}),
    ("spent_on", {"spent_on": "yesterday"}),
    ("note", {"note": "\u4e2d" * 10_000}),
    ("note", {"note": ["a"]}),
    ("note", {"note": "a\u0007b"}),
    ("job_id", {"job_id": "not a job"}),
    ("job_id", {"job_id": "01890000-0000-7000-8000-000000000001"}),
    ("fapiao_number", {"fapiao_number": "\u4e2d\u6587\u4e2d\u6587\u4e2d"}),
    ("fapiao_number", {"fapiao_number": "1" * 31}),
    ("fapiao_number", {"fapiao_number": "12"}),
    ("fapiao_code", {"fapiao_code": "x"}),
    ("fapiao_amount", {"fapiao_amount": "-1"}),
    ("fapiao_amount", {"fapiao_amount": "1.234"}),
    ("id", {"id": "7"}),
    ("id", {"id": "01890000-0000-7000-8000-000000000002"}),
    ("colour", {"colour": "red"}),
]


@pytest.mark.parametrize(("field", "over"), BAD, ids=lambda value: str(value)[:40])
def test_bad_input_is_refused_at_its_field(capture: Any, cast: Any, field: str, over: dict[str, Any]) -> None:
    _, result = capture(cast.tech, **over)
    assert result.outcome == "rejected"
    assert field in result.problems, result.problems


def test_markup_is_kept_and_shown_as_text(capture: Any, cast: Any, client_of: Any) -> None:
    capture(cast.tech, note="<script>alert(1)</script>")
    page = client_of(cast.tech).get("/expenses").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


@pytest.mark.parametrize("days", [0, -90])
def test_days_within_the_limit(capture: Any, cast: Any, days: int) -> None:
    assert capture(cast.tech, spent_on=day(days))[1].outcome == "accepted"


def test_age_is_counted_from_when_it_was_written(capture: Any, cast: Any) -> None:
    """A phone that was without signal for five days does not make an expense too old."""
    written = clock.now() - timedelta(days=5)
    at = {"utc": clock.iso(written), "tz": "Asia/Shanghai", "offset_ms": 0, "offset_age_s": 5}
    assert capture(cast.tech, {"at": at}, spent_on=day(-94))[1].outcome == "accepted"
    assert "spent_on" in capture(cast.tech, {"at": at}, spent_on=day(-96))[1].problems


def test_without_a_day_it_is_the_day_of_writing(capture: Any, cast: Any, item_of: Any) -> None:
    written = clock.now() - timedelta(days=3)
    at = {"utc": clock.iso(written), "tz": "Asia/Shanghai", "offset_ms": 0, "offset_age_s": 5}
    record, result = capture(cast.tech, {"at": at}, spent_on=None)
    assert result.outcome == "accepted"
    assert item_of(record).spent_on == clock.local(written).date()


def test_everything_at_once(capture: Any, cast: Any, make_job: Any, item_of: Any, bench: Any) -> None:
    job, _ = make_job(technician=cast.tech)
    notes = [bench.photo("receipt")[0] for _ in range(6)]
    record, result = capture(
        cast.tech,
        {"atts": notes},
        job_id=job,
        fapiao_number="0410-0318",
        fapiao_code="0410 0260 0111",
        fapiao_amount="46.00",
    )
    assert result.outcome == "accepted"
    item = item_of(record)
    assert (item.job_id, item.receipts) == (job, 6)
    assert (item.fapiao_code, item.fapiao_number) == ("041002600111", "04100318")


def test_photos(capture: Any, cast: Any, bench: Any) -> None:
    seven = [bench.photo("receipt")[0] for _ in range(7)]
    assert "photos.receipt" in capture(cast.tech, {"atts": seven})[1].problems
    assert "photos.selfie" in capture(cast.tech, {"atts": [bench.photo("selfie")[0]]})[1].problems


def test_somebody_elses_job(capture: Any, cast: Any, make_job: Any) -> None:
    job, _ = make_job(technician=cast.other_tech, group=2)
    assert "job_id" in capture(cast.tech, job_id=job)[1].problems


def test_an_id_is_used_once(bench: Any, cast: Any, capture: Any, item_of: Any) -> None:
    record, _ = capture(cast.tech)
    other = bench.send(cast.tech2, "expense_item.capture", ("expense_item", record), item_data(record, amount="99.00"))
    assert (other.outcome, other.code) == ("conflict", "record.exists")
    assert item_of(record).amount == Decimal("46.00")


@pytest.mark.parametrize("who", ["agent", "hr", "quality", "purchasing", "admin"])
def test_who_may_not(capture: Any, cast: Any, who: str) -> None:
    assert capture(getattr(cast, who))[1].outcome == "rejected"


def test_without_javascript(client_of: Any, cast: Any, item_of: Any, bench: Any) -> None:
    client = client_of(cast.tech)
    page = client.get("/expenses/new").text
    record = str(ids.uuid7())
    form = {"_op": str(ids.uuid7()), "_issued": clock.iso(clock.now()), "id": record, "amount": "12.5", "kind": "taxi"}
    assert 'data-op="expense_item.capture"' in page
    bad = client.post("/expenses/new", data={**form, "_op": str(ids.uuid7()), "amount": "0"})
    assert bad.status_code == 422
    assert record in bad.text
    photo = bench.photo("receipt")[1]
    from io import BytesIO

    good = client.post("/expenses/new", data={**form, "receipt": (BytesIO(photo), "r.jpg")})
    assert (good.status_code, good.location) == (303, "/expenses?sent=1")
    assert (item_of(record).amount, item_of(record).receipts) == (Decimal("12.50"), 1)
    assert "12.50" in client.get("/expenses").text


def test_the_form_says_what_can_be_said_before(client_of: Any, cast: Any, make_job: Any) -> None:
    job, _ = make_job(technician=cast.tech)
    page = client_of(cast.tech).get(f"/expenses/new?job={job}").text
    assert page.index('data-role="receipt"') < page.index('name="amount"') < page.index('name="kind"')
    assert f'value="{job}" selected' in page
    assert 'inputmode="decimal"' in page
    # A copy of this page may be used days later: the phone counts from the day of writing.
    day = page.split('name="spent_on"')[1].split(">")[0]
    assert 'data-max-days="0"' in day
    assert f'max="{clock.today().isoformat()}"' in day


def test_correct_and_discard(bench: Any, cast: Any, capture: Any, item_of: Any) -> None:
    record, _ = capture(cast.tech)
    agg = ("expense_item", record)
    new = {"kind": "taxi", "amount": "50.00", "note": "taxi after all"}
    assert bench.send(cast.tech2, "expense_item.resubmit", agg, new).outcome == "rejected"
    result = bench.send(cast.tech, "expense_item.resubmit", agg, new, atts=[bench.photo("receipt")[0]])
    assert (result.outcome, result.ver) == ("accepted", 2)
    item = item_of(record)
    assert (item.kind, item.amount, item.receipts, item.spent_on.isoformat()) == ("taxi", Decimal("50.00"), 1, day())
    assert bench.send(cast.tech2, "expense_item.discard", agg, {}).outcome == "rejected"
    assert bench.send(cast.tech, "expense_item.discard", agg, {}).outcome == "accepted"
    assert bench.send(cast.tech, "expense_item.discard", agg, {}).outcome == "accepted"
    assert item_of(record).state == "discarded"
    assert bench.send(cast.tech, "expense_item.resubmit", agg, new).outcome == "conflict"


def test_a_corrected_refusal(bench: Any, cast: Any, capture: Any) -> None:
    """Refused, put right on the phone, sent again under the same id with `supersedes`."""
    record = str(ids.uuid7())
    agg = ("expense_item", record)
    bad = bench.envelope(cast.tech, "expense_item.capture", agg, item_data(record, amount="0"))
    assert bench.push(cast.tech, bad)[0].outcome == "rejected"
    op = json.loads(bad)["op"]
    good = bench.send(cast.tech, "expense_item.capture", agg, item_data(record), supersedes=op)
    assert good.outcome == "accepted"
