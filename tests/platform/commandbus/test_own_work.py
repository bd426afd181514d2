"""Which commands are taken in without a session and from closed accounts: said by each command, listed here."""

from __future__ import annotations

from fieldapp.platform.commandbus import command
from tests.sample.tool_checks.commands import Record, own_group
from tests.support.bench import Bench

#: Reports of what the author did, saw or spent, and corrections of them. Whoever adds a line says: a lost phone may
#: send this, the service desk may bring it in under somebody's name, and a closed account may still send it.
OWN_WORK = {
    "asset.amend",
    "attachment.add",
    "expense_claim.submit",
    "expense_claim.withdraw",
    "expense_item.capture",
    "expense_item.discard",
    "expense_item.resubmit",
    "notice.dismiss",
    "parts_request.resubmit",
    "parts_request.submit",
    "parts_request.withdraw",
    "service_report.resubmit",
    "service_report.submit",
    "visit.accept",
    "visit.arrive",
    "visit.pause",
    "visit.refuse",
    "visit.resume",
    "visit.set_out",
    "visit.start",
}


def test_own_work_is_exactly_this(bench: Bench) -> None:
    known = bench.app.extensions["commands"]
    assert {kind for kind, one in known.items() if one.own_work} == OWN_WORK


def test_a_command_that_does_not_say_so_is_no_own_work() -> None:
    made = command("thing.record", label="Thing", schema=Record, may=own_group)(lambda *_: None)  # type: ignore[arg-type, return-value]
    assert made.own_work is False
