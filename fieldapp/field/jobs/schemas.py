"""Form schemas of the commands of jobs and visits."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.field.jobs import words
from fieldapp.platform.web.fields import Form, Id, choice, day, long_text, moment, position, silent, text, whole

#: User ids are whole numbers of the database.
MAX_USER = 2**31 - 1


class Tap(Form):
    """Data of a tap on site: the phone's position, or why there is none (D-JOB-5)."""

    position = position()
    no_position = silent()


class Pause(Tap):
    """Data of a break, with an optional reason."""

    reason = text(_l("Reason"), max=200, hint=_l("For instance: waiting for the customer, for parts."))


class Refuse(Tap):
    """Data of a visit given back to the leader; the reason is required."""

    reason = long_text(_l("Reason"), max=500, required=True, hint=_l("The leader plans anew and needs to know why."))


class Dispatch(Form):
    """Data of a planned visit (D-JOB-1)."""

    id = Id(required=True)
    job_id = Id(required=True)
    technician_id = whole(_l("In charge"), min=1, max=MAX_USER, required=True, widget="select")
    second_id = whole(_l("Second technician"), min=1, max=MAX_USER, widget="select", differs="technician_id")
    planned_start = moment(_l("Planned start"), required=True)
    planned_minutes = whole(_l("Minutes planned"), min=15, max=1440, required=True)


class Reassign(Form):
    """Data of a visit given to another technician of the group (D-JOB-10)."""

    technician_id = whole(_l("In charge"), min=1, max=MAX_USER, required=True, widget="select")
    second_id = whole(_l("Second technician"), min=1, max=MAX_USER, widget="select", differs="technician_id")
    reason = text(_l("Reason"), max=200)


class Cancel(Form):
    """Data of a cancelled visit or job; the reason is required."""

    reason = long_text(_l("Reason"), max=500, required=True, hint=_l("The technicians are told it."))


class Restore(Form):
    """Data of a cancellation that is taken back: none."""


class Change(Form):
    """Fields of a job that the leader changes; the planned time belongs to the visit `visit_id`."""

    visit_id = Id()
    title = text(_l("Title"), max=100, required=True)
    said = long_text(_l("Fault described"), max=2000)
    urgency = choice(_l("Urgency"), words.URGENCIES.items(), required=True, widget="seg")
    planned_start = moment(_l("Planned start"), latest_days=730)
    planned_minutes = whole(_l("Minutes planned"), min=15, max=1440)


class Amend(Form):
    """Corrected fields of an asset."""

    model = text(_l("Model"), max=60, required=True)
    serial_no = text(_l("Serial no."), max=60, required=True)
    plate = text(_l("Plate"), max=20)
    sim_no = text(_l("SIM no."), max=30)
    mounted_at = text(_l("Where it stands"), max=100)
    warranty_until = day(_l("Warranty until"), latest_days=7300, hint=_l("As the warranty card says."))
    note = long_text(_l("Notes"), max=2000)
