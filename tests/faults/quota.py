"""Figure 18: a phone without storage says so and keeps what was typed (failure modes 26, 27)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import CDPSession, Page, Playwright

from tests.e2e import steps
from tests.e2e.conftest import Phone, Server
from tests.faults.figures import Figure, Size
from tests.faults.support import phones
from tests.faults.support.saving import Diary, Tally
from tests.faults.support.seeds import seeded

ROUNDS = {"short": 2, "long": 20}
#: Sends the form once and says what the page says, and whether the text is still in the form.
SEND = """async ({ note }) => {
  const form = document.querySelector("form[data-op='expense_item.capture']");
  form.removeAttribute("data-done");
  const words = (name) => document.querySelector("#texts").content.querySelector(`[data-text="${name}"]`).textContent;
  const [toast, banner] = [document.querySelector("#toast"), document.querySelector("#banner")];
  toast.textContent = banner.textContent = "";
  form.elements.amount.value = "12.34";
  form.elements.kind.value = "parking";
  form.elements.note.value = note;
  form.elements.note.dispatchEvent(new Event("input", { bubbles: true }));
  form.requestSubmit();
  for (let n = 0; n < 600; n++) {
    await new Promise((done) => setTimeout(done, 20));
    if (toast.textContent) {
      const full = !banner.hidden && banner.textContent === words("storage.full_saved");
      while (form.elements.note.value !== "") await new Promise((done) => setTimeout(done));
      return { said: full ? "saved, full" : "saved", text: note };
    }
    if (!banner.hidden && banner.textContent === words("storage.no_room")) {
      return { said: "full", text: form.elements.note.value };
    }
  }
  return { said: "nothing", text: form.elements.note.value };
}"""


def run(size: Size) -> Iterator[Figure]:
    yield phones.figure(lambda playwright, server, folder: _full(playwright, server, folder, ROUNDS[size]))


def _full(playwright: Playwright, server: Server, folder: Path, rounds: int) -> Figure:
    """Check a page opened before and one opened after storage is full: saved and shown so, or still in the form."""
    seed, chance = seeded("quota")
    seen = Counter[str]()
    diary = Diary(playwright, server, folder / "phone", "quota", Tally())
    diary.phone.cut("/sync/push")
    page = diary.phone.page
    # A tab of its own: the limit ends with the tab that set it, also when that goes elsewhere.
    keeper = diary.phone.new_tab()
    keeper.goto(f"{server.url}/healthz")
    session = keeper.context.new_cdp_session(keeper)
    saved = []
    for number in range(rounds):
        for kind in ("opened before", "opened then"):
            page.goto(server.url + phones.EXPENSE if kind == "opened before" else "about:blank")
            # Less than what can never be let go: Chromium's own list of files is larger.
            _quota(session, server, chance.randrange(1, 300_000))
            if kind == "opened then":
                # Chromium remembers how much room there was until it has closed the database for want of a page.
                page.wait_for_timeout(3000)
                page.goto(server.url + phones.EXPENSE)
            # Kept words come back first; a person is not that fast.
            page.wait_for_timeout(1000)
            note = f"quota-{number}-{kind[-3:]}-{'x' * chance.randrange(0, 100)}"
            shown = _send(page, note)
            seen[shown["said"]] += 1
            seen["kept"] += shown["text"] == note
            seen["photo refused"] += _photo_refused(page, steps.picture(folder, "full.jpg", 800))
            _quota(session, server, None)
            # Room again: the same form goes through as it stands, as soon as Chromium has noticed.
            for _ in range(20):
                if shown["said"].startswith("saved"):
                    break
                shown = _send(page, note)
                page.wait_for_timeout(500)
            saved.append(note)
            seen["then saved"] += shown["said"].startswith("saved")
    seen["space shown"] = _space_shown(diary.phone)
    diary.phone.mend()
    diary.drain()
    lost = set(saved) - {note for (note,) in steps.rows(server, "SELECT note FROM expense_item")}
    diary.phone.close()
    tried = 2 * rounds
    told_so = seen["full"] + seen["saved, full"]
    return Figure(
        "18 phone full",
        f"{tried} × no room: a record and a photo each, without a network",
        f"text kept {seen['kept']}/{tried}, told {told_so}/{tried} ({seen['full']} stayed in the form, the others are"
        f" saved in one store), photos refused in words {seen['photo refused']}/{tried}, saved once there was room"
        f" {seen['then saved']}/{tried}, space shown {seen['space shown']}/1, {len(lost)} lost",
        "text kept 100 %, told 100 %, 0 lost",
        seen["kept"] == told_so == seen["photo refused"] == seen["then saved"] == tried
        and seen["full"] > 0
        and seen["space shown"] == 1
        and not lost,
        seed,
    )


def _send(page: Page, note: str) -> dict[str, str]:
    shown: dict[str, str] = page.evaluate(f"(arg) => ({SEND})(arg)", {"note": note})
    return shown


def _quota(session: CDPSession, server: Server, size: int | None) -> None:
    limit: dict[str, Any] = {} if size is None else {"quotaSize": size}
    session.send("Storage.overrideQuotaForOrigin", {"origin": server.url, **limit})


def _photo_refused(page: Page, photo: str) -> bool:
    """Return whether no further photo is shown and a message explains why."""
    page.locator("[data-photos] input[type=file]").set_input_files(photo)
    page.locator("#err-photos-receipt").wait_for(state="visible")
    said = page.locator("#err-photos-receipt").inner_text()
    meant = page.evaluate(
        """() => document.querySelector("#texts").content.querySelector('[data-text="photo.no_room"]').textContent"""
    )
    # The sentence goes on with the room that is used and free.
    return bool(said.startswith(meant.split("{")[0]) and page.locator("[data-photo-list] > li").count() == 0)


def _space_shown(phone: Phone) -> int:
    phone.go("/outbox")
    words = phone.page.locator("[data-storage]")
    words.wait_for(state="visible")
    return int(any(letter.isdigit() for letter in words.inner_text()))
