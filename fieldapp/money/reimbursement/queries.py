"""The list's rows and sums; the page and the downloads share their filters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import Select, case, func, select

from fieldapp.field.jobs import Job
from fieldapp.kernel import clock
from fieldapp.money.expenses import ALL_KINDS, ExpenseClaim, ExpenseItem
from fieldapp.platform.extensions import db
from fieldapp.platform.web import inputs
from fieldapp.platform.web.lists import Filter, narrowed
from fieldapp.services.accounts import group_name_by, group_names, name_by, names_of

#: What `all` means: everything that was sent and not taken back.
STATES = {"approved": ("approved",), "all": ("submitted", "approved", "returned", "rejected")}

#: What is to be paid of an item: what was allowed, until that is decided what was claimed.
PAYABLE = func.coalesce(ExpenseItem.allowed_amount, ExpenseItem.amount)

ROW = (
    ExpenseClaim.id.label("claim"),
    ExpenseItem.id.label("item"),
    ExpenseClaim.number,
    name_by(ExpenseClaim.owner_id).label("person"),
    group_name_by(ExpenseClaim.group_id).label("group"),
    ExpenseClaim.state,
    ExpenseClaim.approved_at,
    ExpenseItem.spent_on,
    ExpenseItem.kind,
    ExpenseItem.amount,
    ExpenseItem.allowed_amount,
    ExpenseItem.cut_reason,
    Job.number.label("job"),
    ExpenseItem.note,
    ExpenseItem.fapiao_code,
    ExpenseItem.fapiao_number,
    ExpenseItem.fapiao_amount,
    ExpenseItem.receipts,
    ExpenseItem.warnings,
)


@dataclass(frozen=True)
class MonthFilter(Filter):
    """A month is always chosen: nonsense and nothing are the present one."""

    def value(self) -> str:
        """A month that exists."""
        return inputs.month(super().value()) or self.default


@dataclass
class PersonSums:
    """One line of the summary: a person's sums by kind."""

    person: int
    name: str
    group: str
    kinds: dict[str, Decimal] = field(default_factory=dict)
    items: int = 0
    exceptions: int = 0

    @property
    def total(self) -> Decimal:
        """All kinds together."""
        return sum(self.kinds.values(), Decimal(0))


@dataclass(frozen=True)
class Summary:
    """Sums by person and kind. `kinds` names the columns that hold anything."""

    people: Sequence[PersonSums]
    kinds: Sequence[str]

    def of_kind(self, kind: str) -> Decimal:
        """Everybody's sum of one kind."""
        return sum((one.kinds.get(kind, Decimal(0)) for one in self.people), Decimal(0))

    @property
    def total(self) -> Decimal:
        """Everything."""
        return sum((one.total for one in self.people), Decimal(0))

    @property
    def items(self) -> int:
        """How many expenses."""
        return sum(one.items for one in self.people)

    @property
    def exceptions(self) -> int:
        """How many of them have something to look at."""
        return sum(one.exceptions for one in self.people)


def _of_person(query: Select[Any], person: int) -> Select[Any]:
    return query.where(ExpenseClaim.owner_id == person)


def _of_group(query: Select[Any], group: int) -> Select[Any]:
    return query.where(ExpenseClaim.group_id == group)


def _of_state(query: Select[Any], value: str) -> Select[Any]:
    return query.where(ExpenseClaim.state.in_(STATES[value]))


def filters() -> list[Filter]:
    """Month, group, person, state; all in the URL. What is nonsense finds nothing rather than everything."""
    groups = [(str(one), name) for one, name in group_names().items()]
    found: list[Filter] = [
        MonthFilter(
            "month",
            _l("Month"),
            lambda query, month: query.where(ExpenseClaim.month == month),
            widget="month",
            default=clock.today().strftime("%Y-%m"),
        ),
        Filter("group", _l("Group"), _of_group, options=groups, holds="number"),
        Filter("person", _l("Person"), _of_person, options=lambda: people_of(found), holds="number"),
        Filter(
            "state",
            _l("State"),
            _of_state,
            options=(("approved", _l("Approved")), ("all", _l("All"))),
            default="approved",
        ),
    ]
    return found


def rows_query() -> Select[Any]:
    """Every item of the list, without filters and order."""
    return (
        select(*ROW)
        .select_from(ExpenseClaim)
        .join(ExpenseItem, ExpenseItem.claim_id == ExpenseClaim.id)
        .outerjoin(Job, Job.id == ExpenseItem.job_id)
    )


def summary(chosen: Sequence[Filter]) -> Summary:
    """Sums by person and kind, in one grouped query."""
    warned = func.sum(case((ExpenseItem.warned > 0, 1), else_=0))
    by: tuple[Any, ...] = (ExpenseClaim.owner_id, ExpenseClaim.group_id, ExpenseItem.kind)
    sums = (func.sum(PAYABLE).label("total"), func.count().label("expenses"), warned.label("exceptions"))
    query = select(*by, *sums).group_by(*by)
    query = query.join(ExpenseItem, ExpenseItem.claim_id == ExpenseClaim.id)
    rows = db.session.execute(narrowed(query, chosen)).all()
    names, groups = names_of(row.owner_id for row in rows), groups_in(chosen)
    people: dict[tuple[int, int | None], PersonSums] = {}
    for row in rows:
        group = groups.get(row.group_id, "") if row.group_id else ""
        line = people.setdefault(
            (row.owner_id, row.group_id), PersonSums(row.owner_id, names.get(row.owner_id, ""), group)
        )
        line.kinds[row.kind] = row.total
        line.items += row.expenses
        line.exceptions += int(row.exceptions or 0)
    ordered = sorted(people.values(), key=lambda line: (line.group, line.name, line.person))
    used = {kind for line in ordered for kind in line.kinds}
    return Summary(ordered, [kind for kind in ALL_KINDS if kind in used])


def groups_in(chosen: Sequence[Filter]) -> dict[int, str]:
    """Names of groups, which the filter has asked for already."""
    return {int(one): str(name) for group in chosen if group.name == "group" for one, name in group.choices()}


def people_of(chosen: Sequence[Filter]) -> list[tuple[str, str]]:
    """Whom the filter offers: everybody with a claim in the month and group."""
    others = [one for one in chosen if one.name != "person"]
    ids = db.session.scalars(narrowed(select(ExpenseClaim.owner_id).distinct(), others))
    return sorted(((str(one), name) for one, name in names_of(ids).items()), key=lambda pair: pair[1])


def as_of(chosen: Sequence[Filter]) -> datetime | None:
    """The newest decision in the list: what the downloads are dated by, so that they can be made again."""
    newest = select(func.max(func.coalesce(ExpenseClaim.approved_at, ExpenseClaim.submitted_at)))
    moment: datetime | None = db.session.scalar(narrowed(newest, chosen))
    return moment
