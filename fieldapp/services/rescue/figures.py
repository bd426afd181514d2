"""Settings: limits of rescue files."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.kernel.figures import Figure

MAX_FILE = Figure("rescue.max_megabytes", _l("Largest rescue file, also unpacked"), 100, "D-AUD-1", "MB", 1, 120)
MAX_RECORDS = Figure("rescue.max_records", _l("Most records in a rescue file"), 1000, "D-AUD-1", low=1, high=5000)
KEEP_DAYS = Figure(
    "rescue.keep_days", _l("How long an uploaded rescue file is kept"), 30, "D-AUD-1", _l("days"), 1, 730
)
