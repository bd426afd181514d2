"""Forms of memberships, groups and deputies."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.platform.web.fields import Form, Id, choice, day, long_text, moment, text, whole
from fieldapp.platform.web.inputs import MOST_INTEGER
from fieldapp.services.accounts.roles import POSTS

#: Days ahead that a change may be entered: as far as settings.
_AHEAD = 1825


class Begin(Form):
    """A role from a day on, in a group or without one."""

    post = choice(_l("Role"), POSTS, required=True)
    group_id = whole(
        _l("Group"), max=MOST_INTEGER, widget="select", hint=_l("For technicians, group leaders and vice leaders.")
    )
    from_on = day(_l("From"), required=True, earliest_days=0, latest_days=_AHEAD)
    until_on = day(_l("First day without it"), latest_days=_AHEAD, hint=_l("Leave it empty where no end is known."))
    reason = long_text(_l("Reason"), max=500, required=True)


class Change(Begin):
    """Another role or group from a day on; the earlier one ends on that day."""

    membership_id = whole("", required=True, max=MOST_INTEGER, widget="hidden")


class End(Form):
    """The end of a role, or no end."""

    membership_id = whole("", required=True, max=MOST_INTEGER, widget="hidden")
    until_on = day(
        _l("First day without it"),
        earliest_days=0,
        latest_days=_AHEAD,
        hint=_l("Leave it empty where no end is known."),
    )
    reason = long_text(_l("Reason"), max=500, required=True)


class GroupFacts(Form):
    """What a group is called, where it is at home, and the group it belongs to."""

    name = text(_l("Name"), max=60, required=True)
    city = text(_l("City"), max=60, required=True)
    parent_id = whole(_l("Belongs to"), max=MOST_INTEGER, widget="select")


class Found(GroupFacts):
    """A new group."""

    id = Id(required=True)


class ChangeGroup(GroupFacts):
    """Other facts of a group, or its end."""

    ended_on = day(
        _l("First day without the group"),
        earliest_days=0,
        latest_days=_AHEAD,
        hint=_l("Only where the group is dissolved."),
    )


class NameDeputy(Form):
    """Who decides for the person from when to when, about what."""

    id = Id(required=True)
    deputy_id = whole(_l("Deputy"), required=True, max=MOST_INTEGER, widget="select")
    from_at = moment(_l("From"), required=True, latest_days=366)
    to_at = moment(_l("Until"), required=True, latest_days=366, hint=_l("For whole days: 00:00 of the day after."))
    about = text(_l("For"), max=40, widget="select")
    group_id = whole(_l("Group"), max=MOST_INTEGER, widget="select")
    reason = long_text(_l("Reason"), max=500, required=True)


class NoFields(Form):
    """Form without fields: aggregate and verb say everything."""
