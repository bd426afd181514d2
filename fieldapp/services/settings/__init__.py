"""Settings: definitions in each feature's settings.py, entries in the database by date (ADR 37)."""

from fieldapp.services.settings.queries import applied, applied_version, value, value_column, value_from

__all__ = ["applied", "applied_version", "value", "value_column", "value_from"]
