"""People, groups, roles, sessions and passwords. Other features import from this package only."""

from fieldapp.services.accounts.histories import deputies_of
from fieldapp.services.accounts.members import (
    active_holders,
    groups_of,
    held,
    leaders_of,
    members_of,
    memberships_of,
    people_under,
    people_with_role,
    roles_on,
    technicians_by_group,
    technicians_of,
)
from fieldapp.services.accounts.queries import actor_at, actor_of, group_name_by, group_names, name_by, names_of
from fieldapp.services.accounts.roles import NAMES as ROLE_NAMES

__all__ = [
    "ROLE_NAMES",
    "active_holders",
    "actor_at",
    "actor_of",
    "deputies_of",
    "group_name_by",
    "group_names",
    "groups_of",
    "held",
    "leaders_of",
    "members_of",
    "memberships_of",
    "name_by",
    "names_of",
    "people_under",
    "people_with_role",
    "roles_on",
    "technicians_by_group",
    "technicians_of",
]
