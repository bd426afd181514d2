"""Service reports: fault, work, parts used and the customer's signature.

Other features use only what is exported here.
"""

from fieldapp.field.reports.models import NextVisitPlan, ReportDevice, ReportPart, ServiceReport

__all__ = ["NextVisitPlan", "ReportDevice", "ReportPart", "ServiceReport"]
