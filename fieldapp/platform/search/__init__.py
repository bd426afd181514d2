"""Finding records by what people have at hand: one index of text beginnings, the same on both databases."""

from fieldapp.platform.search.index import entered, refresh, searchable
from fieldapp.platform.search.models import SearchKey, SearchText
from fieldapp.platform.search.queries import hits, told

__all__ = ["SearchKey", "SearchText", "entered", "hits", "refresh", "searchable", "told"]
