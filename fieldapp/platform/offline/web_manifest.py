"""Web app manifest in the language of the request."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext

from fieldapp.platform.web import language

ICONS = [
    {"src": "/static/icons/icon-192.png", "sizes": "192x192", "type": "image/png"},
    {"src": "/static/icons/icon-512.png", "sizes": "512x512", "type": "image/png"},
    {"src": "/static/icons/maskable-512.png", "sizes": "512x512", "type": "image/png", "purpose": "maskable"},
]
#: Only Chromium supports it. The service worker adds shared pictures to a draft (static/src/sw.ts).
SHARE_TARGET = {
    "action": "/share",
    "method": "POST",
    "enctype": "multipart/form-data",
    "params": {"title": "title", "text": "text", "url": "url", "files": [{"name": "receipt", "accept": ["image/*"]}]},
}


def web_manifest() -> dict[str, Any]:
    """Return the manifest: name, start page, icons, shortcuts and screenshots."""
    name = gettext("Field service")
    return {
        "id": "/",
        "name": name,
        "short_name": name,
        "description": gettext(
            "Jobs, service reports, parts and expenses of after-sales service, also without signal."
        ),
        "lang": language.tag(language.code()),
        "dir": "ltr",
        "categories": ["business", "productivity"],
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "background_color": "#f3f5f1",
        "theme_color": "#0a6048",
        "icons": ICONS,
        "shortcuts": _shortcuts(),
        "screenshots": _screenshots(),
        "share_target": SHARE_TARGET,
    }


def _shortcuts() -> list[dict[str, Any]]:
    """Return the shortcuts of a long press on the icon."""
    shortcuts = (
        ("jobs", gettext("Jobs"), "/jobs"),
        ("expense", gettext("New expense"), "/expenses/new"),
        ("parts", gettext("Request parts"), "/parts/new"),
        ("outbox", gettext("Outbox"), "/outbox"),
    )
    return [
        {
            "name": name,
            "url": url,
            "icons": [{"src": f"/static/icons/shortcut-{key}.png", "sizes": "96x96", "type": "image/png"}],
        }
        for key, name, url in shortcuts
    ]


def _screenshots() -> list[dict[str, str]]:
    """Return the screenshots of the browser's install dialog (`make screenshots`)."""
    screenshots = (
        ("jobs", "narrow", "540x1170", gettext("The jobs of the day")),
        ("report", "narrow", "540x1170", gettext("A service report on site")),
        ("reimbursements", "wide", "1280x800", gettext("The reimbursement list")),
    )
    return [
        {"src": f"/static/screens/{key}.png", "sizes": sizes, "type": "image/png", "form_factor": form, "label": label}
        for key, form, sizes, label in screenshots
    ]
