"""What becomes of a report, by whom, and when it counts as late work (D-JOB-9, D-JOB-10)."""

from __future__ import annotations

from typing import Any, Protocol

from fieldapp.kernel.actor import Actor
from fieldapp.kernel.states import Machine

#: The leader decides; the author may send a better version until then, and has to after a return.
REPORT = Machine(
    {
        ("submitted", "approved"): "accepted",
        ("submitted", "returned"): "returned",
        ("submitted", "resubmit"): "submitted",
        ("returned", "resubmit"): "submitted",
    }
)

RESULTS = ("solved", "another_visit", "taken_back", "referred")
FEE_METHODS = ("cash", "transfer", "code")

#: Results that need a reason in words.
NEEDS_REASON = frozenset({"another_visit", "taken_back", "referred"})


class _Job(Protocol):
    @property
    def group_id(self) -> int: ...
    @property
    def members(self) -> frozenset[int]: ...
    @property
    def former(self) -> frozenset[int]: ...


def late_because(visit_state: str, job_state: str, still_on_visit: bool) -> str | None:
    """Why a report comes too late to count by itself, or None. It is taken in either way (D-JOB-10)."""
    if visit_state in {"cancelled", "refused"} or job_state == "cancelled":
        return "cancelled"
    return None if still_on_visit else "reassigned"


def may_see_report(actor: Actor, author_id: int, job: _Job) -> bool:
    """The author, everybody who is or was on the job, the group's leader, and roles that see all groups."""
    on_job = actor.id in job.members or actor.id in job.former
    return actor.id == author_id or on_job or job.group_id in actor.leads or actor.sees_all_groups


def may_correct(actor: Actor, report: Any) -> bool:
    """Only the author writes further versions."""
    return bool(actor.id == report.author_id)
