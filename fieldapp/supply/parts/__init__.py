"""Spare parts: the catalogue and requests for parts. Other features use only what is exported here."""

from fieldapp.supply.parts.commands import request_from_plan
from fieldapp.supply.parts.models import Part
from fieldapp.supply.parts.queries import part_choices, parts_of_job

__all__ = ["Part", "part_choices", "parts_of_job", "request_from_plan"]
