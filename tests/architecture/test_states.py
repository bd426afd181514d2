"""Every state of every state machine: words in every language, one macro, and a way in and out (ADR 41)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask, render_template_string
from flask_babel import force_locale

from fieldapp.kernel import discovery
from fieldapp.kernel.states import Machine, States, Tone
from fieldapp.platform.web.states import ShownState, shown, words_of

ROOT = Path(__file__).resolve().parents[2]
TABLES = [
    pytest.param(value, id=f"{module.__name__.removeprefix('fieldapp.')}.{name}")
    for _, module in discovery.layer(("fieldapp",), "policy")
    for name, value in vars(module).items()
    if isinstance(value, States) and not module.__name__.endswith("policy.states")
]
MACHINES = [one for one in TABLES if isinstance(one.values[0], Machine)]
TAG = '{% import "platform/web/state.html" as states %}{{ states.tag(shown) }}'


def test_the_machines_of_all_features_are_found() -> None:
    found = {str(one.id).rpartition(".")[2] for one in TABLES}
    assert found == {"CLAIM", "ITEM", "JOB", "OUTCOME", "REPORT", "REQUEST", "VISIT"}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("language", ["zh_Hans", "zh_Hant", "en"])
def test_every_state_is_drawn_in_every_language(app: Flask, table: States, language: str) -> None:
    with app.test_request_context(headers={"Accept-Language": language.replace("_", "-")}), force_locale(language):
        for name, state in table.states.items():
            drawn = render_template_string(TAG, shown=shown(table, name))
            words = re.fullmatch(r'<span class="tag[ a-z]*">([^<]+)</span>', drawn)
            assert words, drawn
            chinese = bool(re.search("[\u4e00-\u9fff]", words[1]))
            assert chinese == (language != "en"), (name, words[1])
            assert str(words_of(table)[name]) == words[1].replace("&#39;", "'")
            assert state.words


@pytest.mark.parametrize("machine", MACHINES)
def test_every_state_is_reached_and_left_or_final(machine: Machine) -> None:
    assert list(machine.defects()) == []


def test_every_tone_has_a_class_and_only_the_macro_knows_it(app: Flask) -> None:
    with app.test_request_context():
        drawn = {tone: render_template_string(TAG, shown=ShownState("x", tone)) for tone in Tone}
    assert len(set(drawn.values())) == len(Tone)
    computed = [
        f"{path.relative_to(ROOT)}"
        for path in (ROOT / "templates").rglob("*.html")
        if re.search(r'class="[^"]*tag \{\{[^}]*(\.look|LOOKS|_state\b|STATES)', path.read_text())
    ]
    assert computed == []
