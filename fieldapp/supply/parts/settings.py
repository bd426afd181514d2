"""Settings of parts requests."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from fieldapp.kernel.settings import Judged, JudgedRecords, SettingDef
from fieldapp.platform.extensions import db
from fieldapp.supply.parts.models import PartsRequest

#: Records that a correction lists at most.
MOST_JUDGED = 200

leader_limit = SettingDef(
    "parts.leader_limit",
    _l("Items from this price go to purchasing and the general manager's office"),
    Decimal("500.00"),
    "D-PART-2",
    unit=_l("yuan"),
    low=Decimal("0.01"),
)
split_days = SettingDef(
    "parts.split_days",
    _l("Requests for the same job within these days are shown together"),
    7,
    "D-PART-2",
    unit=_l("days"),
    low=1,
    high=90,
)


def _requests(since: datetime, until: datetime) -> Iterator[Judged]:
    columns = (PartsRequest.number, PartsRequest.requester_id, PartsRequest.submitted_at, PartsRequest.received_at)
    query = select(*columns).where(PartsRequest.submitted_at >= since, PartsRequest.submitted_at < until)
    for row in db.session.execute(query.order_by(PartsRequest.submitted_at).limit(MOST_JUDGED)):
        yield Judged(*row)


JUDGED = JudgedRecords(("parts.leader_limit",), _requests)
