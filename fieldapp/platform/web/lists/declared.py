"""A list declared once: page, cards on a phone, files, count and totals come from one declaration."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import Row, Select, func, literal_column, select

from fieldapp.kernel import clock
from fieldapp.kernel.actor import Actor
from fieldapp.kernel.states import States, Tone
from fieldapp.platform.extensions import AppValue, reading
from fieldapp.platform.web import inputs
from fieldapp.platform.web.lists.filters import Filter, narrowed
from fieldapp.platform.web.lists.keyset import Sort
from fieldapp.platform.web.lists.pages import Page, list_page
from fieldapp.platform.web.states import ShownState, shown

#: More rows than this are counted as "more than": counting a million rows takes longer than showing fifty.
COUNTED = 1000
#: Rows of a file that are read and completed together.
BATCH = 500

NOTHING = _l("There is nothing here yet.")
NOTHING_FITS = _l("Nothing fits these filters.")

KINDS = frozenset({"text", "name", "number", "money", "day", "moment", "state", "flag", "link"})
CARDS = frozenset({"title", "line", "hide"})
EXPORTS = frozenset({"yes", "no", "only"})

#: The value of a cell in a file.
Cell = str | Decimal | int | date | None


@dataclass(frozen=True, eq=False)
class Col:
    """One column of a list.

    `value(row)` gives what it shows; by default the attribute `key` of the row. A column of the kind `state` shows a
    state of `states`, or another code by its label in `words`. `url(row)` makes its value a link. `card` is its place
    on a phone: the `title`, a `line`, or `hide`. `export` is `only` for a column of files that the page does not show.
    Its amounts are added up where `total` is set. `who(actor)` limits who is shown it, on the page and in files.
    `width` is that of a spreadsheet.
    """

    key: str
    label: Any
    kind: str = "text"
    value: Callable[[Any], Any] | None = None
    words: Mapping[str, Any] = field(default_factory=dict)
    states: States | None = None
    url: Callable[[Any], str] | None = None
    width: int = 14
    card: str = "line"
    export: str = "yes"
    total: bool = False
    who: Callable[[Actor], bool] | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS or self.card not in CARDS or self.export not in EXPORTS:
            raise ValueError(f"column {self.key}: no such kind, card or export")

    def of(self, row: Any) -> Any:
        """Return the value of a row."""
        return self.value(row) if self.value else getattr(row, self.key)

    def shown(self, row: Any) -> ShownState:
        """Return the state of a row, or the label of its code, for its tag and for files."""
        value = self.of(row)
        return shown(self.states, value) if self.states else ShownState(str(self.words.get(value, value)), Tone.PLAIN)

    def cell(self, row: Any) -> Cell:
        """Return the value of a row for a file."""
        value = self.of(row)
        if self.kind == "state":
            return self.shown(row).words
        if self.kind == "flag":
            return str(self.label) if value else ""
        if self.kind == "moment" and value is not None:
            return clock.local(value).replace(tzinfo=None, microsecond=0)
        if self.kind in {"text", "name", "link"}:
            return "" if value is None else str(value)
        cell: Cell = value
        return cell


class Completed:
    """A row with further values that were read for all rows together; each has a name."""

    __slots__ = ("_more", "_row")

    def __init__(self, row: Any, **more: Any) -> None:
        self._row, self._more = row, more

    def __getattr__(self, name: str) -> Any:
        more: dict[str, Any] = self._more
        return more[name] if name in more else getattr(self._row, name)


@dataclass
class ListPage(Page):
    """One page of a declared list, as a person may see it."""

    declared: ListDef = None  # type: ignore[assignment]
    columns: Sequence[Col] = ()
    #: How many rows fit the filters; None where they are more than `COUNTED`.
    count: int | None = None
    #: Sums by column.
    totals: Mapping[str, Any] = field(default_factory=dict)
    sort: Sort = None  # type: ignore[assignment]
    may_export: bool = False

    @property
    def parameters(self) -> str:
        """What this page shows, as the parameters of its address."""
        return self.url().partition("?")[2]

    @property
    def most(self) -> int:
        """Beyond how many rows nothing is counted."""
        return COUNTED


@dataclass(frozen=True, eq=False)
class ListDef:
    """A list of records.

    `base(actor)` selects the rows that a person may see, with a name for each column; page, count, files and pages of
    several use it. `complete(rows, actor)` turns rows into what the columns ask for (names, states of others), with a
    few queries for all of them. `cells` is a template whose macros draw the columns of their names on the page.
    `address` is where the page lies. `row_attrs(row)` gives further attributes of a row's element.
    """

    name: str
    title: Any
    address: str
    verb: str
    base: Callable[[Actor], Select[Any]]
    columns: tuple[Col, ...]
    sorts: tuple[Sort, ...]
    filters: Callable[[Actor], Sequence[Filter]] = lambda actor: ()
    complete: Callable[[Sequence[Any], Actor], Sequence[Any]] = lambda rows, actor: rows
    cells: str = ""
    nothing: Any = NOTHING
    nothing_fits: Any = NOTHING_FITS
    icon: str = "report"
    size: int = 0
    export_verb: str = "list.export"
    #: The order of files, where it differs from the page's.
    export_sort: Sort | None = None
    #: The id of the table's body: what is still on a phone is put there.
    body_id: str = ""
    row_attrs: Callable[[Any], Mapping[str, str]] | None = None

    def __post_init__(self) -> None:
        keys = [col.key for col in self.columns]
        if len(set(keys)) < len(keys):
            raise ValueError(f"list {self.name}: a column is declared twice")
        if not self.sorts:
            raise ValueError(f"list {self.name}: it has no order")

    def shown(self, actor: Actor, *, in_file: bool = False) -> list[Col]:
        """Return the columns that a person may see, on the page or in a file."""
        hidden = "no" if in_file else "only"
        return [col for col in self.columns if col.export != hidden and (col.who is None or col.who(actor))]

    def sort(self) -> Sort:
        """Return the order that the address asks for, else the first."""
        asked = inputs.query_choice("sort", [one.name for one in self.sorts], self.sorts[0].name)
        return next(one for one in self.sorts if one.name == asked)

    def chosen(self, actor: Actor) -> list[Col]:
        """Return the columns that the address names, in its order; by default all that a person may see."""
        shown = {col.key: col for col in self.shown(actor)}
        asked = [shown[key] for key in inputs.query("cols", most=500).split(",") if key in shown]
        return asked or list(shown.values())

    def page(self, actor: Actor, before: Sequence[Filter] = ()) -> ListPage:
        """Return the page that the address asks for. `before` are filters of its address that choose among lists."""
        chosen, query, sort = [*before, *self.filters(actor)], self.base(actor), self.sort()
        extra = {} if sort is self.sorts[0] else {"sort": sort.name}
        columns = self.chosen(actor)
        if inputs.query("cols"):
            extra["cols"] = ",".join(col.key for col in columns)
        size: dict[str, Any] = {"size": self.size} if self.size else {}
        plain = list_page(query, keys=sort, filters=chosen, extra=extra, name=self.name, **size)
        alone = plain.first and plain.next_url is None
        count, totals = self._counted(plain.query, columns, len(plain.rows) if alone else None)
        return ListPage(
            list(self.complete(plain.rows, actor)),
            plain.filters,
            plain.values,
            plain.next_url,
            plain.first,
            plain.extra,
            plain.query,
            declared=self,
            columns=columns,
            count=count,
            totals=totals,
            sort=sort,
            may_export=actor.can(self.export_verb),
        )

    def _counted(
        self, query: Select[Any], columns: Sequence[Col], known: int | None
    ) -> tuple[int | None, dict[str, Any]]:
        """Return how many rows there are and their sums: no query where all stand on the page and nothing is summed."""
        summed = [col.key for col in columns if col.total]
        if summed:
            rows = query.subquery()
            sums = reading().execute(select(func.count(), *(func.sum(rows.c[key]) for key in summed)).select_from(rows))
            count, *amounts = sums.one()
            return count, dict(zip(summed, amounts, strict=True))
        if known is not None:
            return known, {}
        rows = query.with_only_columns(literal_column("1"), maintain_column_froms=True).limit(COUNTED + 1).subquery()
        count = reading().execute(select(func.count()).select_from(rows)).scalar_one()
        return (count if count <= COUNTED else None), {}

    def rows(self, actor: Actor, values: Mapping[str, str] | None = None) -> Iterator[Any]:
        """Yield every row that fits the filters, completed, as the database gives them; for files.

        `values` are those of the filters, by default those of the address.
        """
        sort = self.export_sort or (self.sort() if values is None else self.sorts[0])
        query = narrowed(self.base(actor), self.filters(actor), values).order_by(*sort.order_by())
        result = reading().execute(query.execution_options(yield_per=BATCH))
        for part in result.partitions():
            batch: Sequence[Row[Any]] = part
            yield from self.complete(batch, actor)


#: Every list that a feature declares in its `lists.py`, by name; `fieldapp/wiring.py` sets it.
LISTS: AppValue[dict[str, ListDef]] = AppValue("lists")
