"""What a technician and a leader do on their phones, one act at a time."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Error, Locator, Page, expect

from tests.e2e import steps
from tests.e2e.conftest import Phone
from tests.faults.support import phones
from tests.week.ledger import Entry, Ledger

#: How long one act may wait for a screen; longer than any wait of the product itself.
PATIENCE = 15_000
REFERENCE = re.compile(r"[A-Z][A-Z0-9]-\d{4,}")


class Person:
    """Somebody with a phone. `act` does one thing and notes in the ledger what the screen confirmed."""

    def __init__(self, name: str, phone: Phone, ledger: Ledger, chance: random.Random, folder: Path) -> None:
        self.name, self.phone, self.ledger, self.chance, self.folder = name, phone, ledger, chance, folder
        self.online = True
        self.count = 0
        #: Called between filling a form in and the answer of the screen: the place for a cut, a kill, a closed tab.
        self.disturb: Callable[[Person], None] = lambda person: None

    # -- the phone -------------------------------------------------------------------------------------------

    @property
    def page(self) -> Page:
        """The tab that is open now."""
        return self.phone.page

    def mark(self) -> str:
        """A text that stands in no other record."""
        self.count += 1
        return f"week-{self.name}-{self.count:04d}"

    def go(self, path: str) -> bool:
        """Open a page of the app; sign in again where the session was lost with the browser. False: not reachable."""
        try:
            self.phone.go(path)
            if "/login" in self.page.url:
                if not self.online:
                    return False
                self.phone.sign_in(self.name)
                self.phone.go(path)
            return "/login" not in self.page.url
        except Error:
            return False

    def set_online(self, yes: bool) -> None:
        """Find or lose the signal."""
        self.online = yes
        self.phone.offline(not yes)

    def close_tab(self) -> None:
        """Close the tab at once, as a hurried thumb does, and open another one."""
        page = self.phone.new_tab()
        # The driver waits for a closing tab without end; one that does not go in time takes its browser along.
        with phones.limited(self.phone, PATIENCE / 1000) as struck, suppress(Error):
            self.page.close()
        self.phone.page = page
        if struck.is_set():
            self.ledger.happened["tabs that did not close"] += 1
            self.kill()

    def kill(self) -> None:
        """The system kills the browser; the person opens it again."""
        phones.kill(self.phone)
        self.phone.open()
        self.phone.offline(not self.online)

    # -- acts ------------------------------------------------------------------------------------------------

    def press(self, entry: Entry, button: Locator, seen: Callable[[], bool]) -> bool:
        """Press the button and confirm the entry if `seen` holds within PATIENCE. Return whether it did."""
        button.click(timeout=PATIENCE)
        self.disturb(self)
        for _ in range(PATIENCE // 100):
            if seen():
                self.ledger.confirm(entry)
                return True
            self.page.wait_for_timeout(100)
        return False

    def said_saved(self) -> bool:
        """Whether the line at the bottom names a record kept on this phone."""
        toast = self.page.locator("#toast")
        return toast.is_visible() and bool(REFERENCE.search(toast.inner_text()))

    def send(self, entry: Entry, form: str) -> bool:
        """Press the big button of a form and wait for the word *saved*."""
        return self.press(entry, self.page.locator(f"form[data-op='{form}'] .dock button").last, self.said_saved)


class Technician(Person):
    """Goes through visits, writes reports, notes expenses, asks for parts, claims."""

    def act(self) -> None:
        """One thing a technician does."""
        self.chance.choices(
            (self.step, self.report, self.expense, self.claim, self.parts, self.correct, self.look),
            (8, 5, 4, 2, 2, 2, 1),
        )[0]()

    def look(self) -> None:
        """Read some page, as one does in between."""
        self.go(self.chance.choice(("/jobs", "/outbox", "/expenses", "/inbox", "/me")))

    def _a_job(self) -> str | None:
        if not self.go("/jobs"):
            return None
        links = self.page.locator("#main h2 a[href^='/jobs/']")
        count = links.count()
        if count == 0:
            return None
        # Mostly the one on top: people work in order.
        at = 0 if self.chance.random() < 0.7 else self.chance.randrange(count)
        return links.nth(at).get_attribute("href")

    def step(self) -> None:
        """The next step of a job: set out, arrive, start."""
        job = self._a_job()
        if not job or not self.go(job):
            return
        forms = self.page.locator(".dock form[data-op^='visit.']")
        if forms.count() == 0 or not forms.first.is_visible():
            return
        kind, agg = forms.first.get_attribute("data-op"), str(forms.first.get_attribute("data-agg"))
        entry = self.ledger.begin(self.name, "tap", f"{kind} {agg}", job=job.rsplit("/", 1)[1])
        same = self.page.locator(f".dock form[data-op='{kind}'][data-agg='{agg}'] button:visible")
        self.press(entry, forms.first.locator("button"), lambda: same.count() == 0)

    def report(self) -> None:
        """Write the report that a job offers as its next step."""
        job = self._a_job()
        if not job or not self.go(job):
            return
        link = self.page.locator(f".dock a[href='{job}/report']:visible")
        if link.count() == 0:
            return
        link.first.click(timeout=PATIENCE)
        self.page.wait_for_url(re.compile("/report|/correct"), timeout=PATIENCE)
        form = self.page.locator("form[data-op^='service_report.']").first
        if form.count() == 0 or not form.is_visible():
            return
        mark = self.mark()
        result = self.chance.choice(("solved", "solved", "another_visit"))
        steps.choose(self.page, "result", result)
        self.page.fill("[name=fault]", mark)
        self.page.fill("[name=cause]", steps.CAUSE)
        self.page.fill("[name=work]", steps.WORK)
        if result == "another_visit":
            self._plan()
        self.page.fill("[name=customer_name]", steps.CUSTOMER)
        steps.sign(self.page)
        steps.choose(self.page, "satisfaction", "5")
        if self.chance.random() < 0.4:
            steps.add_photos(self.page, "photo", steps.picture(self.folder, f"{mark}.jpg", 300))
        kind = str(form.get_attribute("data-op"))
        entry = self.ledger.begin(self.name, "report", mark, job=job.rsplit("/", 1)[1], result=result, kind=kind)
        self.send(entry, kind)

    def _plan(self) -> None:
        self.page.fill("[name=plan_at]", (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT09:00"))
        self.page.fill("[name=plan_people]", self.name)
        self.page.fill("[name=plan_tools]", "heat gun")
        reason = self.page.locator("[name=reason]")
        if reason.is_visible():
            reason.fill("part missing")

    def expense(self) -> None:
        """Note an expense, sometimes with its receipt."""
        if not self.go("/expenses/new"):
            return
        mark, fen = self.mark(), self.chance.randrange(100, 20_000)
        self.page.fill("[name=amount]", f"{fen // 100}.{fen % 100:02d}")
        steps.choose(self.page, "kind", "parking")
        self.page.fill("[name=note]", mark)
        if self.chance.random() < 0.4:
            steps.add_photos(self.page, "receipt", steps.picture(self.folder, f"{mark}.jpg", 300))
        self.send(self.ledger.begin(self.name, "expense", mark, fen=fen), "expense_item.capture")

    def claim(self) -> None:
        """Claim what the form lists, with some of it unticked."""
        if not self.go("/expenses/claims/new"):
            return
        boxes = self.page.locator("#claim-items input[name='items[]']")
        for n in range(boxes.count()):
            if self.chance.random() < 0.2 and boxes.nth(n).is_checked():
                boxes.nth(n).uncheck(force=True)
        chosen = [str(boxes.nth(n).input_value()) for n in range(boxes.count()) if boxes.nth(n).is_checked()]
        if not chosen:
            return
        mark = self.mark()
        self.page.fill("[name=note]", mark)
        self.send(self.ledger.begin(self.name, "claim", mark, items=chosen), "expense_claim.submit")

    def parts(self) -> None:
        """Ask for a part, for a job or for none."""
        if not self.go("/parts/new"):
            return
        mark = self.mark()
        self.page.select_option("[name='lines.0.part_id']", index=self.chance.randrange(1, 20))
        self.page.fill("[name='lines.0.qty']", str(self.chance.randrange(1, 4)))
        self.page.fill("[name=reason]", mark)
        self.send(self.ledger.begin(self.name, "parts", mark), "parts_request.submit")

    def correct(self) -> None:
        """Correct and send again what the leader sent back; its notice leads to it."""
        where, way = self.chance.choice(
            (("/expenses", "/resubmit"), ("/parts", "/correct"), ("/reports", "/correct"), ("/inbox", "/correct"))
        )
        if not self.go(where):
            return
        near = f"#main a[href^='{where}/']" if where != "/inbox" else f"#main a[href$='{way}']"
        links = self.page.locator(near)
        for path in [str(links.nth(n).get_attribute("href")) for n in range(min(8, links.count()))]:
            form = path if path.endswith(way) else self._way_on(path, way)
            if form and self.go(form):
                self._send_again()
                return

    def _way_on(self, record: str, way: str) -> str | None:
        links = self.page.locator(f"#main a[href$='{way}']:visible")
        return links.first.get_attribute("href") if self.go(record) and links.count() else None

    def _send_again(self) -> None:
        form = self.page.locator("form[data-op$='.resubmit']").first
        if form.count() == 0 or not form.is_visible():
            return
        mark, kind = self.mark(), str(form.get_attribute("data-op"))
        words = {
            "service_report.resubmit": "work",
            "expense_claim.resubmit": "note",
            "parts_request.resubmit": "reason",
        }
        if kind == "expense_claim.resubmit":
            boxes = self.page.locator("#claim-items input[name='items[]']")
            if not any(boxes.nth(n).is_checked() for n in range(boxes.count())):
                return
        else:
            self.page.fill(f"[name={words[kind]}]", mark)
        if not form.is_visible():
            return  # The phone learned meanwhile that the record has moved on.
        if kind == "service_report.resubmit":
            steps.sign(self.page, depth=0.6)
        self.send(self.ledger.begin(self.name, "again", mark, kind=kind), kind)


class Leader(Person):
    """Decides what waits, dispatches, gives visits to somebody else."""

    def act(self) -> None:
        """One thing a leader does."""
        self.chance.choices((self.decide, self.dispatch, self.reassign, self.look), (8, 4, 1, 1))[0]()

    def look(self) -> None:
        """Read some page."""
        self.go(self.chance.choice(("/jobs", "/inbox", "/inbox/done", "/outbox")))

    def decide(self) -> None:
        """Say yes, or send back with a reason, on the oldest card or another one."""
        if not self.go("/inbox"):
            return
        cards = self.page.locator("#_inbox li[id^='case-']")
        open_ = [n for n in range(cards.count()) if cards.nth(n).locator("form[data-op] button:visible").count()]
        if not open_:
            return
        card = cards.nth(self.chance.choice(open_[:3]))
        case = str(card.get_attribute("id"))
        yes = card.locator("form[data-op$='.approve'], form[data-op$='.accept']").first
        back = card.locator("details:has(form[data-op$='.return'])").first
        if self.chance.random() < 0.25 and back.count():
            back.locator("summary").click(timeout=PATIENCE)
            back.locator("textarea").fill(self.mark())
            form = back.locator("form")
        else:
            form = yes
        kind = str(form.get_attribute("data-op"))
        entry = self.ledger.begin(self.name, "decision", f"{kind} {case}", record=case.removeprefix("case-"))
        gone = self.page.locator(f"#{case} form[data-op='{kind}'] button:visible")
        self.press(entry, form.locator("button").last, lambda: gone.count() == 0)

    def dispatch(self) -> None:
        """Send somebody to a job that waits for it."""
        if not self.go("/jobs"):
            return
        links = self.page.locator("a[href$='/dispatch']:visible")
        if links.count() == 0:
            return
        job = str(links.first.get_attribute("href")).split("/")[2]
        if not self.go(f"/jobs/{job}/dispatch") or self.page.locator("form[data-op='job.dispatch']").count() == 0:
            return
        people = self.page.locator("[name=technician_id] option[value]:not([value=''])")
        who = self.chance.randrange(people.count())
        self.page.select_option("[name=technician_id]", str(people.nth(who).get_attribute("value")))
        entry = self.ledger.begin(self.name, "dispatch", job)
        self.send(entry, "job.dispatch")

    def reassign(self) -> None:
        """Give a planned visit to somebody else, perhaps while its technician is on the way without a signal."""
        if not self.go("/jobs"):
            return
        links = self.page.locator("#main a[href^='/jobs/']:visible")
        jobs = {str(links.nth(n).get_attribute("href")).split("/")[2] for n in range(links.count())}
        if not jobs or not self.go(f"/jobs/{self.chance.choice(sorted(jobs))}"):
            return
        link = self.page.locator("a[href$='/reassign']:visible").first
        if link.count() == 0 or not self.go(str(link.get_attribute("href"))):
            return
        if self.page.locator("form[data-op='visit.reassign']").count() == 0:
            return
        people = self.page.locator("[name=technician_id] option[value]:not([value=''])")
        at = self.chance.randrange(people.count())
        self.page.select_option("[name=technician_id]", str(people.nth(at).get_attribute("value")))
        self.send(self.ledger.begin(self.name, "reassign", self.page.url), "visit.reassign")


def settled(person: Person) -> bool:
    """Bring a phone to rest: all received, what came back opened and discarded. False: something never left."""
    person.set_online(True)
    for _ in range(12):
        if not person.go("/outbox"):
            continue
        try:
            steps.wait_all_received(person.phone, timeout=20_000)
            return True
        except Error:
            pass
        came_back = person.page.locator('[data-outbox-group="attention"] li')
        while came_back.count():
            _put_away(person, came_back.first)
    return False


def _put_away(person: Person, item: Locator) -> None:
    words = re.sub(r"\s+", " ", item.inner_text())[:160]
    person.ledger.happened["came back"] += 1
    person.ledger.happened[f"came back: {words}"] += 1
    before = person.page.locator('[data-outbox-group="attention"] li').count()
    item.locator("details[data-record] > summary").first.click()
    item.locator("[data-act=discard]").click()
    person.page.locator("dialog[data-discard] [data-answer=discard]").click()
    expect(person.page.locator('[data-outbox-group="attention"] li')).to_have_count(before - 1)
