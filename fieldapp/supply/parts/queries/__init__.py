"""Queries of the catalogue and of parts requests."""

from fieldapp.supply.parts.queries.approval import ForApproval, for_approval
from fieldapp.supply.parts.queries.catalogue import grouped_choices, part_choices
from fieldapp.supply.parts.queries.requests import (
    ROW,
    Row,
    facts_of_request,
    panel_of_job,
    parts_of_job,
    rows_of,
    sees,
    sees_request,
    visible_to,
)

__all__ = [
    "ROW",
    "ForApproval",
    "Row",
    "facts_of_request",
    "for_approval",
    "grouped_choices",
    "panel_of_job",
    "part_choices",
    "parts_of_job",
    "rows_of",
    "sees",
    "sees_request",
    "visible_to",
]
