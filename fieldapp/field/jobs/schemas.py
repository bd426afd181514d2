"""What the commands of visits and jobs take."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.field.jobs import words
from fieldapp.platform.web.fields import Form, Id, choice, day, long_text, moment, position, silent, text, whole

#: User ids are whole numbers of the database.
MAX_USER = 2**31 - 1


class Tap(Form):
    """A tap on site: where the phone was, or why that is not known (D-JOB-5)."""

    position = position()
    no_position = silent()


class Pause(Tap):
    """A break, with the reason where there is one to tell."""

    reason = text(_l("Reason"), max=200, hint=_l("For instance: waiting for the customer, for parts."))


class Refuse(Tap):
    """A visit given back to the leader, never without a reason."""

    reason = long_text(_l("Reason"), max=500, required=True, hint=_l("The leader plans anew and needs to know why."))


class Dispatch(Form):
    """A visit planned by the leader (D-JOB-1)."""

    id = Id(required=True)
    job_id = Id(required=True)
    technician_id = whole(_l("In charge"), min=1, max=MAX_USER, required=True, widget="select")
    second_id = whole(_l("Second technician"), min=1, max=MAX_USER, widget="select", differs="technician_id")
    planned_start = moment(_l("Planned start"), required=True)
    planned_minutes = whole(_l("Minutes planned"), min=15, max=1440, required=True)


class Reassign(Form):
    """A visit given to somebody else of the group (D-JOB-10)."""

    technician_id = whole(_l("In charge"), min=1, max=MAX_USER, required=True, widget="select")
    second_id = whole(_l("Second technician"), min=1, max=MAX_USER, widget="select", differs="technician_id")
    reason = text(_l("Reason"), max=200)


class Cancel(Form):
    """A visit or a job called off, never without a reason."""

    reason = long_text(_l("Reason"), max=500, required=True, hint=_l("The technicians are told it."))


class Restore(Form):
    """A cancellation taken back."""


class Change(Form):
    """What the leader changes about a job; the time is that of the visit named."""

    visit_id = Id()
    title = text(_l("Title"), max=100, required=True)
    said = long_text(_l("Fault described"), max=2000)
    urgency = choice(_l("Urgency"), words.URGENCIES.items(), required=True, widget="seg")
    planned_start = moment(_l("Planned start"), latest_days=730)
    planned_minutes = whole(_l("Minutes planned"), min=15, max=1440)


class Amend(Form):
    """An asset as it really is, corrected by whoever stands in front of it."""

    model = text(_l("Model"), max=60, required=True)
    serial_no = text(_l("Serial no."), max=60, required=True)
    plate = text(_l("Plate"), max=20)
    sim_no = text(_l("SIM no."), max=30)
    mounted_at = text(_l("Where it stands"), max=100)
    warranty_until = day(_l("Warranty until"), latest_days=7300, hint=_l("As the warranty card says."))
    note = long_text(_l("Notes"), max=2000)
