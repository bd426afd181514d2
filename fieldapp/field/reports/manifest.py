"""The manifest of reports."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.field.jobs import JOB_PANELS, JOB_TAGS, PLAN_PANELS
from fieldapp.field.reports.demo import fill_demo
from fieldapp.field.reports.queries.one import sees
from fieldapp.field.reports.queries.panels import inbox_panels, job_panels, job_tags, pack
from fieldapp.field.reports.queries.plans import plan_panels
from fieldapp.field.reports.queries.soundness import faults
from fieldapp.kernel.manifest import FeatureManifest
from fieldapp.platform.audit import FACT_NAMES
from fieldapp.platform.extensions import CHECKS, DEMO
from fieldapp.platform.web.extension_points import CAN_VIEW, DETAIL_URLS, LINKS, PACK, Entry
from fieldapp.services.approvals import INBOX_CARDS

_AUTHOR = ("service_report.view", "service_report.submit", "service_report.resubmit")
_DECIDE = ("service_report.accept", "service_report.return")

manifest = FeatureManifest(
    grants={
        "technician": _AUTHOR,
        "leader": (*_AUTHOR, *_DECIDE),
        **dict.fromkeys(("manager", "executive"), ("service_report.view", *_DECIDE)),
        **dict.fromkeys(("finance", "agent", "quality"), ("service_report.view",)),
    },
    provides=(
        FACT_NAMES.by("service_report", frozenset({"visit_id", "late_why", "named_visit_id"})),
        LINKS.by(
            Entry(
                "reports",
                _l("Service reports"),
                "/reports",
                "service_report.view",
                order=20,
                icon="report",
                hint=_l("What was found, done and signed"),
            )
        ),
        PACK.by(pack),
        JOB_PANELS.by(job_panels),
        PLAN_PANELS.by(plan_panels),
        JOB_TAGS.by(job_tags),
        CAN_VIEW.by("service_report", sees),
        DETAIL_URLS.by("service_report", "/reports/"),
        INBOX_CARDS.by("service_report", inbox_panels),
        CHECKS.by(faults),
        DEMO.by(fill_demo, order=30),
    ),
)
