"""What people type finds what is written, whatever the width, the case and the punctuation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldapp.kernel.findable import LONGEST, Findable, plain


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("豫A·8K321", "豫a8k321"),
        ("豫Ａ·８Ｋ３２１", "豫a8k321"),
        (" ha8k 321 ", "ha8k321"),
        ("199-0000-1001", "19900001001"),
        ("W-1024", "w1024"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("马女士（三店）", "马女士三店"),
        ("%_\\'\"--", ""),
        ("", ""),
        ("\x00\n\ud800", ""),
    ],
)
def test_plain(typed: str, key: str) -> None:
    assert plain(typed) == key


@given(st.text(max_size=400))
def test_plain_is_letters_and_digits(text: str) -> None:
    key = plain(text)
    assert len(key) <= LONGEST
    assert key == "" or key.isalnum()


@given(st.text(max_size=60), st.data())
def test_any_part_of_a_text_begins_one_of_its_keys(text: str, data: st.DataObject) -> None:
    key = plain(text)
    at = data.draw(st.integers(0, len(key)))
    part = key[at : at + data.draw(st.integers(1, LONGEST))]
    keys = list(Findable.of(inside=[text]).beginnings())
    assert not part or any(one.startswith(part) for one in keys)
    assert len(keys) == len(set(keys)) <= LONGEST


def test_what_is_found_by_its_beginning_is_not_found_by_its_end() -> None:
    assert list(Findable.of(start=["199-0001", None, ""]).beginnings()) == ["1990001"]
    assert Findable.of(inside=["Ab 1", None], start=["2", "2"]).words() == ("\nab1", "\n2")
