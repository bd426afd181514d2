"""Labels for the codes that jobs and visits store."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l

from fieldapp.field import customers
from fieldapp.field.jobs.policy import JOB, VISIT
from fieldapp.platform.web.states import ShownState, shown, words_of

#: Of equipment; templates of jobs find all their words in one module.
CATEGORIES = customers.CATEGORIES

VISIT_STATES, JOB_STATES = words_of(VISIT), words_of(JOB)
TAPS: dict[str, Any] = {
    "accept": _l("Confirm"),
    "set_out": _l("Set out"),
    "arrive": _l("Arrived"),
    "start": _l("Start work"),
    "pause": _l("Pause"),
    "resume": _l("Go on working"),
    "refuse": _l("Give back"),
}
STEPS: tuple[tuple[str, Any], ...] = (
    ("set_out", _l("Set out")),
    ("arrive", _l("Arrived")),
    ("start", _l("Working")),
    ("report", _l("Report")),
    ("approved", _l("Acceptance")),
)
EVENTS: dict[str, Any] = {
    "accept": _l("Confirmed the visit"),
    "set_out": _l("Set out"),
    "arrive": _l("Arrived"),
    "start": _l("Started work"),
    "pause": _l("Paused"),
    "resume": _l("Went on working"),
    "refuse": _l("Gave the visit back"),
    "report": _l("Handed in the service report"),
    "approved": _l("Accepted the service report"),
    "returned": _l("Sent the service report back"),
    "cancel": _l("Cancelled the visit"),
    "cancel_job": _l("Cancelled the job"),
    "restore": _l("Took the cancellation back"),
    "reassign": _l("Gave the visit to somebody else"),
}
#: Sent with the receipt of late work (D-JOB-10).
LATE_NOTE = _l("Kept as late work: the visit was cancelled or given to somebody else meanwhile. The leader sees it.")
ARRIVALS: dict[str, Any] = {
    "at_site": _l("at the site"),
    "near_site": _l("near the site"),
    "away": _l("away from the site"),
    "no_position": _l("position not known"),
    "inaccurate": _l("position not exact"),
    "mock_position": _l("position not genuine"),
    "offline": _l("position not known, no signal"),
}
SERVICE_CLASSES: dict[str, Any] = {
    "warranty": _l("Warranty"),
    "contract": _l("Contract"),
    "chargeable": _l("Chargeable"),
    "internal": _l("Internal"),
}
SERVICE_CLASS_SENTENCES: dict[str, Any] = {
    "warranty": _l("In warranty: free for the customer."),
    "contract": _l("Maintenance contract: covered, nothing is charged."),
    "chargeable": _l("Out of warranty: parts are charged. Tell the customer the price before the work."),
    "internal": _l("Internal work: nothing is charged."),
}
URGENCIES: dict[str, Any] = {"normal": _l("Normal"), "emergency": _l("Urgent")}
CHANNELS: dict[str, Any] = {
    "phone": _l("by phone"),
    "e_mail": _l("by e-mail"),
    "email": _l("by e-mail"),
    "web": _l("by web form"),
    "message": _l("by message"),
    "walk_in": _l("in person"),
}
RESULTS: dict[str, Any] = {
    "solved": _l("Solved"),
    "another_visit": _l("Needs another visit"),
    "taken_back": _l("Taken back for repair"),
    "referred": _l("Referred"),
}


def job_state(state: str) -> ShownState:
    """Return the state of a job for its tag."""
    return shown(JOB, state)


def visit_state(state: str) -> ShownState:
    """Return the state of a visit for its tag."""
    return shown(VISIT, state)


def words(table: dict[str, Any], key: str | None) -> str:
    """Return the label of a code, or the code itself if the table has none."""
    return str(table.get(key or "", key or ""))
