"""Records saved through the product's form, and accounts of what was shown as saved."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, Playwright

from tests.e2e import steps
from tests.e2e.conftest import Phone, Server
from tests.faults.support import phones
from tests.faults.support.phones import ConsoleLog

#: Fills the form and sends it, again and again; a photo with every sixth record.
SAVE = """async ({ token, start, count = Infinity, photos = true, day = "" }) => {
  const form = document.querySelector("form[data-op='expense_item.capture']");
  form.removeAttribute("data-done");
  const list = form.querySelector("[data-photo-list]");
  const change = (node) => new Promise((done) => {
    const seen = new MutationObserver(() => { seen.disconnect(); done(); });
    seen.observe(node, { childList: true });
  });
  const hex = async (bytes) => [...new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))]
    .map((one) => one.toString(16).padStart(2, "0")).join("");
  const photo = async () => {
    const canvas = new OffscreenCanvas(320, 240);
    const brush = canvas.getContext("2d");
    const noise = brush.createImageData(320, 240);
    for (let at = 0; at < noise.data.length; at += 65536) crypto.getRandomValues(noise.data.subarray(at, at + 65536));
    brush.putImageData(noise, 0, 0);
    const chosen = new DataTransfer();
    const type = "image/jpeg";
    chosen.items.add(new File([await canvas.convertToBlob({ type })], "photo.jpg", { type }));
    const input = form.querySelector("[data-photos] input[type=file]");
    const shown = change(list);
    input.files = chosen.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    await shown;
    const id = list.lastElementChild.dataset.photo;
    const mirror = await caches.open(`outbox-${document.documentElement.dataset.user}`);
    const kept = await mirror.match(`/__outbox/att/${id}`);
    console.log(`told photo ${id}|${await hex(await kept.arrayBuffer())}`);
  };
  const toast = document.querySelector("#toast");
  const words = document.querySelector("#texts").content.querySelector('[data-text="saved.on_phone"]').textContent;
  // The line of the record before may turn to "received" meanwhile; that says nothing of this one.
  const saved = () => new Promise((done) => {
    const seen = new MutationObserver(() => {
      if (!toast.textContent.startsWith(words.split("{")[0])) return;
      seen.disconnect();
      done();
    });
    seen.observe(toast, { childList: true });
  });
  for (let n = start; n < start + count; n++) {
    if (photos && n % 6 === 3) await photo();
    const note = `${token}-${n}`;
    form.elements.amount.value = ((n % 90000) + 1) / 100;
    form.elements.kind.value = "parking";
    form.elements.spent_on.value = day;
    form.elements.note.value = note;
    form.elements.note.dispatchEvent(new Event("input", { bubbles: true }));
    const told = saved();
    // A form that is still busy with the record before does not hear it.
    const again = setInterval(() => form.requestSubmit(), 20);
    form.requestSubmit();
    await told;
    clearInterval(again);
    console.log(`told saved ${note}|${toast.textContent}`);
    const full = () => form.elements.amount.value !== "" || list.childElementCount > 0;
    while (full()) await new Promise((done) => setTimeout(done));
  }
}"""
#: Types into a form that is never sent, as fast as its line says that the draft is kept.
DRAFT = """async ({ token, start }) => {
  const form = document.querySelector("form[data-draft]");
  const line = form.querySelector("[data-draft-note]");
  const area = form.querySelector("textarea");
  for (let n = start; ; n++) {
    const told = new Promise((done) => {
      const seen = new MutationObserver(() => { seen.disconnect(); done(); });
      seen.observe(line, { childList: true });
    });
    area.value = `${token}-${n}`;
    area.dispatchEvent(new Event("input", { bubbles: true }));
    await told;
    console.log(`told draft ${n}`);
  }
}"""


@dataclass
class Tally:
    """Counts over all runs."""

    kills: int = 0
    wipes: int = 0
    saved: int = 0
    photos: int = 0
    drafts: int = 0
    lost: set[str] = field(default_factory=set)
    doubled: set[str] = field(default_factory=set)
    torn: set[str] = field(default_factory=set)
    collided: set[str] = field(default_factory=set)

    @property
    def faultless(self) -> bool:
        return not (self.lost or self.doubled or self.torn or self.collided)

    @property
    def faults(self) -> str:
        notes = (("lost", self.lost), ("doubled", self.doubled), ("torn", self.torn), ("collisions", self.collided))
        return ", ".join(f"{len(some)} {name}{f' ({min(some)})' if some else ''}" for name, some in notes)


class Diary:
    """One phone with one person, and everything it showed as saved."""

    def __init__(self, playwright: Playwright, server: Server, profile: Path, token: str, tally: Tally) -> None:
        self.server, self.token, self.tally = server, token, tally
        self.console = ConsoleLog()
        self.typed = 0
        self.phone = Phone(playwright, server, profile)
        self.phone.sign_in("tech1")

    def look(self, page: Page, photos: bool = True) -> dict[str, Any]:
        """Check that everything shown is complete on the phone or the server and the next number is unused.

        Return the contents of the phone. Pages may go on saving: only what was shown before the call counts.
        """
        shown = self.console.until_now()
        there = phones.inventory(page)
        self._check(shown, there, photos)
        return there

    def _check(self, shown: ConsoleLog, there: dict[str, Any], photos: bool) -> None:
        tally = self.tally
        kept = "\n".join([op["body"] for op in there["ops"]] + [item["body"] for item in there["mirror"]["op"]])
        kept += "".join(f'"{note}"' for note in self._sent())
        tally.lost |= {note for note, _ in shown.of("saved") if f'"{note}"' not in kept}
        if photos:
            tally.lost |= self._lost_photos(shown, there)
        self._check_draft(shown, there)
        mirrored = there["mirror"]["op"] + there["mirror"]["att"]
        tally.torn |= {op["op"] for op in there["ops"] if op["real"] != op["sha256"]}
        tally.torn |= {item["id"] for item in mirrored if item["said"] != item["sha256"]}
        given = [op["seq"] for op in there["ops"] if op["ep"] == there["ep"] and op["seq"] >= there["next"]]
        tally.collided |= {f"number {seq} would be given again" for seq in given}

    def _check_draft(self, console: ConsoleLog, there: dict[str, Any]) -> None:
        shown = max((int(n) for (n,) in console.of("draft")), default=0)
        kept = [json.dumps(draft["fields"]) for draft in there["drafts"]] + [
            item["body"] for item in there["mirror"]["draft"]
        ]
        self.typed = max((int(n) for n in re.findall(rf'"{self.token}-(\d+)"', "".join(kept))), default=0)
        if self.typed < shown:
            self.tally.lost.add(f"draft {shown}")

    def _lost_photos(self, shown: ConsoleLog, there: dict[str, Any]) -> set[str]:
        stored = dict(steps.rows(self.server, "SELECT id, sha256 FROM attachment WHERE state='stored'"))
        held = {item["id"]: item["sha256"] for item in there["mirror"]["att"]}
        return {photo for photo, sha256 in shown.of("photo") if sha256 not in (held.get(photo), stored.get(photo))}

    def _sent(self) -> list[str]:
        notes = steps.rows(self.server, "SELECT note FROM expense_item WHERE note LIKE ?", f"{self.token}-%")
        return [note for (note,) in notes]

    def drain(self) -> None:
        """Wait on the outbox page until the phone has nothing left to send."""
        self.phone.go("/outbox")
        self.wait_until_sent(self.phone.page)

    def wait_until_sent(self, page: Page) -> None:
        """Wait until everything on the phone is received, photos included."""
        for _ in range(1200):
            there = phones.inventory(page)
            going = [att for att in there["atts"] if att["op"] and att["state"] in ("local", "sending")]
            if not going and all(op["state"] == "accepted" or op["supersededBy"] for op in there["ops"]):
                return
            page.wait_for_timeout(100)
        raise RuntimeError("the outbox never became empty")

    def settle(self) -> None:
        """Send everything; then check that each record exists once, under its own number, with its photos."""
        self.drain()
        self.look(self.phone.page)
        self.count()
        self.phone.close()
        shutil.rmtree(self.phone.profile)

    def count(self, photos: bool = True) -> None:
        """Compare what was shown with receipts and effects, after everything was sent."""
        tally, sent = self.tally, Counter(self._sent())
        shown = {note for note, _ in self.console.of("saved")}
        tally.saved += len(shown)
        tally.photos += len(self.console.of("photo"))
        tally.drafts += len(self.console.of("draft"))
        tally.lost |= shown - set(sent)
        tally.doubled |= {note for note, times in sent.items() if times > 1}
        tally.collided |= self._rows(
            "SELECT dev, ep, seq FROM receipt WHERE channel='sync' GROUP BY dev, ep, seq HAVING count(*) > 1"
        )
        tally.torn |= self._rows("SELECT op, outcome FROM receipt WHERE channel='sync' AND outcome != 'accepted'")
        tally.torn |= self._rows("SELECT op, reason FROM quarantine")
        if photos:
            tally.lost |= self._rows(
                "SELECT a.id, a.state FROM attachment a JOIN receipt r ON r.op=a.op"
                " WHERE r.channel='sync' AND a.state != 'stored'"
            )

    def _rows(self, sql: str) -> set[str]:
        return {str(row) for row in steps.rows(self.server, sql)}


def leave(page: Page, script: str, arg: object = None) -> None:
    """Start a script that never ends."""
    page.evaluate(f"(arg) => {{ void ({script})(arg); }}", arg)
