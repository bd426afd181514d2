"""Permissions closed by default: a verb that no feature grants is nobody's (D-ROLE-5)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

#: Granted to every signed-in person, also to one without a role.
EVERYONE = "everyone"
#: Granted to the system, which does what is due; no person can hold this role.
SYSTEM = "system"

#: A feature's grants: verbs by role. Exact names, no patterns.
RoleVerbs = Mapping[str, Sequence[str]]

#: Acts that decide about somebody's record.
DECIDING = frozenset({"approve", "return", "reject", "accept", "review", "pay"})


@dataclass(frozen=True, eq=False)
class Grants:
    """The verbs of every role, joined from all features."""

    by_role: Mapping[str, frozenset[str]]

    def verbs_of(self, roles: Iterable[str]) -> frozenset[str]:
        """Return what somebody with these roles may do, on records that a policy allows."""
        held = (self.by_role[role] for role in roles if role in self.by_role and role != SYSTEM)
        return self.by_role[EVERYONE].union(*held)

    def roles_with(self, verb: str) -> tuple[str, ...]:
        """Return the roles that hold `verb`, in the order of the roles; `everyone` alone where all hold it."""
        if verb in self.by_role[EVERYONE]:
            return (EVERYONE,)
        return tuple(role for role, verbs in self.by_role.items() if verb in verbs)


def join(declared: Iterable[RoleVerbs], roles: Sequence[str], verbs: Collection[str]) -> Grants:
    """Join the grants of all features.

    `roles` are the known roles, `verbs` what commands, pages and entries ask for. Raise RuntimeError for an unknown
    role, an unknown verb, a verb granted twice to a role, and a grant that D-ROLE-5 forbids.
    """
    joined: dict[str, set[str]] = {role: set() for role in (EVERYONE, *roles, SYSTEM)}
    for grants in declared:
        for role, granted in grants.items():
            if role not in joined:
                raise RuntimeError(f"verbs are granted to an unknown role: {role}")
            for verb in granted:
                _check(role, verb, verbs)
                if verb in joined[role]:
                    raise RuntimeError(f"{verb} is granted twice to {role}")
                joined[role].add(verb)
    return Grants({role: frozenset(held) for role, held in joined.items()})


def _check(role: str, verb: str, verbs: Collection[str]) -> None:
    if verb not in verbs:
        raise RuntimeError(f"{role} is granted {verb}, which no command, page or entry asks for")
    noun, _, act = verb.partition(".")
    if role in {EVERYONE, "admin"} and act in DECIDING:
        raise RuntimeError(f"{role} must not be granted {verb} (D-ROLE-5)")
    if role == SYSTEM and act in DECIDING:
        raise RuntimeError(f"the system decides about nobody's record, so not {verb} (D-AUD-5)")
    if role == "quality" and act != "view" and noun != "finding":
        raise RuntimeError(f"quality changes nothing but its own findings, so not {verb} (D-ROLE-5)")
