"""The figures of the rule book: defaults in each feature's figures.py, changes in the database, by date."""

from fieldapp.services.settings.queries import figure, figure_by, figure_from

__all__ = ["figure", "figure_by", "figure_from"]
