"""People, groups, roles, sessions and passwords. Other features import from this package only."""

from fieldapp.services.accounts.queries import (
    actor_of,
    group_name_by,
    group_names,
    groups_of,
    leaders_of,
    members_of,
    memberships_of,
    name_by,
    names_of,
    people_under,
    people_with_role,
    technicians_by_group,
    technicians_of,
)
from fieldapp.services.accounts.roles import NAMES as ROLE_NAMES

__all__ = [
    "ROLE_NAMES",
    "actor_of",
    "group_name_by",
    "group_names",
    "groups_of",
    "leaders_of",
    "members_of",
    "memberships_of",
    "name_by",
    "names_of",
    "people_under",
    "people_with_role",
    "technicians_by_group",
    "technicians_of",
]
