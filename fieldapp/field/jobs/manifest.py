"""The manifest of jobs."""

from __future__ import annotations

from collections.abc import Iterator

from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from fieldapp.field.customers import CUSTOMER_PANELS, SERVES_CUSTOMER
from fieldapp.field.jobs.facts import sees_job, sees_visit
from fieldapp.field.jobs.models import Job, Visit
from fieldapp.field.jobs.policy import CLOSED_JOB, TO_REASSIGN, job_state
from fieldapp.field.jobs.queries.customer import customer_panels, serves_customer
from fieldapp.field.jobs.queries.pack import pack_assets, pack_jobs, pack_led
from fieldapp.kernel.actor import Actor
from fieldapp.kernel.manifest import FeatureManifest
from fieldapp.platform.audit import FACT_NAMES
from fieldapp.platform.extensions import CHECKS, db
from fieldapp.platform.web.extension_points import CAN_VIEW, PACK, TABS, Entry


def _pack(actor: Actor) -> Iterator[str]:
    if not actor.can("job.view"):
        return
    yield "/jobs"
    yield from (f"/jobs/{job}" for job in pack_jobs(actor))
    if actor.can("asset.amend"):
        yield from (f"/jobs/{job}/assets/{asset}" for job, asset in pack_assets(actor))
    yield from _led(actor)


def _led(actor: Actor) -> Iterator[str]:
    """Give the forms with which a leader plans work. How busy technicians are is as of when the page was kept."""
    for job, has_several, visits in pack_led(actor):
        where = f"/jobs/{job}"
        yield where
        yield from (f"{where}/{name}" for name in ("dispatch", "change", "cancel"))
        for visit, state in visits[:1]:
            if state in TO_REASSIGN:
                yield f"{where}/visits/{visit}/reassign"
            if has_several:
                yield f"{where}/visits/{visit}/cancel"


def _states() -> Iterator[str]:
    """The stored state of every job follows from its visits (D-JOB-11)."""
    visits: dict[str, list[tuple[str, str | None]]] = {}
    for job, state, result in db.session.execute(
        select(Visit.job_id, Visit.state, Visit.result).order_by(Visit.job_id, Visit.planned_start, Visit.id)
    ):
        visits.setdefault(job, []).append((state, result))
    # Decided by people, not by visits: closed, cancelled, reopened.
    query = select(Job.id, Job.number, Job.state).where(Job.state.not_in([*CLOSED_JOB, "reopened"]))
    for job, number, state in db.session.execute(query):
        if state != job_state(visits.get(job, ())):
            yield f"job {number} is stored as {state}, its visits make it {job_state(visits.get(job, ()))}"


_TAPS = (
    "visit.accept",
    "visit.set_out",
    "visit.arrive",
    "visit.start",
    "visit.pause",
    "visit.resume",
    "visit.refuse",
)
_READ = ("job.view",)

manifest = FeatureManifest(
    grants={
        "technician": (*_READ, *_TAPS, "asset.amend"),
        "leader": (
            *_READ,
            *_TAPS,
            "visit.cancel",
            "visit.reassign",
            "job.dispatch",
            "job.change",
            "job.cancel",
            "job.restore",
            "asset.amend",
        ),
        "agent": (*_READ, "asset.amend"),
        **dict.fromkeys(("finance", "manager", "executive", "quality"), _READ),
    },
    provides=(
        FACT_NAMES.by("job", frozenset({"again", "visits"})),
        FACT_NAMES.by("visit", frozenset({"again", "technicians"})),
        TABS.by(
            Entry(
                "jobs",
                _l("Jobs"),
                "/jobs",
                "job.view",
                order=10,
                icon="jobs",
                home_for=("technician", "leader", "agent", "quality"),
            )
        ),
        PACK.by(_pack),
        CUSTOMER_PANELS.by(customer_panels),
        SERVES_CUSTOMER.by(serves_customer),
        CAN_VIEW.by("job", sees_job),
        CAN_VIEW.by("visit", sees_visit),
        CHECKS.by(_states),
    ),
)
