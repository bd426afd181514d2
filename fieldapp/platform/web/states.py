"""States as pages, pieces for phones and exports show them: words in the reader's language, and their tone."""

from __future__ import annotations

from typing import Any, NamedTuple

from flask_babel import lazy_gettext

from fieldapp.kernel.states import States, Tone
from fieldapp.platform.web import language


class ShownState(NamedTuple):
    """A state for the macro of templates/platform/web/state.html."""

    words: str
    tone: str


def shown(states: States, state: str, tone: Tone | None = None) -> ShownState:
    """Return the state in the reader's language; `tone` replaces its own where that depends on the record."""
    found = states.states.get(state)
    if found is None:
        return ShownState(state, tone or Tone.PLAIN)
    return ShownState(language.word(found.words), tone or found.tone)


def words_of(states: States, *only: str) -> dict[str, Any]:
    """Return the words of all states, or `only` of these, as lazy texts by state: for filters and exports."""
    return {name: lazy_gettext(states.states[name].words) for name in only or states.states}
