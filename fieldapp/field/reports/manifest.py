"""The manifest of reports."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.field.reports.demo import fill_demo
from fieldapp.field.reports.queries.one import sees
from fieldapp.field.reports.queries.panels import inbox_panels, job_panels, job_tags, pack
from fieldapp.field.reports.queries.plans import plan_panels
from fieldapp.field.reports.queries.soundness import faults
from fieldapp.kernel.manifest import Entry, FeatureManifest

_AUTHOR = ("service_report.view", "service_report.submit", "service_report.resubmit")
_DECIDE = ("service_report.accept", "service_report.return")

manifest = FeatureManifest(
    grants={
        "technician": _AUTHOR,
        "leader": (*_AUTHOR, *_DECIDE),
        **dict.fromkeys(("manager", "executive"), ("service_report.view", *_DECIDE)),
        **dict.fromkeys(("finance", "agent", "quality"), ("service_report.view",)),
    },
    links=(
        Entry(
            "reports",
            _l("Service reports"),
            "/reports",
            "service_report.view",
            order=20,
            icon="report",
            hint=_l("What was found, done and signed"),
        ),
    ),
    pack=pack,
    job_panels=job_panels,
    job_tags=job_tags,
    plan_panels=plan_panels,
    can_view={"service_report": sees},
    detail_urls={"service_report": "/reports/"},
    inbox={"service_report": inbox_panels},
    checks=(faults,),
    demo=fill_demo,
    demo_order=30,
)
