"""Built files straight from disk, compressed beforehand and cached for ever under their hashed names."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from wsgiref.headers import Headers

from whitenoise import WhiteNoise

ICON = "icon-192.png"


def around(application: Any, folder: Path) -> WhiteNoise:
    """The application with /static/dist and /static/icons in front of it."""
    server = WhiteNoise(
        application, immutable_file_test=lambda path, url: "/dist/" in url, add_headers_function=_headers
    )
    for name in ("dist", "icons"):
        if (folder / name).exists():
            server.add_files(str(folder / name), prefix=f"static/{name}/")
    if (folder / "icons" / ICON).exists():
        # Asked for by browsers before they have read a page.
        server.add_file_to_dictionary("/favicon.ico", str(folder / "icons" / ICON))
    return server


def _headers(headers: Headers, path: str, url: str) -> None:
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
