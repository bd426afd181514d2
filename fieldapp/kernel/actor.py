"""Who is doing something, as plain data that policies can judge."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Actor:
    """A signed-in person.

    `roles` are those held anywhere, `leads` the groups led, `groups` all memberships, `verbs` what the roles grant.
    """

    id: int
    username: str
    name: str
    roles: frozenset[str] = frozenset()
    groups: frozenset[int] = frozenset()
    leads: frozenset[int] = frozenset()
    verbs: frozenset[str] = frozenset()
    active: bool = True

    def can(self, verb: str) -> bool:
        """Return whether any of the actor's roles is granted `verb` (`expense_claim.approve`, D-ROLE-5)."""
        return verb in self.verbs

    @cached_property
    def sees_all_groups(self) -> bool:
        """Roles whose work spans every group (docs/rules/02-roles.md)."""
        return bool(self.roles & {"finance", "manager", "executive", "quality", "agent"})
