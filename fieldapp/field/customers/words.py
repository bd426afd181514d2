"""The words for what is stored as a code."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l

CATEGORIES: dict[str, Any] = {
    "gps_terminal": _l("GPS terminal"),
    "air_conditioner": _l("Air conditioner"),
    "water_purifier": _l("Water purifier"),
    "printer": _l("Printer"),
    "other": _l("Other"),
}
