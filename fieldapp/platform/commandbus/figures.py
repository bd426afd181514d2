"""How much of one person's refused records is stored, as figures an administrator can change."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.kernel.figures import Figure

REFUSED_RECORDS = Figure(
    "records.refused_a_day",
    _l("Refused records of one person that are stored in a day"),
    1000,
    "D-AUD-1",
    low=100,
    high=1_000_000,
)
REFUSED_SIZE = Figure(
    "records.refused_megabytes_a_day",
    _l("Size of the refused records of one person that are stored in a day"),
    20,
    "D-AUD-1",
    unit="MB",
    low=2,
    high=100_000,
)
