"""Labels and styles of outcomes on the rescue pages."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l

#: outcome -> (style of the tag, label); `new`: no receipt exists.
OUTCOMES: dict[str, tuple[str, Any]] = {
    "new": ("soon", _l("Not here yet")),
    "accepted": ("ok", _l("Received")),
    "held": ("calm", _l("Received, waits for another record")),
    "rejected": ("hot", _l("Refused")),
    "conflict": ("hot", _l("Conflict")),
    "busy": ("soon", _l("The server had trouble; bring it in again")),
    "unsupported_schema": ("soon", _l("From a newer version; bring it in again after the upgrade")),
    "other": ("hot", _l("Not brought in")),
}
