"""Expenses and claims as pages show them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from fieldapp.field.jobs import JobLine, job_lines
from fieldapp.money.expenses.models import ExpenseClaim, ExpenseItem
from fieldapp.money.expenses.policy import ALL_KINDS, ITEM
from fieldapp.money.expenses.words import KIND_WORDS, finding_words, warning_words
from fieldapp.platform.commandbus.models import Attachment
from fieldapp.platform.extensions import db
from fieldapp.platform.web.states import ShownState, shown
from fieldapp.services.approvals import cases_of
from fieldapp.services.attachments import files_of


@dataclass(frozen=True)
class ItemLine:
    """One expense with its job and receipts."""

    item: ExpenseItem
    job: JobLine | None
    files: Sequence[Attachment]

    @property
    def kind(self) -> str:
        """Return the label of the kind."""
        return str(KIND_WORDS[self.item.kind])

    @property
    def state(self) -> ShownState:
        """Return the state for its tag."""
        return shown(ITEM, self.item.state)

    def warnings(self, reader_id: int) -> list[str]:
        """Return the texts of its findings, for this reader."""
        return warning_words(self.item.warnings, to_author=reader_id == self.item.owner_id)


@dataclass(frozen=True)
class ClaimLine:
    """One claim in its author's list: who holds it, since when (D-EXP-9)."""

    id: str
    number: str
    total: Any
    state: str
    since: Any
    holder: str | None
    reason: str | None


@dataclass(frozen=True)
class ClaimSummary:
    """A claim as its approver's inbox shows it."""

    claim: ExpenseClaim
    kinds: list[tuple[str, int]]
    files: list[Attachment]
    receipts: int
    warnings: list[tuple[str, int]]


def lines_of(items: Sequence[ExpenseItem]) -> list[ItemLine]:
    """Return the items with their jobs and receipts. Two queries; the items are detached from the session."""
    jobs = job_lines(item.job_id for item in items)
    files = files_of("expense_item", [item.id for item in items])
    detach(items)
    detach(file for some in files.values() for file in some)
    return [ItemLine(item, jobs.get(item.job_id or ""), files.get(item.id, ())) for item in items]


def detach(rows: Iterable[Any]) -> None:
    """Detach rows from the session, so that a refused form can be rendered again after the command's rollback."""
    for row in rows:
        if row in db.session:
            db.session.expunge(row)


def items_of_claims(claim_ids: Sequence[str]) -> dict[str, list[ExpenseItem]]:
    """Return the expenses of claims by claim id, in the order of their days."""
    by_claim: dict[str, list[ExpenseItem]] = {}
    if claim_ids:
        query = select(ExpenseItem).where(ExpenseItem.claim_id.in_(claim_ids))
        for item in db.session.scalars(query.order_by(ExpenseItem.spent_on, ExpenseItem.id)):
            by_claim.setdefault(str(item.claim_id), []).append(item)
    return by_claim


CLAIM_ROW: tuple[Any, ...] = (
    ExpenseClaim.submitted_at,
    ExpenseClaim.id,
    ExpenseClaim.number,
    ExpenseClaim.total,
    ExpenseClaim.state,
    ExpenseClaim.approved_at,
    ExpenseClaim.reason,
)


def claim_lines(rows: Iterable[Any]) -> list[ClaimLine]:
    """Rows of CLAIM_ROW with who holds them now; one query for all."""
    rows = list(rows)
    cases = cases_of("expense_claim", [row.id for row in rows])
    lines = []
    for row in rows:
        case = cases.get(row.id)
        closed = case.closed_at if case else None
        ends = {"submitted": row.submitted_at, "approved": row.approved_at}
        lines.append(
            ClaimLine(
                id=row.id,
                number=row.number,
                total=row.total,
                state=row.state,
                since=ends.get(row.state, closed or row.submitted_at),
                holder=holder(row.state, case),
                reason=row.reason,
            )
        )
    return lines


def holder(state: str, case: Any) -> str | None:
    """Return who has to act: a role, `author`, or None."""
    if state == "submitted":
        return case.waiting_role if case else None
    return {"approved": "finance", "returned": "author"}.get(state)


def summaries(claim_ids: Sequence[str]) -> dict[str, ClaimSummary]:
    """Return claims as the inbox shows them, by id. Two queries."""
    query = (
        select(ExpenseClaim, ExpenseItem)
        .outerjoin(ExpenseItem, ExpenseItem.claim_id == ExpenseClaim.id)
        .where(ExpenseClaim.id.in_(list(claim_ids)))
        .order_by(ExpenseItem.spent_on, ExpenseItem.id)
    )
    by_claim: dict[str, tuple[ExpenseClaim, list[ExpenseItem]]] = {}
    for claim, item in db.session.execute(query):
        by_claim.setdefault(claim.id, (claim, []))[1].extend([item] if item is not None else [])
    files = files_of("expense_item", [item.id for _, items in by_claim.values() for item in items])
    return {claim_id: _summary(claim, items, files) for claim_id, (claim, items) in by_claim.items()}


def _summary(claim: ExpenseClaim, items: Sequence[ExpenseItem], files: dict[str, list[Attachment]]) -> ClaimSummary:
    kinds = Counter(item.kind for item in items)
    warnings = Counter(finding_words(code, params) for item in items for code, params in item.warnings or ())
    return ClaimSummary(
        claim,
        [(str(KIND_WORDS[kind]), kinds[kind]) for kind in ALL_KINDS if kinds[kind]],
        [file for item in items for file in files.get(item.id, ())],
        sum(item.receipts for item in items),
        warnings.most_common(),
    )
