"""Claims: sent, checked, decided, sent again (D-EXP-3, D-EXP-5, D-EXP-8, D-ROLE-1)."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from decimal import Decimal
from itertools import islice, permutations
from typing import Any

import pytest

from fieldapp.integrity import faults
from fieldapp.kernel import clock, ids
from fieldapp.platform.commandbus import writing
from fieldapp.platform.extensions import db
from fieldapp.platform.web.extension_points import can_view
from fieldapp.services.settings.models import Setting
from tests.money.expenses.conftest import day, item_data

FAPIAO = "26412000000000010317"


def test_the_server_adds_up(cast: Any, claimed: Any, claim_of: Any, item_of: Any) -> None:
    record, items = claimed(cast.tech, "46.00", "0.01", "12.30")
    claim = claim_of(record)
    assert (claim.total, claim.state, claim.owner_id, claim.group_id) == (Decimal("58.31"), "submitted", 1, 1)
    assert claim.number.startswith(f"EC-{clock.today():%y%m%d}-")
    assert {item_of(one).state for one in items} == {"claimed"}


def test_numbers_follow_each_other(cast: Any, claimed: Any, claim_of: Any) -> None:
    numbers = [claim_of(claimed(cast.tech, f"{n}.00")[0]).number for n in (1, 2, 3)]
    assert [one[-2:] for one in numbers] == ["01", "02", "03"]


def test_approval_allows_what_was_claimed(cast: Any, claimed: Any, decide: Any, claim_of: Any, item_of: Any) -> None:
    record, items = claimed(cast.tech, "46.00", "12.30")
    assert decide(cast.leader, "approve", record).outcome == "accepted"
    claim = claim_of(record)
    assert (claim.state, claim.month) == ("approved", clock.today().strftime("%Y-%m"))
    assert claim.approved_at is not None
    assert [item_of(one).allowed_amount for one in items] == [Decimal("46.00"), Decimal("12.30")]
    assert decide(cast.leader, "approve", record).outcome == "conflict"


def test_it_is_listed_in_the_month_of_its_approval(cast: Any, claimed: Any, decide: Any, claim_of: Any) -> None:
    then = clock.now() - timedelta(days=40)
    with clock.standing_at(then):
        record, _ = claimed(cast.tech, "46.00")
        assert claim_of(record).month == clock.local(then).strftime("%Y-%m")
    decide(cast.leader, "approve", record)
    assert claim_of(record).month == clock.today().strftime("%Y-%m")


@pytest.mark.parametrize("who", ["tech", "tech2", "other_leader", "finance", "manager", "executive", "admin"])
def test_only_the_groups_leader_decides(cast: Any, claimed: Any, decide: Any, claim_of: Any, who: str) -> None:
    record, _ = claimed(cast.tech, "46.00")
    for verb in ("approve", "return", "reject"):
        assert decide(getattr(cast, who), verb, record, "no").outcome == "rejected"
    assert claim_of(record).state == "submitted"


def test_nobody_approves_their_own(cast: Any, claimed: Any, decide: Any, claim_of: Any) -> None:
    record, _ = claimed(cast.leader, "46.00")
    assert decide(cast.leader, "approve", record).outcome == "rejected"
    assert decide(cast.other_leader, "approve", record).outcome == "rejected"
    assert decide(cast.manager, "approve", record).outcome == "accepted"
    assert claim_of(record).state == "approved"


def test_without_a_group_the_manager_decides(cast: Any, claimed: Any, decide: Any) -> None:
    record, _ = claimed(cast.finance, "46.00")
    assert decide(cast.leader, "approve", record).outcome == "rejected"
    assert decide(cast.finance, "approve", record).outcome == "rejected"
    assert decide(cast.manager, "approve", record).outcome == "accepted"


@pytest.mark.parametrize(("author", "decider"), [("manager", "executive"), ("executive", "manager")])
def test_those_at_the_top_decide_for_each_other(
    cast: Any, claimed: Any, decide: Any, author: str, decider: str
) -> None:
    record, _ = claimed(getattr(cast, author), "46.00")
    assert decide(getattr(cast, author), "approve", record).outcome == "rejected"
    assert decide(getattr(cast, decider), "approve", record).outcome == "accepted"


def test_return_correct_send_again(
    bench: Any,
    cast: Any,
    capture: Any,
    claimed: Any,
    claim: Any,
    decide: Any,
    claim_of: Any,
    item_of: Any,
    client_of: Any,
) -> None:
    record, (first, second) = claimed(cast.tech, "46.00", "12.30")
    assert "reason" in decide(cast.leader, "return", record).problems
    assert decide(cast.leader, "return", record, "Receipt is not readable").outcome == "accepted"
    assert claim_of(record).reason == "Receipt is not readable"
    assert {item_of(one).state for one in (first, second)} == {"returned"}
    client = client_of(cast.tech)
    assert "Receipt is not readable" in client.get("/expenses").text
    assert "Receipt is not readable" in client.get("/inbox").text
    data = item_data(first, amount="40.00")
    assert bench.send(cast.tech, "expense_item.resubmit", ("expense_item", first), data).outcome == "accepted"
    third, _ = capture(cast.tech, amount="7.00")
    _, result = claim(cast.tech, [first, third], record=record)
    assert result.outcome == "accepted"
    assert (claim_of(record).total, claim_of(record).state, claim_of(record).ver) == (Decimal("47.00"), "submitted", 3)
    assert (item_of(second).state, item_of(second).claim_id) == ("open", None)
    assert decide(cast.leader, "approve", record).outcome == "accepted"
    timeline = client.get(f"/expenses/claims/{record}").text
    assert timeline.index("Sent") < timeline.index("Sent again")


def test_reject_is_final(bench: Any, cast: Any, claimed: Any, claim: Any, decide: Any, item_of: Any) -> None:
    record, [item] = claimed(cast.tech, "46.00", fapiao_number=FAPIAO)
    assert decide(cast.leader, "reject", record, "Private trip").outcome == "accepted"
    row = item_of(item)
    assert (row.state, row.allowed_amount, row.cut_reason) == ("rejected", Decimal(0), "Private trip")
    assert bench.send(cast.tech, "expense_item.resubmit", ("expense_item", item), item_data(item)).outcome == "conflict"
    assert "items.0" in claim(cast.tech, [item])[1].problems
    assert claim(cast.tech, [item], record=record)[1].outcome == "conflict"
    claimed(cast.tech2, "46.00", fapiao_number=FAPIAO)


def test_withdraw(
    bench: Any, cast: Any, claimed: Any, decide: Any, claim_of: Any, item_of: Any, client_of: Any
) -> None:
    record, [item] = claimed(cast.tech, "46.00", fapiao_number=FAPIAO)
    agg = ("expense_claim", record)
    assert bench.send(cast.tech2, "expense_claim.withdraw", agg, {}).outcome == "rejected"
    assert bench.send(cast.tech, "expense_claim.withdraw", agg, {}).outcome == "accepted"
    assert bench.send(cast.tech, "expense_claim.withdraw", agg, {}).outcome == "accepted"
    assert (claim_of(record).state, item_of(item).state, item_of(item).claim_id) == ("withdrawn", "open", None)
    assert decide(cast.leader, "approve", record).outcome == "conflict"
    assert client_of(cast.tech).get(f"/expenses/claims/{record}").status_code == 200
    approved, _ = claimed(cast.tech, "3.00")
    decide(cast.leader, "approve", approved)
    assert bench.send(cast.tech, "expense_claim.withdraw", ("expense_claim", approved), {}).outcome == "conflict"


def test_items_in_a_claim_are_held(bench: Any, cast: Any, claimed: Any, claim: Any) -> None:
    _, [item] = claimed(cast.tech, "46.00")
    for verb, data in (("resubmit", item_data(item)), ("discard", {})):
        assert bench.send(cast.tech, f"expense_item.{verb}", ("expense_item", item), data).outcome == "conflict"
    assert "items.0" in claim(cast.tech, [item])[1].problems


def test_other_peoples_items(cast: Any, capture: Any, claim: Any, item_of: Any) -> None:
    mine, _ = capture(cast.tech)
    theirs, _ = capture(cast.tech2)
    _, result = claim(cast.tech, [mine, theirs])
    assert list(result.problems) == ["items.1"]
    assert item_of(mine).state == "open"


@pytest.mark.parametrize(
    "items",
    [
        [],
        None,
        "x",
        ["x"],
        ["01890000-0000-7000-8000-000000000001"],
        ["01890000-0000-7000-8000-000000000001"] * 101,
        [None],
        [["a"]],
    ],
    ids=repr,
)
def test_bad_lists_of_items(bench: Any, cast: Any, items: Any) -> None:
    record = str(ids.uuid7())
    result = bench.send(cast.tech, "expense_claim.submit", ("expense_claim", record), {"id": record, "items": items})
    assert result.outcome == "rejected"
    assert any(name.startswith("items") for name in result.problems)


def test_an_item_counts_once(cast: Any, capture: Any, claim: Any, claim_of: Any) -> None:
    item, _ = capture(cast.tech)
    record, _ = claim(cast.tech, [item, item])
    assert claim_of(record).total == Decimal("46.00")


# -- checks before sending (D-EXP-3) -----------------------------------------------------------------------------


def test_a_fapiao_is_claimed_once_also_by_somebody_else(cast: Any, capture: Any, claim: Any, claimed: Any) -> None:
    claimed(cast.other_tech, "46.00", fapiao_number="04100318", fapiao_code="041002600111")
    item, result = capture(cast.tech, amount="9.00", fapiao_number="0410 0318", fapiao_code="041002600111")
    assert result.outcome == "accepted"
    _, refused = claim(cast.tech, [item])
    assert (refused.outcome, refused.code) == ("rejected", "expense_claim.findings")
    assert "04100318" in refused.problems["items.0"][0]


def test_the_same_photo_is_pointed_out(cast: Any, capture: Any, claim: Any, bench: Any, item_of: Any) -> None:
    note, _ = bench.photo("receipt")
    capture(cast.tech2, {"atts": [note]})
    item, _ = capture(cast.tech, {"atts": [{**note, "id": str(ids.uuid7())}]})
    assert claim(cast.tech, [item])[1].outcome == "accepted"
    assert ["photo_used", {}] in item_of(item).warnings


def test_soft_findings_reach_the_approver(
    cast: Any, capture: Any, claim: Any, item_of: Any, client_of: Any, claim_of: Any
) -> None:
    taxi, _ = capture(cast.tech, kind="taxi", amount="120.00", note="to the station")
    twin, _ = capture(cast.tech, kind="taxi", amount="120.00")
    record, _ = claim(cast.tech, [taxi, twin])
    codes = [code for code, _ in item_of(taxi).warnings]
    assert codes == ["no_receipt", "over_limit", "no_trip", "same_again"]
    assert item_of(taxi).warned == 4
    inbox = client_of(cast.leader).get("/inbox").text
    for words in ("240.00", "Taxi ×2", "No receipt.", "No approved trip.", "same", claim_of(record).number):
        assert words in inbox, words
    assert "No receipt." in client_of(cast.leader).get(f"/expenses/claims/{record}").text


def test_too_old_is_judged_by_the_day_of_sending(cast: Any, capture: Any, claim: Any) -> None:
    with clock.standing_at(clock.now() - timedelta(days=20)):
        item, result = capture(cast.tech, spent_on=day(-80))
        assert result.outcome == "accepted"
    then = {
        "utc": clock.iso(clock.now() - timedelta(days=12)),
        "tz": "Asia/Shanghai",
        "offset_ms": 0,
        "offset_age_s": 9,
    }
    _, late = claim(cast.tech, [item])
    assert "Older than 90 days" in late.problems["items.0"][0]
    assert claim(cast.tech, [item], at=then)[1].outcome == "accepted"


def test_the_receipt_figure_makes_it_hard(bench: Any, cast: Any, capture: Any, claim: Any) -> None:
    with bench.app.app_context(), writing() as session:
        session.add(
            Setting(
                id=str(ids.uuid7()),
                key="expenses.receipt_needed_over",
                value="40.00",
                valid_from=clock.today(),
                recorded_by=cast.admin.id,
                recorded_at=clock.now(),
            )
        )
    bare, _ = capture(cast.tech)
    small, _ = capture(cast.tech, amount="39.00")
    shown, _ = capture(cast.tech, {"atts": [bench.photo("receipt")[0]]}, amount="47.00")
    assert list(claim(cast.tech, [small, bare])[1].problems) == ["items.1"]
    assert claim(cast.tech, [small, shown])[1].outcome == "accepted"


# -- order (failure mode 46) -------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", list(islice(permutations(range(5)), 0, 120, 24)), ids=str)
def test_any_order_ends_the_same(bench: Any, cast: Any, claim_of: Any, item_of: Any, order: tuple[int, ...]) -> None:
    """Four expenses and their claim arrive in any order; the claim waits for all of them."""
    items = [str(ids.uuid7()) for _ in range(4)]
    bodies = [
        bench.envelope(cast.tech, "expense_item.capture", ("expense_item", one), item_data(one, amount=f"{n}.10"))
        for n, one in enumerate(items, start=1)
    ]
    record = str(ids.uuid7())
    depends = [json.loads(one)["op"] for one in bodies]
    data = {"id": record, "items": items}
    bodies.append(bench.envelope(cast.tech, "expense_claim.submit", ("expense_claim", record), data, depends=depends))
    outcomes = [bench.push(cast.tech, bodies[index])[0].outcome for index in order]
    assert set(outcomes) <= {"accepted", "held"}
    assert claim_of(record).total == Decimal("10.40")
    assert {item_of(one).claim_id for one in items} == {record}
    assert bench.push(cast.tech, bodies[4])[0].outcome == "accepted"


# -- pages -------------------------------------------------------------------------------------------------------


def test_other_people_see_nothing(cast: Any, claimed: Any, client_of: Any, capture: Any) -> None:
    record, [item] = claimed(cast.tech, "46.00")
    free, _ = capture(cast.tech, amount="3.00")
    for who, status in (("tech", 200), ("leader", 200), ("finance", 200), ("manager", 200)):
        client = client_of(getattr(cast, who))
        assert client.get(f"/expenses/claims/{record}").status_code == status
        assert client.get(f"/expenses/items/{item}").status_code == status
    refused = {"tech2": 404, "other_tech": 404, "other_leader": 404, "agent": 403, "purchasing": 403}
    for who, status in refused.items():
        client = client_of(getattr(cast, who))
        assert client.get(f"/expenses/claims/{record}").status_code == status, who
        assert client.get(f"/expenses/items/{item}").status_code == status, who
    assert client_of(cast.leader).get(f"/expenses/items/{free}").status_code == 404
    assert "46.00" not in client_of(cast.other_leader).get("/inbox").text
    for path in (f"claims/{record}/resubmit", f"items/{item}/edit"):
        assert client_of(cast.leader).get(f"/expenses/{path}").status_code == 404


def test_receipts_are_shown_to_whoever_sees_the_claim(
    bench: Any, cast: Any, capture: Any, claim: Any, client_of: Any
) -> None:
    note, _ = bench.photo("receipt")
    item, _ = capture(cast.tech, {"atts": [note]})
    claim(cast.tech, [item])
    with bench.app.app_context():
        seen = {who: can_view(bench.actor(getattr(cast, who)), "expense_item", item) for who in ("leader", "tech2")}
        db.session.remove()
    assert seen == {"leader": True, "tech2": False}


def test_claiming_without_javascript(cast: Any, capture: Any, client_of: Any, item_of: Any) -> None:
    first, _ = capture(cast.tech, amount="46.00")
    second, _ = capture(cast.tech, amount="4.00")
    client = client_of(cast.tech)
    page = client.get("/expenses/claims/new").text
    assert len(ticked(page)) == 2
    assert "50.00" in page
    form = {"_op": str(ids.uuid7()), "_issued": clock.iso(clock.now()), "id": str(ids.uuid7())}
    bad = client.post("/expenses/claims/new", data=form)
    assert bad.status_code == 422
    good = client.post("/expenses/claims/new", data={**form, "_op": str(ids.uuid7()), "items[]": [first]})
    assert (good.status_code, good.location) == (303, "/expenses?sent=1")
    assert (item_of(first).state, item_of(second).state) == ("claimed", "open")


def test_sending_again_without_javascript(cast: Any, claimed: Any, decide: Any, client_of: Any, claim_of: Any) -> None:
    record, [item] = claimed(cast.tech, "46.00")
    decide(cast.leader, "return", record, "Which bus?")
    client = client_of(cast.tech)
    page = client.get(f"/expenses/claims/{record}/resubmit").text
    assert "Which bus?" in page
    assert ticked(page) == [item]
    form = {"_op": str(ids.uuid7()), "_issued": clock.iso(clock.now()), "id": record, "items[]": [item]}
    assert client.post(f"/expenses/claims/{record}/resubmit", data=form).status_code == 303
    assert claim_of(record).state == "submitted"


def test_buttons_without_javascript(cast: Any, capture: Any, claimed: Any, client_of: Any, item_of: Any) -> None:
    client = client_of(cast.tech)
    record, [item] = claimed(cast.tech, "46.00")
    form = {"_issued": clock.iso(clock.now())}
    done = client.post(f"/expenses/claims/{record}/withdraw", data={**form, "_op": str(ids.uuid7())})
    assert done.status_code == 303
    edited = {**form, "_op": str(ids.uuid7()), "amount": "44.00", "kind": "toll"}
    assert client.post(f"/expenses/items/{item}/edit", data=edited).status_code == 303
    assert item_of(item).amount == Decimal("44.00")
    assert client.post(f"/expenses/items/{item}/discard", data={**form, "_op": str(ids.uuid7())}).status_code == 303
    assert item_of(item).state == "discarded"


def test_pages_do_not_ask_more_the_longer_they_are(
    cast: Any, capture: Any, claim: Any, client_of: Any, queries: Any, bench: Any, make_job: Any
) -> None:
    job, _ = make_job(technician=cast.tech)
    tech, leader = client_of(cast.tech), client_of(cast.leader)

    def grow(n: int) -> str:
        items = [
            capture(cast.tech, {"atts": [bench.photo("receipt")[0]]}, amount=f"{k}.00", job_id=job)[0]
            for k in range(1, n + 1)
        ]
        capture(cast.tech, amount="99.00")
        return str(claim(cast.tech, items)[0])

    tech.get("/expenses")  # what is asked once in a process
    counts = []
    for n in (1, 8):
        record = grow(n)
        made = []
        for client, path in (
            (tech, "/expenses"),
            (tech, "/expenses/new"),
            (tech, "/expenses/claims/new"),
            (tech, f"/expenses/claims/{record}"),
            (leader, "/inbox"),
        ):
            with queries() as counted:
                assert client.get(path).status_code == 200
            assert counted.count <= 12, (path, counted.statements)
            made.append(counted.count)
        counts.append(made)
    assert counts[0] == counts[1]


def test_the_pack_notices_every_change(bench: Any, cast: Any, capture: Any, claim: Any, decide: Any) -> None:
    def kept() -> str:
        return str(bench.pack_of(cast.tech)["/expenses"])

    seen = [kept()]
    item, _ = capture(cast.tech)
    seen.append(kept())
    record, _ = claim(cast.tech, [item])
    seen.append(kept())
    decide(cast.leader, "return", record, "no")
    seen.append(kept())
    bench.send(cast.tech, "expense_claim.withdraw", ("expense_claim", record), {})
    seen.append(kept())
    assert len(set(seen)) == len(seen)


def test_the_books_agree(bench: Any, cast: Any, claimed: Any, decide: Any) -> None:
    from fieldapp.money.expenses.models import ExpenseClaim, ExpenseItem

    for verb in ("approve", "return", "reject"):
        decide(cast.leader, verb, claimed(cast.tech, "46.00", "1.00")[0], "why")
    record, [item] = claimed(cast.tech2, "5.00")
    with bench.app.app_context():
        assert list(faults()) == []
        with writing() as session:
            session.get_one(ExpenseClaim, record).total = Decimal("6.00")
            session.get_one(ExpenseItem, item).state = "approved"
        found = list(faults())
        db.session.remove()
    assert len(found) == 2
    assert "is not the sum" in found[0]


def ticked(page: str) -> list[str]:
    """The expenses a claim form has ticked."""
    return re.findall(r'name="items\[\]" value="([0-9a-f-]{36})" checked', page)


def listed(page: str) -> list[str]:
    """The expenses a claim form lists."""
    return re.findall(r'name="items\[\]" value="([0-9a-f-]{36})"', page)


def test_new_claim_form_does_not_list_expenses_of_a_returned_claim(
    cast: Any, capture: Any, claimed: Any, decide: Any, client_of: Any
) -> None:
    record, [kept] = claimed(cast.tech, "46.00")
    free, _ = capture(cast.tech, amount="5.00")
    decide(cast.leader, "return", record, "Which bus?")
    client = client_of(cast.tech)
    assert listed(client.get("/expenses/claims/new").text) == [free]
    again = client.get(f"/expenses/claims/{record}/resubmit").text
    # Stated as free for any claim is what is in none; the returned claim is stated with its state.
    facts = [json.loads(one) for one in re.findall(r"<template data-facts>(.*?)</template>", again)]
    assert [[one["id"] for one in fact["free"]] for fact in facts if "free" in fact] == [[free]]
    assert {f"expense_claim:{record}": {"state": "returned"}} in facts
    assert (sorted(listed(again)), ticked(again)) == (sorted([kept, free]), [kept])


def test_new_claim_with_expenses_of_a_returned_claim_is_refused_and_the_returned_claim_keeps_them(
    cast: Any, capture: Any, claimed: Any, claim: Any, decide: Any, item_of: Any, client_of: Any
) -> None:
    record, [kept] = claimed(cast.tech, "46.00")
    free, _ = capture(cast.tech, amount="5.00")
    decide(cast.leader, "return", record, "Which bus?")
    _, result = claim(cast.tech, [free, kept])
    assert (result.outcome, list(result.problems)) == ("rejected", ["items.1"])
    assert "returned" in str(result.problems["items.1"][0])
    assert (item_of(kept).claim_id, item_of(kept).state, item_of(free).state) == (record, "returned", "open")
    page = client_of(cast.tech).get(f"/expenses/claims/{record}").text
    assert "its expenses are free again" not in page
    assert "1 expense" in page
    # Unticked in its own claim, an expense can be claimed elsewhere.
    assert claim(cast.tech, [free], record=record)[1].outcome == "accepted"
    assert claim(cast.tech, [kept])[1].outcome == "accepted"


def test_claim_form_adds_up_what_is_ticked_without_javascript(cast: Any, capture: Any, client_of: Any) -> None:
    first, _ = capture(cast.tech, amount="46.00")
    capture(cast.tech, amount="5.50")
    client = client_of(cast.tech)
    assert "<span data-chosen-total>51.50</span>" in client.get("/expenses/claims/new").text
    answer = client.post("/expenses/claims/new", data={"items[]": [first], "note": "typed", "_add_up": "1"})
    assert (answer.status_code, ticked(answer.text)) == (200, [first])
    assert "<span data-chosen-total>46.00</span>" in answer.text
    assert ">typed</textarea>" in answer.text
    assert "No claims so far" in client.get("/expenses").text
