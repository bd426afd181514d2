"""States of a report, who may see and correct it, and when it is late work (D-JOB-9, D-JOB-10)."""

from __future__ import annotations

from typing import Protocol

from fieldapp.kernel.actor import Actor
from fieldapp.kernel.states import Machine, State, Tone

#: (state, verb) -> next state. The author may resubmit until the leader accepted, and has to after a return.
REPORT = Machine(
    {
        "submitted": State("Waiting for the leader", Tone.WAITING),
        "returned": State("Returned for correction", Tone.BAD),
        "accepted": State("Accepted", Tone.GOOD, final=True),
    },
    {
        ("submitted", "approved"): "accepted",
        ("submitted", "returned"): "returned",
        ("submitted", "resubmit"): "submitted",
        ("returned", "resubmit"): "submitted",
    },
    start="submitted",
)

RESULTS = ("solved", "another_visit", "taken_back", "referred")
FEE_METHODS = ("cash", "transfer", "code")

#: Results that require a reason.
NEEDS_REASON = frozenset({"another_visit", "taken_back", "referred"})


class _Job(Protocol):
    @property
    def group_id(self) -> int: ...
    @property
    def members(self) -> frozenset[int]: ...
    @property
    def former(self) -> frozenset[int]: ...


def late_reason(visit_state: str, job_state: str, still_on_visit: bool) -> str | None:
    """Return why a report is late work (`cancelled`, `reassigned`), or None. It is stored either way (D-JOB-10)."""
    if visit_state in {"cancelled", "refused"} or job_state == "cancelled":
        return "cancelled"
    return None if still_on_visit else "reassigned"


def may_see_report(actor: Actor, author_id: int, job: _Job) -> bool:
    """Allow the author, members and former members of the job, the group's leader, and roles that see all groups."""
    on_job = actor.id in job.members or actor.id in job.former
    return actor.id == author_id or on_job or job.group_id in actor.leads or actor.sees_all_groups
