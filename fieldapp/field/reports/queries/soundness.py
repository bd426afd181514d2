"""`flask check` for reports: versions without gaps, hashes that match."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from fieldapp.field.reports.models import ReportVersion, ServiceReport
from fieldapp.field.reports.policy import fingerprint
from fieldapp.platform.extensions import db


def faults() -> Iterator[str]:
    """Yield one sentence for each report whose versions or signature do not match (D-JOB-12)."""
    query = (
        select(
            ServiceReport.id, ServiceReport.version, ServiceReport.signature, ServiceReport.signed_hash, ReportVersion
        )
        .outerjoin(ReportVersion, ReportVersion.report_id == ServiceReport.id)
        .order_by(ServiceReport.id, ReportVersion.version)
    )
    expected: dict[str, int] = {}
    for report, latest, signature, signed, version in db.session.execute(query).yield_per(500):
        expected[report] = expected.get(report, 0) + 1
        if version is None or version.version != expected[report]:
            yield f"service report {report} lacks version {expected[report]}"
            continue
        digest = fingerprint({"report": report, "version": version.version, **version.content})
        if digest != version.content_hash:
            yield f"version {version.version} of service report {report} is not what was signed"
        if version.version == latest and (version.signature, signed) != (signature, digest if signature else None):
            yield f"service report {report} carries another signature than its version {latest}"
        if version.version > latest:
            yield f"service report {report} has a version {version.version} that it does not count"
