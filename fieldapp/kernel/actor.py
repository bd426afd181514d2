"""Who is doing something, as plain data that policies can judge."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from fieldapp.kernel.grants import DECIDING

#: A person with an account, the system (due work), a customer's link, a program's token.
ActorKind = Literal["person", "system", "link", "token"]

#: The id of the one system actor. People, links and tokens are numbered from 1.
SYSTEM_ID = 0


@dataclass(frozen=True)
class Principal:
    """A person for whom somebody may decide now as their deputy (D-ROLE-2).

    `roles` and `leads` are what the deputy may decide as, `verbs` what that grants, cut to the acts that were named.
    """

    id: int
    name: str
    roles: frozenset[str]
    leads: frozenset[int]
    verbs: frozenset[str]

    def covers(self, record_type: str) -> bool:
        """Return whether the deputy may decide about records of this type."""
        return record_type in self.decides_about

    @cached_property
    def decides_about(self) -> frozenset[str]:
        """The types of record about which the deputy may decide."""
        pairs = (verb.partition(".") for verb in self.verbs)
        return frozenset(noun for noun, _, act in pairs if act in DECIDING)


@dataclass(frozen=True)
class Actor:
    """Who a record, an act or a page belongs to: mostly a signed-in person.

    `roles` are those held anywhere, `leads` the groups led, `groups` all memberships, `verbs` what the roles grant;
    all of them on one day. A deputy's `roles`, `leads` and `verbs` include those of the `principals`; `in_own_right`
    is the person without them.
    """

    id: int
    username: str
    name: str
    roles: frozenset[str] = frozenset()
    groups: frozenset[int] = frozenset()
    leads: frozenset[int] = frozenset()
    verbs: frozenset[str] = frozenset()
    active: bool = True
    kind: ActorKind = "person"
    principals: tuple[Principal, ...] = ()
    own: Actor | None = None

    def __post_init__(self) -> None:
        if self.kind != "person" and (self.roles or self.groups or self.leads):
            raise ValueError(f"only people hold roles and belong to groups, not a {self.kind}")

    @property
    def in_own_right(self) -> Actor:
        """Return the actor without what they may do for others only."""
        return self.own or self

    def can(self, verb: str) -> bool:
        """Return whether any of the actor's roles is granted `verb` (`expense_claim.approve`, D-ROLE-5)."""
        return verb in self.verbs

    @cached_property
    def sees_all_groups(self) -> bool:
        """Roles whose work spans every group (docs/rules/02-roles.md); never another actor than a person."""
        return self.kind == "person" and bool(self.roles & {"finance", "manager", "executive", "quality", "agent"})
