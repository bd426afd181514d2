"""Names of downloaded files: in the person's language, and possible on every system."""

from __future__ import annotations

import re
from urllib.parse import quote

from werkzeug.wrappers import Response

#: What Windows cannot have in a name; control characters and marks that turn the direction of writing, too.
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+')
#: Names of devices: Windows opens them instead of a file, whatever the ending.
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)", re.IGNORECASE)
LONGEST = 120


def file_name(parts: list[str], ending: str) -> str:
    """The parts joined by `-`, as Windows, macOS and phones can store them."""
    name = "-".join(part for part in (_FORBIDDEN.sub(" ", one).strip() for one in parts) if part)
    name = re.sub(r"\s+", " ", name)[:LONGEST].strip(" .-") or "download"
    return f"{'_' if _DEVICE.match(name) else ''}{name}.{ending}"


def as_download(response: Response, name: str, plain: str) -> Response:
    """Have the browser save the answer under `name` (RFC 6266); what cannot read it takes the ASCII name `plain`."""
    star = quote(name, safe="!#$&+-.^_`|~", encoding="utf-8")
    names = f'filename="{plain}"' if name == plain else f"filename=\"{plain}\"; filename*=UTF-8''{star}"
    response.headers["Content-Disposition"] = f"attachment; {names}"
    return response
