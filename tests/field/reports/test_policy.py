"""The rules of reports as tables and pure functions."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldapp.field.jobs import JobFacts
from fieldapp.field.reports.policy import (
    REPORT,
    changes,
    content_of,
    fingerprint,
    late_reason,
    may_see_report,
    people_of_plan,
    signature_paths,
)
from fieldapp.kernel.actor import Actor
from fieldapp.kernel.states import IllegalMove

MOVES = {
    ("submitted", "approved"): "accepted",
    ("submitted", "returned"): "returned",
    ("submitted", "resubmit"): "submitted",
    ("returned", "resubmit"): "submitted",
}


@pytest.mark.parametrize(
    ("state", "verb"),
    list(itertools.product(["submitted", "returned", "accepted"], ["approved", "returned", "resubmit"])),
)
def test_every_state_and_verb(state: str, verb: str) -> None:
    if (state, verb) in MOVES:
        assert REPORT.next(state, verb) == MOVES[state, verb]
    else:
        with pytest.raises(IllegalMove):
            REPORT.next(state, verb)


@pytest.mark.parametrize(
    ("visit", "job", "still_on", "why"),
    [
        ("on_site", "in_progress", True, None),
        ("assigned", "planned", True, None),
        ("accepted_by_leader", "solved", True, None),
        ("cancelled", "planned", True, "cancelled"),
        ("refused", "new", True, "cancelled"),
        ("on_site", "cancelled", True, "cancelled"),
        ("cancelled", "planned", False, "cancelled"),
        ("on_site", "in_progress", False, "reassigned"),
    ],
)
def test_d_job_10_when_it_is_late_work(visit: str, job: str, still_on: bool, why: str | None) -> None:
    assert late_reason(visit, job, still_on) == why


@pytest.mark.parametrize(
    ("person", "sees"),
    [
        (Actor(1, "", ""), True),
        (Actor(2, "", ""), True),
        (Actor(3, "", ""), True),
        (Actor(4, "", ""), False),
        (Actor(5, "", "", roles=frozenset({"leader"}), leads=frozenset({7})), True),
        (Actor(5, "", "", roles=frozenset({"leader"}), leads=frozenset({8})), False),
        (Actor(6, "", "", roles=frozenset({"finance"})), True),
        (Actor(6, "", "", roles=frozenset({"hr"})), False),
        (Actor(6, "", "", roles=frozenset({"admin"})), False),
    ],
)
def test_who_sees_a_report(person: Actor, sees: bool) -> None:
    job = JobFacts("job", 7, members=frozenset({2}), former=frozenset({3}))
    assert may_see_report(person, 1, job) is sees


def test_content_leaves_out_what_the_result_does_not_need() -> None:
    data = {"result": "solved", "fault": "f", "work": "w", "plan_people": "x", "reason": "y", "cause": "", "parts": []}
    assert content_of(data, []) == {"result": "solved", "fault": "f", "work": "w"}


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8) | st.integers() | st.lists(st.integers(), max_size=3)))
def test_the_seal_does_not_depend_on_the_order_of_fields(content: dict) -> None:
    assert fingerprint(content) == fingerprint(dict(reversed(content.items())))
    assert fingerprint(content) != fingerprint({**content, "one more": 1})


@given(
    st.lists(st.lists(st.integers(0, 600), min_size=2, max_size=20).filter(lambda one: len(one) % 2 == 0), max_size=5)
)
def test_every_stroke_is_drawn(strokes: list[list[int]]) -> None:
    drawn = signature_paths(strokes)
    assert len(drawn) == len(strokes)
    assert all(path.startswith("M") and ("C" in path or "h1" in path) for path in drawn)
    # Every point of the stroke is on the path: the curves begin and end there.
    for stroke, path in zip(strokes, drawn, strict=True):
        assert path.count("C") == len(stroke) // 2 - 1
        assert path.endswith(f"{stroke[-2]} {stroke[-1]}") or len(stroke) == 2


def test_a_stroke_has_the_curves_that_signature_pad_drew() -> None:
    """Expected values: `Bezier.fromPoints` of signature_pad 5.1.4 for these points, the last point doubled."""
    assert signature_paths([[0, 0, 100, 100, 200, 0]]) == ["M0 0C50 50 50 100 100 100C150 100 150 50 200 0"]


def test_differences_name_what_came_and_went() -> None:
    before = {"fault": "a", "parts": [{"name": "x"}, {"name": "y"}]}
    after = {"fault": "b", "parts": [{"name": "y"}, {"name": "z"}], "cause": "c"}
    found = {one.name: one for one in changes(before, after, ("fault", "cause", "work", "parts"))}
    assert list(found) == ["fault", "cause", "parts"]
    assert (found["parts"].gone, found["parts"].new) == ([{"name": "x"}], [{"name": "z"}])
    assert found["cause"].before is None


GROUP = [(1, "Li Wei"), (2, "Li Weimin"), (3, "\u5468\u6653\u5cf0"), (4, "\u674e\u4f1f\u6c11")]


@pytest.mark.parametrize(
    ("text", "found", "unmatched"),
    [
        ("Li Weimin, Li Wei", [2, 1], []),
        ("li weimin and Bob; BOB", [2], ["Bob", "BOB"]),
        ("Bob and Li Wei", [1], ["Bob"]),
        ("Li Wei and Li Weimin", [1, 2], []),
        ("\u674e\u4f1f\u6c11\u548c\u5468\u6653\u5cf0", [4, 3], []),
        ("\u674e\u4f1f\u6c11\uff08\u8d1f\u8d23\uff09\u3001\u5f20\u4e09", [4], ["\u5f20\u4e09"]),
        ("\u674e\u4f1f\u6c11\u548c\u5f20\u4e09", [4], ["\u5f20\u4e09"]),
        ("\u5468\u6653\u5cf0\u3001\u5f20\u548c", [3], ["\u5f20\u548c"]),
        ("\u5c0f\u5468", [], ["\u5c0f\u5468"]),
        ("2", [], []),
        ("Li Wei Li Wei", [1], ["Li Wei"]),
    ],
)
def test_d_job_7_a_plan_names_technicians_of_the_group_and_perhaps_others(
    text: str, found: list[int], unmatched: list[str]
) -> None:
    assert people_of_plan(text, GROUP) == (found, unmatched)


@given(st.text(max_size=40))
def test_any_text_may_stand_in_a_plan(text: str) -> None:
    assert people_of_plan(text, []).matched == []
