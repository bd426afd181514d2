"""Service reports: what was found, done, used and signed on a visit. Other features use what is named here."""

from fieldapp.field.reports.models import NextVisitPlan, ReportDevice, ReportPart, ServiceReport

__all__ = ["NextVisitPlan", "ReportDevice", "ReportPart", "ServiceReport"]
