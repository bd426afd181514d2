"""What reports offer the house."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.kernel.offers import Entry, Offer
from fieldapp.reports.demo import fill_demo
from fieldapp.reports.queries.one import sees
from fieldapp.reports.queries.panels import inbox_panels, job_panels, job_tags, pack
from fieldapp.reports.queries.plans import plan_panels
from fieldapp.reports.queries.soundness import faults

offer = Offer(
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
    sees={"service_report": sees},
    places={"service_report": "/reports/"},
    inbox={"service_report": inbox_panels},
    checks=(faults,),
    demo=fill_demo,
    demo_order=30,
)
