"""What the pages of jobs ask of other features."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from fieldapp.field.jobs.queries.sheet import JobSheet
from fieldapp.kernel.actor import Actor
from fieldapp.kernel.manifest import Panel, in_order
from fieldapp.platform.extensions import ExtensionPoint

#: Tags by job id: the look of each, and its words.
Tags = Mapping[str, Sequence[tuple[str, Any]]]

#: Parts of a job's page.
JOB_PANELS: ExtensionPoint[Callable[[Actor, JobSheet], Iterable[Panel]]] = ExtensionPoint("job panels")
#: Parts of the forms with which a leader plans a visit: `(job id, group id, visit id or None for a new one)`.
PLAN_PANELS: ExtensionPoint[Callable[[str, int, str | None], Iterable[Panel]]] = ExtensionPoint("plan panels")
#: Tags on the cards of a job list, all of a page in one call.
JOB_TAGS: ExtensionPoint[Callable[[Sequence[str]], Tags]] = ExtensionPoint("job tags")


def job_panels(actor: Actor, job: JobSheet) -> list[Panel]:
    """Return what features show on a job's page, in order."""
    return in_order(panel for of_feature in JOB_PANELS.all() for panel in of_feature(actor, job))


def plan_panels(job_id: str, group_id: int, visit_id: str | None) -> list[Panel]:
    """Return what features show to a leader who plans a visit of this job, or gives one away."""
    return in_order(panel for of_feature in PLAN_PANELS.all() for panel in of_feature(job_id, group_id, visit_id))


def job_tags(job_ids: Sequence[str]) -> dict[str, list[tuple[str, Any]]]:
    """Return what features say in a word about each of these jobs; one call a feature."""
    found: dict[str, list[tuple[str, Any]]] = {}
    for of_feature in JOB_TAGS.all():
        for job, tags in of_feature(job_ids).items():
            found.setdefault(job, []).extend(tags)
    return found
