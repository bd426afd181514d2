"""State machines as tables: what may follow what, and by which verb."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


class IllegalMove(Exception):
    """The verb does not lead anywhere from this state."""

    def __init__(self, state: str, verb: str) -> None:
        super().__init__(f"{verb} does not follow {state}")
        self.state = state
        self.verb = verb


@dataclass(frozen=True)
class Machine:
    """`moves[(state, verb)]` is the next state. Asking for what already holds is no move at all."""

    moves: Mapping[tuple[str, str], str]

    def next(self, state: str, verb: str) -> str:
        """The state after `verb`. Raises IllegalMove."""
        try:
            return self.moves[state, verb]
        except KeyError:
            raise IllegalMove(state, verb) from None

    def verbs(self, state: str) -> tuple[str, ...]:
        """What can be done in `state`, in the table's order."""
        return tuple(verb for (at, verb) in self.moves if at == state)

    def states(self) -> frozenset[str]:
        """Every state the table names."""
        return frozenset(at for at, _ in self.moves) | frozenset(self.moves.values())
