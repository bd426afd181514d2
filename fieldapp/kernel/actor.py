"""Who is doing something, as plain data that policies can judge."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property, lru_cache


@dataclass(frozen=True)
class Actor:
    """A signed-in person: `roles` are those held anywhere, `leads` the groups led, `groups` all memberships."""

    id: int
    username: str
    name: str
    roles: frozenset[str] = frozenset()
    groups: frozenset[int] = frozenset()
    leads: frozenset[int] = frozenset()
    patterns: tuple[str, ...] = ()
    active: bool = True
    _known: dict[str, bool] = field(default_factory=dict, compare=False, repr=False)

    def can(self, verb: str) -> bool:
        """Whether any of the actor's roles holds a pattern that covers `verb` (`expense_claim.approve`)."""
        known = self._known.get(verb)
        if known is None:
            known = self._known[verb] = covers(self.patterns, verb)
        return known

    @cached_property
    def sees_all_groups(self) -> bool:
        """Roles whose work spans every group (domain rule book §2)."""
        return bool(self.roles & {"finance", "manager", "executive", "quality", "agent"})


@lru_cache(maxsize=4096)
def covers(patterns: tuple[str, ...], verb: str) -> bool:
    """People of one role hold the same patterns, and every page asks for the same verbs."""
    return any(fnmatchcase(verb, pattern) for pattern in patterns)
