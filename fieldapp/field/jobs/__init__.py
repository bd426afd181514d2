"""Jobs and visits. What other features may use of them is here and nowhere else."""

from fieldapp.field.jobs.choices import JobLine, job_lines, line_in, my_job_choices, with_job
from fieldapp.field.jobs.extension_points import JOB_PANELS, JOB_TAGS, PLAN_PANELS
from fieldapp.field.jobs.facts import facts_of, facts_of_visit, load_visit, own_visits, sees_job
from fieldapp.field.jobs.models import Job, JobAsset, Visit, VisitEvent, VisitMember
from fieldapp.field.jobs.numbers import next_number, number_of
from fieldapp.field.jobs.policy import JobFacts, job_state, may_see_job, may_work_on
from fieldapp.field.jobs.queries.pack import pack_jobs
from fieldapp.field.jobs.queries.sheet import JobSheet
from fieldapp.field.jobs.workings import (
    job_words,
    plan_visit,
    record_event,
    tell_leaders,
    visit_reported,
    visit_settled,
)

__all__ = [
    "JOB_PANELS",
    "JOB_TAGS",
    "PLAN_PANELS",
    "Job",
    "JobAsset",
    "JobFacts",
    "JobLine",
    "JobSheet",
    "Visit",
    "VisitEvent",
    "VisitMember",
    "facts_of",
    "facts_of_visit",
    "job_lines",
    "job_state",
    "job_words",
    "line_in",
    "load_visit",
    "may_see_job",
    "may_work_on",
    "my_job_choices",
    "next_number",
    "number_of",
    "own_visits",
    "pack_jobs",
    "plan_visit",
    "record_event",
    "sees_job",
    "tell_leaders",
    "visit_reported",
    "visit_settled",
    "with_job",
]
