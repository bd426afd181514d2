"""Notice to an author whose records a desk imported."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l

NOTICES: dict[str, Any] = {
    "rescue.import": _l("%(who)s brought in %(n)s of your records from a rescue file."),
}
