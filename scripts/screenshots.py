"""Takes the pictures of README, docs/guides and the manifest from a fresh demo: `make screenshots` writes them."""

from __future__ import annotations

import re
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Playwright, sync_playwright

from tests.e2e import steps
from tests.e2e.conftest import Phone, Server

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
#: Shown by the browser as it offers to install the app (fieldapp/platform/offline/web_manifest.py).
SCREENS = ROOT / "static" / "screens"


def shoot(phone: Phone, name: str, path: str = "", full: bool = False) -> None:
    """One picture of what the phone shows (at `path`)."""
    if path:
        phone.go(path)
    phone.page.wait_for_timeout(800)
    phone.page.screenshot(path=IMAGES / f"{name}.png", full_page=full)


def screen(phone: Phone, name: str) -> None:
    """The same picture for the manifest: few colours, as small as it may be."""
    file = SCREENS / f"{name}.png"
    with Image.open(BytesIO(phone.page.screenshot())) as picture:
        picture.convert("RGB").quantize(64, dither=Image.Dither.NONE).save(file, optimize=True)


def screens(playwright: Playwright, server: Server, folder: Path) -> None:
    """What an installer sees, in the sizes that the manifest names."""
    SCREENS.mkdir(exist_ok=True)
    phone = Phone(playwright, server, folder / "narrow", device_scale_factor=1.5)
    phone.sign_in("tech1")
    phone.go("/jobs")
    steps.wait_all_received(phone)
    screen(phone, "jobs")
    phone.go(f"{steps.next_job(phone)}/report")
    steps.choose(phone.page, "result", "solved")
    phone.page.fill("[name=fault]", steps.FAULT)
    phone.page.fill("[name=cause]", steps.CAUSE)
    phone.page.fill("[name=work]", steps.WORK)
    phone.page.locator("h1").click()
    phone.page.evaluate("scrollTo(0, 0)")
    screen(phone, "report")
    phone.close()
    wide = {"viewport": {"width": 1280, "height": 800}, "is_mobile": False, "has_touch": False}
    desk = Phone(playwright, server, folder / "wide", **wide, device_scale_factor=1)
    desk.sign_in("finance")
    desk.go("/reimbursements")
    steps.wait_all_received(desk)
    screen(desk, "reimbursements")
    desk.close()


def technician(phone: Phone, folder: Path) -> None:
    """From signing in to what waits in the outbox without signal."""
    shoot(phone, "login", "/login")
    phone.sign_in("tech1")
    phone.ready_for_offline()
    shoot(phone, "jobs", "/jobs")
    job = steps.next_job(phone)
    shoot(phone, "job")
    phone.offline()
    for kind in ("visit.set_out", "visit.arrive", "visit.start"):
        steps.tap(phone.page, kind)
    phone.go(f"{job}/report")
    page = phone.page
    steps.choose(page, "result", "solved")
    page.fill("[name=fault]", steps.FAULT)
    page.fill("[name=cause]", steps.CAUSE)
    page.fill("[name=work]", steps.WORK)
    shoot(phone, "report")
    steps.add_photos(page, "photo", steps.picture(folder, "old.jpg"), steps.picture(folder, "new.jpg"))
    page.fill("[name=customer_name]", steps.CUSTOMER)
    steps.sign(page)
    steps.choose(page, "satisfaction", "5")
    page.locator("form[data-op='service_report.submit'] .dock button").click()
    steps.wait_saved(page)
    phone.go(f"/parts/new?job={job.rsplit('/', 1)[1]}")
    for row, number in enumerate(("GPS-ANT-02", "GPS-FDR-03")):
        if row:
            page.locator("[data-add-row]").first.click()
        field = f"[name='lines.{row}.part_id']"
        value = page.locator(f"{field} option", has_text=number).get_attribute("value")
        page.select_option(field, value)
        page.fill(f"[name='lines.{row}.qty']", "2")
    page.locator("h1").click()
    page.evaluate("scrollTo(0, 0)")
    shoot(phone, "parts-new")
    page.locator("form[data-op='parts_request.submit'] .dock button").click()
    steps.wait_saved(page)
    phone.go("/expenses/new")
    page.fill("[name=amount]", "46.00")
    steps.choose(page, "kind", "local_transport")
    page.evaluate("scrollTo(0, 0)")
    shoot(phone, "expense-new")
    steps.add_photos(page, "receipt", steps.picture(folder, "ticket.jpg"))
    page.locator("form[data-op='expense_item.capture'] .dock button").click()
    steps.wait_saved(page)
    shoot(phone, "outbox", "/outbox")
    phone.offline(False)
    page.wait_for_selector('[data-outbox-group="unsent"]', state="hidden", timeout=60_000)
    steps.wait_all_received(phone)
    shoot(phone, "expenses", "/expenses")


def leader(phone: Phone) -> None:
    """Dispatch, inbox, a report to be accepted."""
    phone.sign_in("lead1")
    shoot(phone, "jobs-leader", "/jobs")
    link = phone.page.locator('a[href$="/dispatch"]').first
    if link.count():
        shoot(phone, "dispatch", str(link.get_attribute("href")))
    shoot(phone, "inbox", "/inbox")
    phone.page.locator('#_inbox li:has(form[data-op="parts_request.approve"])').first.scroll_into_view_if_needed()
    shoot(phone, "inbox-parts")
    phone.go("/inbox")
    phone.page.locator('a[href^="/reports/"]').first.click()
    phone.page.wait_for_url(re.compile("/reports/"))
    shoot(phone, "report-view")


def finance(desk: Phone) -> None:
    """The month's list on a wide screen."""
    desk.sign_in("finance")
    shoot(desk, "reimbursements", "/reimbursements")
    claim = desk.page.locator('a[href^="/expenses/claims/"]').first
    if claim.count():
        shoot(desk, "claim", str(claim.get_attribute("href")))


def main() -> None:
    """All pictures, in the order of the story."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        place = Path(folder)
        server = Server(place / "data")
        server.folder.mkdir()
        server.start()
        try:
            screens(playwright, server, place)
            for name, tell in (("tech", lambda phone: technician(phone, place)), ("lead", leader)):
                phone = Phone(playwright, server, place / name)
                tell(phone)
                phone.close()
            wide = {"viewport": {"width": 1280, "height": 900}, "is_mobile": False, "has_touch": False}
            desk = Phone(playwright, server, place / "desk", **wide, device_scale_factor=1)
            finance(desk)
            desk.close()
        finally:
            server.stop()


if __name__ == "__main__":
    main()
