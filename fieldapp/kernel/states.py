"""State machines as tables: states with words and tone, and which verb leads from one to another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum


class IllegalMove(Exception):
    """The verb does not lead anywhere from this state."""

    def __init__(self, state: str, verb: str) -> None:
        super().__init__(f"{verb} does not follow {state}")
        self.state = state
        self.verb = verb


class Tone(StrEnum):
    """What a state means to its reader; templates/platform/web/state.html gives each a CSS class."""

    PLAIN = "plain"
    WAITING = "waiting"
    GOOD = "good"
    BAD = "bad"
    CALM = "calm"


@dataclass(frozen=True)
class State:
    """A state as people see it: its English words, which are the message that is translated, and its tone.

    `final`: nothing follows it.
    """

    words: str
    tone: Tone = Tone.PLAIN
    final: bool = False


@dataclass(frozen=True)
class States:
    """The states of a record whose state is computed from other records."""

    states: Mapping[str, State]


@dataclass(frozen=True)
class Machine(States):
    """`moves[(state, verb)]` is the next state; a record begins in `start`.

    Raise ValueError if a move names a state that is not declared.
    """

    moves: Mapping[tuple[str, str], str]
    start: str

    def __post_init__(self) -> None:
        named = {self.start, *(state for state, _ in self.moves), *self.moves.values()}
        if undeclared := named - self.states.keys():
            raise ValueError(f"states without words: {', '.join(sorted(undeclared))}")

    def next(self, state: str, verb: str) -> str:
        """The state after `verb`. Raises IllegalMove."""
        try:
            return self.moves[state, verb]
        except KeyError:
            raise IllegalMove(state, verb) from None

    def verbs(self, state: str) -> tuple[str, ...]:
        """What can be done in `state`, in the table's order."""
        return tuple(verb for (at, verb) in self.moves if at == state)

    def defects(self) -> Iterator[str]:
        """Yield what is wrong with the table: states that are never reached, and ends that are not declared final."""
        reached, to_visit = {self.start}, [self.start]
        while to_visit:
            state = to_visit.pop()
            following = {self.moves[state, verb] for verb in self.verbs(state)}
            to_visit += following - reached
            reached |= following
        for name, declared in self.states.items():
            left = any(self.moves[name, verb] != name for verb in self.verbs(name))
            if name not in reached:
                yield f"{name} is never reached"
            if left == declared.final:
                yield f"{name} is final and is left" if left else f"{name} is never left and not declared final"
