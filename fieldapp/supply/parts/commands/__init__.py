"""Commands of parts requests (D-PART-1 … D-PART-5)."""

from fieldapp.supply.parts.commands.submit import request_from_plan

__all__ = ["request_from_plan"]
