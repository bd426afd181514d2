"""Finding records by what people have at hand: one index of text beginnings, the same on both databases."""

from fieldapp.finding.index import entered, refresh, searchable
from fieldapp.finding.models import SearchKey, SearchText
from fieldapp.finding.queries import hits, told

__all__ = ["SearchKey", "SearchText", "entered", "hits", "refresh", "searchable", "told"]
