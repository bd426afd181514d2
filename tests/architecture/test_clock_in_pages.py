"""No page follows the time of day: how long ago something was is written by the client (ADR 34)."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from jinja2 import TemplateAssertionError

from fieldapp.kernel import clock

ROOT = Path(__file__).resolve().parents[2]


def test_a_template_that_says_ago_on_the_server_does_not_compile(session_app: Flask) -> None:
    with pytest.raises(TemplateAssertionError, match="ago"):
        session_app.jinja_env.from_string("{{ value | ago }}")
    assert not any("now" in name for name in {*session_app.jinja_env.globals, *session_app.jinja_env.filters})


def test_no_module_puts_into_words_how_long_ago_something_was() -> None:
    """A span between two stored moments is no clock; one with a direction counts from now."""
    counted = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "fieldapp").rglob("*.py")
        if re.search(r"add_direction|format_timedelta\([^)]*now\(", path.read_text())
    ]
    assert counted == []


def test_the_client_gets_the_moment_and_the_page_holds_words_without_it(session_app: Flask) -> None:
    at = clock.now() - timedelta(hours=3)
    with session_app.test_request_context(headers={"Accept-Language": "en"}):
        drawn = session_app.jinja_env.from_string("{{ at | time_ago }}").render(at=at)
    assert re.fullmatch(rf'<time datetime="{clock.iso(at)}" data-ago>[^<]*\d\d:\d\d</time>', drawn)
