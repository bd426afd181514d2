"""Rules of jobs and visits as tables and pure functions (D-JOB-1, D-JOB-5, D-JOB-11)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from math import asin, cos, radians, sin, sqrt

from fieldapp.kernel.actor import Actor
from fieldapp.kernel.states import Machine

#: What a technician or a report does to a visit. Taps go forward only; only the leader moves a visit back.
VISIT = Machine(
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
    }
)

#: How far along a visit is; a tap for something behind it is recorded and moves nothing.
RANK = {
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

#: The one next action the big button offers, by the visit's state.
NEXT = {"assigned": "set_out", "accepted": "set_out", "en_route": "arrive", "on_site": "start", "paused": "resume"}

#: What else can be done in a state, smaller.
ASIDE: dict[str, tuple[str, ...]] = {"assigned": ("accept", "refuse"), "accepted": ("refuse",), "working": ("pause",)}

#: The taps of a technician, in the order in which a visit goes.
TAPS = ("accept", "set_out", "arrive", "start", "pause", "resume", "refuse")

#: Taps that happen once on a visit for each person; a pause may follow another.
ONCE = frozenset({"accept", "set_out", "arrive", "start", "refuse"})

#: States of a visit in which the report is the next thing.
TO_REPORT = frozenset({"working", "returned"})

OPEN_VISIT = frozenset({"assigned", "accepted", "en_route", "on_site", "working", "paused", "returned"})

#: Visits that no longer count: what still arrives for them is late work (D-JOB-10).
VOID = frozenset({"refused", "cancelled"})

#: Visits the leader can still give to somebody else; a report that was sent back is its author's to correct.
TO_REASSIGN = frozenset(state for state, verb in VISIT.moves if verb == "reassign")

OPEN_JOB = ("new", "planned", "in_progress", "waiting", "reopened")

#: A job in these states takes no more visits.
OVER = frozenset({"closed", "cancelled"})

#: Visit result → what it makes of the job once the leader accepted the report (D-JOB-11).
AFTER_RESULT = {"solved": "solved", "another_visit": "waiting", "taken_back": "waiting", "referred": "waiting"}


def job_state(visits: Iterable[tuple[str, str | None]]) -> str:
    """A job's state from `(state, result)` of its visits in planned order: the published table of D-JOB-11.

    No visit that counts: new. Any visit under way: in_progress. Any planned: planned. Otherwise the last one's result.
    """
    counting = [(state, result) for state, result in visits if state not in VOID]
    if not counting:
        return "new"
    states = {state for state, _ in counting}
    if states & {"en_route", "on_site", "working", "paused", "reported", "returned"}:
        return "in_progress"
    if states & {"assigned", "accepted"}:
        return "in_progress" if "accepted_by_leader" in states else "planned"
    return AFTER_RESULT.get(counting[-1][1] or "", "waiting")


@lru_cache(maxsize=32)
def ahead(state: str) -> tuple[tuple[str, str], ...]:
    """`(tap, state after it)` of every tap that can still come from `state`, directly or after others.

    A phone without signal shows from these what its unsent taps make of the visit.
    """
    found: dict[str, str] = {}
    open_states = [state]
    while open_states:
        at = open_states.pop()
        for verb in VISIT.verbs(at):
            if verb in TAPS and verb not in found:
                found[verb] = VISIT.next(at, verb)
                open_states.append(found[verb])
    return tuple((verb, found[verb]) for verb in TAPS if verb in found)


def progress(state: str) -> tuple[int, int | None]:
    """How many of the five steps (set out, arrived, working, report, acceptance) are done, and which is at hand."""
    if state in VOID:
        return 0, None
    if state == "returned":
        return 3, 3
    done = {0: 0, 1: 0, 2: 1, 3: 2, 4: 2, 5: 4, 6: 5}[RANK[state]]
    return done, done if done < 5 else None


def arrival_check(
    site: tuple[float, float] | None,
    here: tuple[float, float, float] | None,
    reason: str | None,
    near_m: float,
) -> str:
    """One of the seven stored results; never a reason to stop anybody (D-JOB-5)."""
    if here is None:
        return reason if reason in {"offline", "mock_position"} else "no_position"
    lat, lon, accuracy = here
    if site is None:
        return "no_position"
    if accuracy > near_m * 5:
        return "inaccurate"
    distance = distance_m(site, (lat, lon))
    if distance <= near_m + accuracy:
        return "at_site"
    return "near_site" if distance <= near_m * 5 else "away"


def distance_m(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Metres between two points on the globe (haversine)."""
    (lat1, lon1), (lat2, lon2) = ((radians(x), radians(y)) for x, y in (a, b))
    h = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return 2 * 6_371_000 * asin(sqrt(h))


@dataclass(frozen=True)
class JobFacts:
    """What policies ask of a job: its group, who is or ever was on it."""

    job_id: str
    group_id: int
    members: frozenset[int]
    former: frozenset[int] = frozenset()


def may_see_job(actor: Actor, job: JobFacts) -> bool:
    """Own jobs (also those one was taken off), the led group's jobs, or roles that see all groups."""
    mine = actor.id in job.members or actor.id in job.former
    return mine or job.group_id in actor.leads or actor.sees_all_groups


def may_work_on(actor: Actor, job: JobFacts) -> bool:
    """Facts from site are taken from whoever is or was on the job: it may have been reassigned meanwhile (D-JOB-10)."""
    return actor.id in job.members or actor.id in job.former


def may_lead(actor: Actor, group_id: int) -> bool:
    """The leader of the job's group."""
    return group_id in actor.leads


@dataclass(frozen=True)
class VisitFacts:
    """What policies ask of a visit: where it stands, and who is or was on it."""

    visit_id: str
    job: JobFacts
    state: str
    job_state: str
    in_charge: int
    members: frozenset[int]
    former: frozenset[int] = frozenset()


def may_tap(actor: Actor, visit: VisitFacts) -> bool:
    """Whoever is or was on the visit says what happened there: it may have been taken away meanwhile (D-JOB-10)."""
    return actor.id in visit.members or actor.id in visit.former


def may_refuse(actor: Actor, visit: VisitFacts) -> bool:
    """The one in charge gives the visit back, or who was in charge before."""
    return actor.id == visit.in_charge or actor.id in visit.former


def is_late(actor: Actor, visit: VisitFacts) -> bool:
    """Whether what this person did on site meets a visit or job that was cancelled, refused or given away."""
    return actor.id not in visit.members or visit.state in VOID or visit.job_state == "cancelled"


@dataclass(frozen=True)
class AssetFacts:
    """What policies ask of an asset: the groups of its jobs, and everybody who is or was on one of them."""

    groups: frozenset[int]
    people: frozenset[int]


def may_amend(actor: Actor, asset: AssetFacts) -> bool:
    """Whoever worked at the asset says what stands there, their leaders, and the service desk for every group."""
    return actor.id in asset.people or bool(asset.groups & actor.leads) or "agent" in actor.roles


def may_amend_on(actor: Actor, job: JobFacts) -> bool:
    """The same rule for an asset that is reached through one of its jobs."""
    return may_amend(actor, AssetFacts(frozenset({job.group_id}), job.members | job.former))


def may_dispatch(actor: Actor, job: JobFacts) -> bool:
    """Work reaches technicians only through the leader of the job's group (D-JOB-1)."""
    return may_lead(actor, job.group_id)


QUARTER = 15
WORKING_DAYS = 5


def suggested_start(now: datetime, hours: tuple[int, int], minutes: int) -> datetime:
    """When a visit of so many minutes could begin: the next full quarter of an hour within the working time.

    `now` is civil time. What no longer fits goes to the start of the next working day.
    """
    first, last = hours
    soon = now.replace(second=0, microsecond=0) + timedelta(minutes=QUARTER - now.minute % QUARTER)
    midnight = soon.replace(hour=0, minute=0)
    if soon.weekday() < WORKING_DAYS:
        opening = midnight + timedelta(hours=first)
        if soon <= opening:
            return opening
        if soon + timedelta(minutes=minutes) <= midnight + timedelta(hours=last):
            return soon
    following = midnight + timedelta(days=1)
    while following.weekday() >= WORKING_DAYS:
        following += timedelta(days=1)
    return following + timedelta(hours=first)
