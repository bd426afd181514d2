"""Spare parts: the catalogue and requests for parts. What other features may use of them is here."""

from fieldapp.supply.parts.commands import request_from_plan
from fieldapp.supply.parts.models import Part
from fieldapp.supply.parts.queries import part_choices, parts_of_job

__all__ = ["Part", "part_choices", "parts_of_job", "request_from_plan"]
