"""Jobs and visits. Other features use only what is exported here."""

from fieldapp.field.jobs.choices import JobLine, job_lines, line_in, my_job_choices, with_job
from fieldapp.field.jobs.extension_points import JOB_PANELS, JOB_TAGS, PLAN_PANELS
from fieldapp.field.jobs.facts import facts_of, facts_of_visit, load_visit, own_visits, sees_job
from fieldapp.field.jobs.models import Job, JobAsset, Visit, VisitEvent, VisitMember
from fieldapp.field.jobs.numbers import next_number, number_of
from fieldapp.field.jobs.policy import JobFacts, job_state, may_see_job, may_work_on
from fieldapp.field.jobs.queries.pack import pack_jobs
from fieldapp.field.jobs.queries.sheet import JobSheet
from fieldapp.field.jobs.services import (
    apply_report_decision,
    job_label,
    mark_visit_reported,
    notify_leaders,
    plan_visit,
    record_event,
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
    "apply_report_decision",
    "facts_of",
    "facts_of_visit",
    "job_label",
    "job_lines",
    "job_state",
    "line_in",
    "load_visit",
    "mark_visit_reported",
    "may_see_job",
    "may_work_on",
    "my_job_choices",
    "next_number",
    "notify_leaders",
    "number_of",
    "own_visits",
    "pack_jobs",
    "plan_visit",
    "record_event",
    "sees_job",
    "with_job",
]
