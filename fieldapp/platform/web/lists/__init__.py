"""Lists: filters in the address, pages by keyset, columns declared once (docs/adding-a-feature.md, ADR 35)."""

from fieldapp.platform.web.lists.declared import LISTS, Col, Completed, ListDef, ListPage
from fieldapp.platform.web.lists.filters import Filter, narrowed
from fieldapp.platform.web.lists.keyset import Key, Sort
from fieldapp.platform.web.lists.pages import PAGE, Page, list_page

__all__ = [
    "LISTS",
    "PAGE",
    "Col",
    "Completed",
    "Filter",
    "Key",
    "ListDef",
    "ListPage",
    "Page",
    "Sort",
    "list_page",
    "narrowed",
]
