"""Rules of jobs and visits as tables and pure functions (D-JOB-1, D-JOB-5, D-JOB-10, D-JOB-11)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from math import asin, cos, radians, sin, sqrt

from fieldapp.kernel.actor import Actor
from fieldapp.kernel.states import Machine, State, States, Tone

#: (state, verb) -> next state of a visit. Taps only go forward; only the leader moves a visit back (D-JOB-5).
VISIT = Machine(
    {
        "assigned": State("Assigned"),
        "accepted": State("Confirmed"),
        "en_route": State("On the way", Tone.WAITING),
        "on_site": State("On site", Tone.WAITING),
        "working": State("Working", Tone.WAITING),
        "paused": State("Paused", Tone.WAITING),
        "reported": State("Report handed in", Tone.GOOD),
        "returned": State("Report sent back", Tone.BAD),
        "accepted_by_leader": State("Done", Tone.GOOD, final=True),
        "refused": State("Given back", Tone.BAD, final=True),
        "cancelled": State("Cancelled", Tone.CALM),
    },
    {
        ("assigned", "accept"): "accepted",
        ("assigned", "set_out"): "en_route",
        ("assigned", "arrive"): "on_site",
        ("assigned", "start"): "working",
        ("assigned", "refuse"): "refused",
        ("accepted", "set_out"): "en_route",
        ("accepted", "arrive"): "on_site",
        ("accepted", "start"): "working",
        ("accepted", "refuse"): "refused",
        ("en_route", "arrive"): "on_site",
        ("en_route", "start"): "working",
        ("on_site", "start"): "working",
        ("on_site", "pause"): "paused",
        ("on_site", "report"): "reported",
        ("working", "pause"): "paused",
        ("working", "report"): "reported",
        ("paused", "resume"): "working",
        ("paused", "report"): "reported",
        ("en_route", "report"): "reported",
        ("accepted", "report"): "reported",
        ("assigned", "report"): "reported",
        ("reported", "report"): "reported",
        ("returned", "report"): "reported",
        ("reported", "approved"): "accepted_by_leader",
        ("reported", "returned"): "returned",
        ("assigned", "cancel"): "cancelled",
        ("accepted", "cancel"): "cancelled",
        ("en_route", "cancel"): "cancelled",
        ("on_site", "cancel"): "cancelled",
        ("working", "cancel"): "cancelled",
        ("paused", "cancel"): "cancelled",
        ("returned", "cancel"): "cancelled",
        ("cancelled", "restore"): "assigned",
        ("assigned", "reassign"): "assigned",
        ("accepted", "reassign"): "assigned",
        ("en_route", "reassign"): "assigned",
        ("on_site", "reassign"): "assigned",
        ("working", "reassign"): "assigned",
        ("paused", "reassign"): "assigned",
    },
    start="assigned",
)

#: States of a job; `job_state` computes them from its visits, the leader cancels (D-JOB-11).
JOB = States(
    {
        "new": State("Unassigned", Tone.BAD),
        "planned": State("Planned"),
        "in_progress": State("In progress", Tone.WAITING),
        "waiting": State("Waiting", Tone.CALM),
        "solved": State("Solved", Tone.GOOD),
        "closed": State("Closed", Tone.GOOD),
        "cancelled": State("Cancelled", Tone.CALM),
        "reopened": State("Reopened", Tone.BAD),
    }
)

#: Progress of a visit by state. A tap that leads to a lower number is recorded and does not change the state.
PROGRESS_ORDER = {
    "assigned": 0,
    "accepted": 1,
    "en_route": 2,
    "on_site": 3,
    "working": 4,
    "paused": 4,
    "reported": 5,
    "returned": 5,
    "accepted_by_leader": 6,
    "refused": 9,
    "cancelled": 9,
}

#: The action of the primary button, by the visit's state.
NEXT_ACTION = {
    "assigned": "set_out",
    "accepted": "set_out",
    "en_route": "arrive",
    "on_site": "start",
    "paused": "resume",
}

#: Further actions that the page offers, by the visit's state.
SECONDARY_ACTIONS: dict[str, tuple[str, ...]] = {
    "assigned": ("accept", "refuse"),
    "accepted": ("refuse",),
    "working": ("pause",),
}

#: The verbs of a technician, in the order of a normal visit.
TAPS = ("accept", "set_out", "arrive", "start", "pause", "resume", "refuse")

#: Verbs that each person can record once on a visit; pause and resume may be repeated.
ONCE_PER_PERSON = frozenset({"accept", "set_out", "arrive", "start", "refuse"})

#: States of a visit in which the service report is the next step.
TO_REPORT = frozenset({"working", "returned"})

OPEN_VISIT = frozenset({"assigned", "accepted", "en_route", "on_site", "working", "paused", "returned"})

#: States of a visit that takes no part in the job's state; events for it are late work (D-JOB-10).
INACTIVE_VISIT = frozenset({"refused", "cancelled"})

#: States in which the leader can reassign a visit. Not `returned`: the author of the report has to correct it.
TO_REASSIGN = frozenset(state for state, verb in VISIT.moves if verb == "reassign")

OPEN_JOB = ("new", "planned", "in_progress", "waiting", "reopened")

#: States of a job that takes no more visits.
CLOSED_JOB = frozenset({"closed", "cancelled"})

#: Result of the last visit -> state of the job after the leader accepted the report (D-JOB-11).
AFTER_RESULT = {"solved": "solved", "another_visit": "waiting", "taken_back": "waiting", "referred": "waiting"}


def job_state(visits: Iterable[tuple[str, str | None]]) -> str:
    """Return a job's state from `(state, result)` of its visits in planned order (D-JOB-11).

    Inactive visits are skipped. No visit left: new. Any visit under way: in_progress. Any visit planned: planned,
    or in_progress if an earlier one was accepted. Otherwise the result of the last visit decides.
    """
    active = [(state, result) for state, result in visits if state not in INACTIVE_VISIT]
    if not active:
        return "new"
    states = {state for state, _ in active}
    if states & {"en_route", "on_site", "working", "paused", "reported", "returned"}:
        return "in_progress"
    if states & {"assigned", "accepted"}:
        return "in_progress" if "accepted_by_leader" in states else "planned"
    return AFTER_RESULT.get(active[-1][1] or "", "waiting")


@lru_cache(maxsize=32)
def reachable_states(state: str) -> tuple[tuple[str, str], ...]:
    """Return `(verb, state after it)` for every tap that is possible from `state`, directly or after other taps.

    Without signal, a phone shows from this table what its unsent taps make of the visit.
    """
    state_after: dict[str, str] = {}
    to_visit = [state]
    while to_visit:
        current = to_visit.pop()
        for verb in VISIT.verbs(current):
            if verb in TAPS and verb not in state_after:
                state_after[verb] = VISIT.next(current, verb)
                to_visit.append(state_after[verb])
    return tuple((verb, state_after[verb]) for verb in TAPS if verb in state_after)


def progress(state: str) -> tuple[int, int | None]:
    """Return the number of done steps and the index of the current one.

    The five steps: set out, arrived, working, report, acceptance. The current one is None if the visit is inactive
    or done.
    """
    if state in INACTIVE_VISIT:
        return 0, None
    if state == "returned":
        return 3, 3
    done = {0: 0, 1: 0, 2: 1, 3: 2, 4: 2, 5: 4, 6: 5}[PROGRESS_ORDER[state]]
    return done, done if done < 5 else None


def arrival_check(
    site: tuple[float, float] | None,
    phone: tuple[float, float, float] | None,
    reason: str | None,
    radius_m: float,
) -> str:
    """Compare the phone's position with the site's; the result is stored and never stops anybody (D-JOB-5).

    `site` is (lat, lon), `phone` (lat, lon, accuracy in m), `reason` why the phone has no position. Return one of
    the keys of `words.ARRIVALS`.
    """
    if phone is None:
        return reason if reason in {"offline", "mock_position"} else "no_position"
    lat, lon, accuracy = phone
    if site is None:
        return "no_position"
    if accuracy > radius_m * 5:
        return "inaccurate"
    distance = distance_m(site, (lat, lon))
    if distance <= radius_m + accuracy:
        return "at_site"
    return "near_site" if distance <= radius_m * 5 else "away"


def distance_m(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Return the distance between two (lat, lon) points in metres (haversine)."""
    (lat1, lon1), (lat2, lon2) = ((radians(x), radians(y)) for x, y in (a, b))
    h = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return 2 * 6_371_000 * asin(sqrt(h))


@dataclass(frozen=True)
class JobFacts:
    """The facts of a job that policies judge: its group, its present members and its former members (user ids)."""

    job_id: str
    group_id: int
    members: frozenset[int]
    former: frozenset[int] = frozenset()


def may_see_job(actor: Actor, job: JobFacts) -> bool:
    """Allow members, former members, the leader of the job's group, and roles that see all groups."""
    is_member = actor.id in job.members or actor.id in job.former
    return is_member or job.group_id in actor.leads or actor.sees_all_groups


def may_work_on(actor: Actor, job: JobFacts) -> bool:
    """Allow members and former members: the job may have been reassigned while a phone had no signal (D-JOB-10)."""
    return actor.id in job.members or actor.id in job.former


def may_lead(actor: Actor, group_id: int) -> bool:
    """Allow the leader of the group."""
    return group_id in actor.leads


@dataclass(frozen=True)
class VisitFacts:
    """The facts of a visit that policies judge: its state, its job, its present and former members (user ids)."""

    visit_id: str
    job: JobFacts
    state: str
    job_state: str
    in_charge: int
    members: frozenset[int]
    former: frozenset[int] = frozenset()


def may_tap(actor: Actor, visit: VisitFacts) -> bool:
    """Allow members and former members: the visit may have been reassigned while a phone had no signal (D-JOB-10)."""
    return actor.id in visit.members or actor.id in visit.former


def may_refuse(actor: Actor, visit: VisitFacts) -> bool:
    """Allow the technician in charge, and former members: one of them may have been in charge."""
    return actor.id == visit.in_charge or actor.id in visit.former


def is_late(actor: Actor, visit: VisitFacts) -> bool:
    """Return whether an event by this person is late work: the visit or job was cancelled, refused or given away."""
    return actor.id not in visit.members or visit.state in INACTIVE_VISIT or visit.job_state == "cancelled"


@dataclass(frozen=True)
class AssetFacts:
    """The facts of an asset that policies judge: the groups of its jobs, and all their present and former members."""

    groups: frozenset[int]
    people: frozenset[int]


def may_amend(actor: Actor, asset: AssetFacts) -> bool:
    """Allow people who work or worked at the asset, the leaders of their groups, and the service desk."""
    return actor.id in asset.people or bool(asset.groups & actor.leads) or "agent" in actor.roles


def may_amend_on(actor: Actor, job: JobFacts) -> bool:
    """Apply `may_amend` to an asset that is reached through one of its jobs."""
    return may_amend(actor, AssetFacts(frozenset({job.group_id}), job.members | job.former))


def may_dispatch(actor: Actor, job: JobFacts) -> bool:
    """Allow the leader of the job's group (D-JOB-1)."""
    return may_lead(actor, job.group_id)


QUARTER = 15
WORKING_DAYS = 5


def suggest_start(now: datetime, hours: tuple[int, int], minutes: int) -> datetime:
    """Return the next full quarter of an hour in working time at which `minutes` of work fit before closing.

    `now` is local time, `hours` the opening and closing hour. If the rest of the day is too short: the opening of
    the next working day.
    """
    opens, closes = hours
    next_quarter = now.replace(second=0, microsecond=0) + timedelta(minutes=QUARTER - now.minute % QUARTER)
    day_start = next_quarter.replace(hour=0, minute=0)
    if next_quarter.weekday() < WORKING_DAYS:
        opening = day_start + timedelta(hours=opens)
        if next_quarter <= opening:
            return opening
        if next_quarter + timedelta(minutes=minutes) <= day_start + timedelta(hours=closes):
            return next_quarter
    following = day_start + timedelta(days=1)
    while following.weekday() >= WORKING_DAYS:
        following += timedelta(days=1)
    return following + timedelta(hours=opens)
