"""Search index: records by the beginnings of their texts, the same on both databases."""

from fieldapp.platform.search.index import index_rows, refresh, searchable
from fieldapp.platform.search.models import SearchKey, SearchText
from fieldapp.platform.search.queries import hits, matches

__all__ = ["SearchKey", "SearchText", "hits", "index_rows", "matches", "refresh", "searchable"]
