"""Draws the icons of the app's shortcuts (static/icons/shortcut-*.png) from static/icons/lines.json."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import sync_playwright

ICONS = Path(__file__).resolve().parents[1] / "static" / "icons"
SHORTCUTS = {"jobs": "jobs", "expense": "money", "parts": "part", "outbox": "sync"}
PAGE = """<body style="margin:0"><svg width="96" height="96" viewBox="0 0 96 96"><circle cx="48" cy="48" r="48"
fill="#0a6048"/><g transform="translate(21 21) scale(2.25)" fill="none" stroke="#fff" stroke-width="1.8"
stroke-linecap="round" stroke-linejoin="round">{shape}</g></svg></body>"""


def main() -> None:
    """One picture of 96 px a shortcut."""
    shapes: dict[str, str] = json.loads((ICONS / "lines.json").read_text())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 96, "height": 96})
        for name, shape in SHORTCUTS.items():
            page.set_content(PAGE.format(shape=shapes[shape]))
            page.screenshot(path=ICONS / f"shortcut-{name}.png", omit_background=True)
        browser.close()


if __name__ == "__main__":
    main()
