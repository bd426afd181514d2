"""Dates, money and notices in one style everywhere."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from flask import Flask
from flask_babel import force_locale

from fieldapp.kernel import clock
from fieldapp.platform.commandbus import writing
from fieldapp.platform.commandbus.models import Notice
from fieldapp.platform.web import page as filters
from fieldapp.platform.web.typography import FIXED

NOW = datetime(2026, 11, 29, 9, 5, tzinfo=clock.BUSINESS_ZONE)
OTHER_YEAR = date(2025, 1, 2)


@pytest.mark.parametrize(
    ("language", "day", "moment", "month"),
    [
        (
            "zh_Hans",
            "11\u670829\u65e5\uff08\u5468\u65e5\uff09",
            "11\u670829\u65e5\uff08\u5468\u65e5\uff0909:05",
            "2026\u5e7411\u6708",
        ),
        ("en", "Sun, Nov 29", "Sun, Nov 29 09:05", "Nov 2026"),
    ],
)
def test_days_moments_and_months(app: Flask, language: str, day: str, moment: str, month: str) -> None:
    with app.test_request_context(), clock.standing_at(NOW), force_locale(language):
        assert filters.day(NOW) == day
        assert filters.moment(NOW) == moment
        assert filters.month("2026-11") == month
        assert "2025" in filters.day(OTHER_YEAR)


def test_the_sign_of_money_stays_with_its_number(app: Flask) -> None:
    with app.test_request_context():
        drawn = app.jinja_env.from_string("\u00a5 {{ 5 }} {{ typed }} {{ _('Above \u00a5 %(amount)s', amount=7) }}")
        assert drawn.render(typed="\u00a5 6") == f"\u00a5{FIXED}5 \u00a5 6 Above \u00a5{FIXED}7"


def test_pages_break_no_amount(bench: Any) -> None:
    bench.make_job()
    client = bench.client_of(bench.cast.tech)
    text = client.get("/expenses/claims/new").text + client.get("/parts/new").text
    assert "\u00a5 " not in text


def test_notices_name_jobs_and_people_and_old_ones_can_be_read(bench: Any) -> None:
    """One left before names nothing but a number; it is read all the same."""
    new = {"what": "Huayu \u00b7 Terminal offline", "who": "Li", "number": "PR-261129-K7QX", "total": "620.00"}
    with bench.app.app_context(), writing() as session:
        for kind, params in (
            ("parts_request.approve", new),
            ("parts_request.approve", {"number": "SN-0005", "total": "5.00", "reason": ""}),
            ("service_report.accept", {"ref": "K7-0042"}),
            ("visit.planned", {"when": "2026-11-30T01:00:00.000Z", "job": "Huayu"}),
            ("visit.planned", {"when": "11-30 09:00", "job": "Huayu"}),
        ):
            note = Notice(user_id=bench.cast.tech.id, kind=kind, url="/parts", params=params, created_at=clock.now())
            session.add(note)
    with clock.standing_at(NOW):
        text = bench.client_of(bench.cast.tech).get("/inbox").text
    assert f"Li approved the parts for Huayu \u00b7 Terminal offline: \u00a5{FIXED}620.00 (PR-261129-K7QX)." in text
    assert "approved the parts for SN-0005" in text
    assert "accepted your service report of K7-0042." in text
    assert "Mon, Nov 30 09:00, Huayu" in text
    assert "11-30 09:00, Huayu" in text
