"""Times in the step bar: the server's, and those that only the phone knows yet."""

from __future__ import annotations

from fieldapp.field.jobs.steps import reachable_stages, stage
from fieldapp.kernel import clock


def test_the_arrival_keeps_its_time_while_start_is_on_the_phone() -> None:
    at = clock.now()
    start = next(one for one in reachable_stages("en_route", {"set_out": at}) if one.tap == "start")
    assert [(time, by) for _, _, time, by in start.steps[:3]] == [(at, ""), (None, "arrive"), (None, "start")]


def test_a_pause_shows_all_times_before_it() -> None:
    pause = stage("paused", {}, "pause")
    assert [by for _, _, _, by in pause.steps[:3]] == ["set_out", "arrive", "start"]


def test_the_page_itself_names_no_time_of_the_phone() -> None:
    assert all(by == "" for *_, by in stage("working", {}).steps)
