"""A fapiao is held by the claim that is sent first, never by a capture (D-EXP-3, D-EXP-8)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

from sqlalchemy import delete, select, update

from fieldapp.kernel import clock, ids
from fieldapp.money.expenses.manifest import manifest
from fieldapp.money.expenses.models import ExpenseItem, FapiaoHold
from fieldapp.platform.extensions import CHECKS, db
from tests.support.bench import Bench, QueryCount

FAPIAO = "26412000000000010317"
OTHER = "26412000000000010325"


def holds(bench: Bench) -> dict[str, str]:
    with bench.app.app_context():
        rows = db.session.execute(select(FapiaoHold.number, FapiaoHold.claim_id)).all()
        db.session.remove()
    return {number: claim for number, claim in rows}


def codes(item: ExpenseItem) -> list[str]:
    return [code for code, _ in item.warnings or ()]


def test_an_unclaimed_capture_of_somebody_else_is_a_remark_with_the_name(
    bench: Bench, cast: Any, capture: Any, claim: Any, item_of: Any, client_of: Any
) -> None:
    capture(cast.tech2, fapiao_number=FAPIAO)
    item, _ = capture(cast.tech, fapiao_number=FAPIAO)
    record, result = claim(cast.tech, [item])
    assert result.outcome == "accepted"
    assert codes(item_of(item)) == ["no_receipt", "fapiao_captured"]
    assert holds(bench) == {FAPIAO: record}
    for path in ("/inbox", f"/expenses/claims/{record}"):
        assert "was also entered by Tech2 Person" in client_of(cast.leader).get(path).text
    own = client_of(cast.tech).get(f"/expenses/claims/{record}").text
    assert "was also entered by somebody else" in own
    assert "Tech2 Person" not in own


def test_captured_by_two_the_claim_sent_first_holds_it(
    bench: Bench, cast: Any, capture: Any, claim: Any, item_of: Any, decide: Any
) -> None:
    first, _ = capture(cast.tech2, fapiao_number=FAPIAO)
    second, _ = capture(cast.tech, fapiao_number=FAPIAO)
    record, sent = claim(cast.tech, [second])
    late, refused = claim(cast.tech2, [first])
    assert (sent.outcome, refused.outcome, refused.code) == ("accepted", "rejected", "expense_claim.findings")
    assert FAPIAO in refused.problems["items.0"][0]
    assert "Tech Person" not in refused.problems["items.0"][0]
    assert decide(cast.leader, "reject", record, "Private").outcome == "accepted"
    assert claim(cast.tech2, [first], record=late)[1].outcome == "accepted"
    assert codes(item_of(first)) == ["no_receipt", "fapiao_rejected"]
    assert holds(bench) == {FAPIAO: late}


def test_an_own_double_that_is_not_claimed_is_a_remark(cast: Any, capture: Any, claim: Any, item_of: Any) -> None:
    item, _ = capture(cast.tech, fapiao_number=FAPIAO)
    double, _ = capture(cast.tech, fapiao_number=FAPIAO, amount="9.00")
    assert claim(cast.tech, [item])[1].outcome == "accepted"
    assert codes(item_of(item)) == ["no_receipt", "fapiao_own"]
    assert "items.0" in claim(cast.tech, [double])[1].problems


def test_two_expenses_of_one_claim_share_a_fapiao(
    bench: Bench, cast: Any, capture: Any, claim: Any, item_of: Any
) -> None:
    room = capture(cast.tech, kind="lodging", amount="220.00", fapiao_number=FAPIAO, fapiao_amount="250.00")[0]
    breakfast = capture(cast.tech, kind="other", amount="38.00", fapiao_number=FAPIAO, fapiao_amount="250.00")[0]
    record, result = claim(cast.tech, [room, breakfast])
    assert result.outcome == "accepted"
    assert "over_fapiao_together" in codes(item_of(room))
    assert holds(bench) == {FAPIAO: record}


def test_a_returned_claim_goes_on_holding_and_taking_back_frees(
    bench: Bench, cast: Any, capture: Any, claimed: Any, claim: Any, decide: Any
) -> None:
    record, _ = claimed(cast.tech, "46.00", fapiao_number=FAPIAO)
    assert decide(cast.leader, "return", record, "Which shop?").outcome == "accepted"
    other, _ = capture(cast.tech2, fapiao_number=FAPIAO)
    assert claim(cast.tech2, [other])[1].outcome == "rejected"
    assert bench.send(cast.tech, "expense_claim.withdraw", ("expense_claim", record), {}).outcome == "accepted"
    assert holds(bench) == {}
    assert claim(cast.tech2, [other])[1].outcome == "accepted"


def test_an_expense_taken_out_of_a_returned_claim_takes_its_fapiao_along(
    bench: Bench, cast: Any, capture: Any, claimed: Any, claim: Any, decide: Any
) -> None:
    record, (first, second) = claimed(cast.tech, "46.00", "12.00", fapiao_number=FAPIAO)
    assert decide(cast.leader, "return", record, "Which shop?").outcome == "accepted"
    assert claim(cast.tech, [second], record=record)[1].outcome == "accepted"
    # The other one of the same fapiao is still in the first claim, which holds it.
    assert claim(cast.tech, [first])[1].outcome == "rejected"
    assert decide(cast.leader, "return", record, "Which shop?").outcome == "accepted"
    other, _ = capture(cast.tech)
    assert claim(cast.tech, [other], record=record)[1].outcome == "accepted"
    both, sent = claim(cast.tech, [first, second])
    assert sent.outcome == "accepted"
    assert holds(bench) == {FAPIAO: both}


def corrected(bench: Bench, who: Any, item: str, **data: Any) -> Any:
    values = {"kind": "local_transport", "amount": "46.00", "note": "bus", **data}
    return bench.send(who, "expense_item.resubmit", ("expense_item", item), values)


def test_a_corrected_number_of_a_returned_claim_takes_no_other_hostage(
    bench: Bench, cast: Any, capture: Any, claimed: Any, claim: Any, decide: Any
) -> None:
    record, (item,) = claimed(cast.tech, "46.00", fapiao_number=FAPIAO)
    assert decide(cast.leader, "return", record, "Which number?").outcome == "accepted"
    assert corrected(bench, cast.tech, item, fapiao_number=OTHER).outcome == "accepted"
    assert holds(bench) == {OTHER: record}
    # The number it had is free, the one it has is held: each number has one holder, and the claim goes on.
    freed, _ = capture(cast.tech2, fapiao_number=FAPIAO)
    theirs, sent = claim(cast.tech2, [freed])
    assert sent.outcome == "accepted"
    assert claim(cast.tech2, [capture(cast.tech2, fapiao_number=OTHER)[0]])[1].code == "expense_claim.findings"
    assert claim(cast.tech, [item], record=record)[1].outcome == "accepted"
    assert holds(bench) == {OTHER: record, FAPIAO: theirs}


def test_a_number_that_another_claim_holds_is_refused_at_the_field(
    bench: Bench, cast: Any, claimed: Any, decide: Any
) -> None:
    record, (item,) = claimed(cast.tech, "46.00", fapiao_number=FAPIAO)
    theirs, _ = claimed(cast.tech2, "12.00", fapiao_number=OTHER)
    assert decide(cast.leader, "return", record, "Which number?").outcome == "accepted"
    refused = corrected(bench, cast.tech, item, fapiao_number=OTHER)
    assert (refused.outcome, list(refused.problems)) == ("rejected", ["fapiao_number"])
    assert holds(bench) == {FAPIAO: record, OTHER: theirs}
    assert corrected(bench, cast.tech, item).outcome == "accepted"
    assert holds(bench) == {OTHER: theirs}


def test_a_number_that_a_second_expense_of_the_claim_names_stays_held(
    bench: Bench, cast: Any, claimed: Any, decide: Any
) -> None:
    record, (first, second) = claimed(cast.tech, "46.00", "12.00", fapiao_number=FAPIAO)
    assert decide(cast.leader, "return", record, "Which number?").outcome == "accepted"
    assert corrected(bench, cast.tech, first, fapiao_number=OTHER).outcome == "accepted"
    assert holds(bench) == {FAPIAO: record, OTHER: record}
    assert corrected(bench, cast.tech, second, fapiao_number=OTHER).outcome == "accepted"
    assert holds(bench) == {OTHER: record}


def test_only_a_hold_refuses_a_number(bench: Bench, cast: Any, capture: Any, claimed: Any, claim: Any) -> None:
    """A number that stands in a claim without being held by it is a remark: one source says what is held."""
    claimed(cast.tech, "46.00", fapiao_number=FAPIAO)
    with bench.app.app_context():
        db.session.execute(delete(FapiaoHold))
        db.session.commit()
        db.session.remove()
    assert claim(cast.tech2, [capture(cast.tech2, fapiao_number=FAPIAO)[0]])[1].outcome == "accepted"


def test_the_check_names_what_is_not_held_and_what_is_held_without_need(
    bench: Bench, cast: Any, claimed: Any, decide: Any, claim_of: Any
) -> None:
    checks = [one.value for one in manifest.provides if one.point is CHECKS]

    def told() -> list[str]:
        with bench.app.app_context(), QueryCount(bench.app) as queries:
            found = sorted(line for check in checks for line in check() if "fapiao" in line)
            db.session.remove()
        assert queries.count == len(checks)
        return found

    kept, _ = claimed(cast.tech, "46.00", "12.00", fapiao_number=FAPIAO)
    gone, _ = claimed(cast.tech2, "9.00", fapiao_number=OTHER)
    assert told() == []
    assert decide(cast.leader, "reject", gone, "Private").outcome == "accepted"
    assert told() == []
    with bench.app.app_context():
        db.session.execute(update(FapiaoHold).values(claim_id=gone))
        db.session.commit()
        db.session.remove()
    first, second = claim_of(kept).number, claim_of(gone).number
    assert told() == sorted(
        [
            f"expense claim {first} does not hold fapiao {FAPIAO}, which is in it",
            f"expense claim {second} is rejected and holds fapiao {FAPIAO} without need",
        ]
    )


def test_fifty_pairs_of_claims_sent_in_the_same_instant(bench: Bench, cast: Any, capture: Any) -> None:
    rounds = 50
    with ThreadPoolExecutor(2) as pool:
        for number in range(rounds):
            fapiao = f"{26412000000000020000 + number}"
            bodies = []
            for who in (cast.tech, cast.tech2):
                item, record = capture(who, fapiao_number=fapiao)[0], str(ids.uuid7())
                data = {"id": record, "items": [item]}
                bodies.append((who, bench.envelope(who, "expense_claim.submit", ("expense_claim", record), data)))
            barrier = Barrier(2)

            def once(who: Any, body: str, days: int, barrier: Barrier = barrier) -> str:
                # Claims of one day want the same number, and that alone would make them queue.
                with clock.standing_at(clock.now() - timedelta(days=days)):
                    barrier.wait()
                    return bench.push(who, body)[0].outcome

            outcomes = [
                future.result() for future in [pool.submit(once, *one, days) for days, one in enumerate(bodies)]
            ]
            assert sorted(outcomes) == ["accepted", "rejected"]
    assert len(holds(bench)) == rounds


def test_a_number_is_compared_without_spaces(cast: Any, capture: Any, claim: Any, claimed: Any) -> None:
    claimed(cast.other_tech, "46.00", fapiao_number="04100318", fapiao_code="041002600111")
    item, _ = capture(cast.tech, amount="9.00", fapiao_number="0410 0318", fapiao_code="041002600111")
    assert claim(cast.tech, [item])[1].code == "expense_claim.findings"


def test_a_number_of_twenty_digits_is_one_fapiao_whatever_code_is_typed(
    bench: Bench, cast: Any, capture: Any, claim: Any
) -> None:
    number = "26500000000012345678"
    items = [
        capture(who, fapiao_number=typed, fapiao_code=code)[0]
        for who, typed, code in (
            (cast.tech, number, None),
            (cast.tech2, number, "0000"),
            (cast.other_tech, "".join(chr(ord(one) + 0xFEE0) for one in number), "1111"),
        )
    ]
    outcomes = [
        claim(who, [item])[1].outcome for who, item in zip((cast.tech, cast.tech2, cast.other_tech), items, strict=True)
    ]
    assert outcomes == ["accepted", "rejected", "rejected"]
