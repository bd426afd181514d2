"""Figure 15: a phone whose stores were cleared is detected at its first hello (failure modes 31, 32)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Playwright

from tests.e2e.conftest import Phone, Server
from tests.faults.figures import Figure, Size
from tests.faults.support import phones
from tests.faults.support.saving import SAVE

WIPES = {"short": 1, "long": 10}


def run(size: Size) -> Iterator[Figure]:
    yield phones.figure(lambda playwright, server, folder: _wiped(playwright, server, folder, WIPES[size]))


def _wiped(playwright: Playwright, server: Server, folder: Path, rounds: int) -> Figure:
    """Clear IndexedDB and Cache Storage with unsent records; the first hello names their numbers."""
    named, gone = 0, 0
    for number in range(rounds):
        phone = Phone(playwright, server, folder / f"phone-{number}")
        phone.sign_in("tech2")
        phone.cut("/sync/push")
        phone.go(phones.EXPENSE)
        asked = {"token": f"wiped{number}", "start": 0, "count": 3 + number, "photos": False}
        phone.page.evaluate(f"(arg) => ({SAVE})(arg)", asked)
        with phone.page.expect_response("**/sync/hello"):
            phone.page.reload()
        unsent = sorted(op["seq"] for op in phones.inventory(phone.page)["ops"])
        session = phone.context.new_cdp_session(phone.page)
        phone.page.goto("about:blank")
        kinds = "indexeddb,cache_storage,service_workers"
        session.send("Storage.clearDataForOrigin", {"origin": server.url, "storageTypes": kinds})
        with phone.page.expect_response("**/sync/hello") as answer:
            phone.go("/jobs")
        missing = answer.value.json()["missing_seqs"]
        gone += len(unsent)
        named += len(set(missing) & set(unsent))
        phone.close()
    return Figure(
        "15 phone cleared",
        f"{rounds} phones cleared of IndexedDB and Cache Storage with {gone} unsent records in them",
        f"the first hello named {named} of {gone} missing numbers",
        "all named at the first hello",
        named == gone > 0,
    )
