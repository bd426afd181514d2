"""Load what the checks of a claim need, in a fixed number of queries (D-EXP-3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy import and_, select

from fieldapp.kernel import clock
from fieldapp.money.expenses.models import ExpenseItem, FapiaoHold
from fieldapp.money.expenses.policy import INACTIVE, KINDS, ItemFacts, Limits, OtherItems, UsedFapiao
from fieldapp.platform.commandbus.models import Attachment
from fieldapp.platform.extensions import db
from fieldapp.services.accounts import name_by
from fieldapp.services.attachments import files_of
from fieldapp.services.settings import value


def limits(written_at: datetime) -> Limits:
    """Return the settings that apply to what was written at a moment."""
    return Limits(
        days=int(value("expenses.max_days", written_at)),
        receipt_over=Decimal(value("expenses.receipt_needed_over", written_at)),
        per_kind={kind: value("expenses.limits", written_at, (kind,)) for kind in KINDS},
    )


def facts_of_items(items: Sequence[ExpenseItem]) -> list[ItemFacts]:
    """Return the facts of the items, with the hashes of their photos."""
    files = files_of("expense_item", [item.id for item in items])
    return [
        ItemFacts(
            id=item.id,
            kind=item.kind,
            amount=item.amount,
            spent_on=item.spent_on,
            fapiao=(item.fapiao_code, item.fapiao_number),
            fapiao_amount=item.fapiao_amount,
            receipts=item.receipts,
            doubted_days=(clock.local(item.captured_at).date(), clock.local(item.received_at).date())
            if item.clock_doubt not in {None, "unseen"}
            else None,
            hashes=frozenset(file.sha256 for file in files.get(item.id, ())),
        )
        for item in items
    ]


def other_items(items: Sequence[ItemFacts], owner_id: int, claim_id: str) -> OtherItems:
    """Return what expenses outside the claim have used: fapiao and photos of anybody, equal days of the author."""
    active = ExpenseItem.state.not_in(INACTIVE)
    numbers = {item.fapiao[1] for item in items if item.fapiao[1]}
    hashes = {sha for item in items for sha in item.hashes}
    fapiao = _used_fapiao([item.id for item in items], numbers, owner_id, claim_id) if numbers else []
    photos = []
    if hashes:
        photo_query = (
            select(Attachment.agg_id, Attachment.sha256)
            .join(ExpenseItem, ExpenseItem.id == Attachment.agg_id)
            .where(Attachment.sha256.in_(hashes), Attachment.agg_type == "expense_item", active)
        )
        photos = [(str(item), sha) for item, sha in db.session.execute(photo_query)]
    alike = select(ExpenseItem.id, ExpenseItem.kind, ExpenseItem.amount, ExpenseItem.spent_on).where(
        ExpenseItem.owner_id == owner_id, ExpenseItem.spent_on.in_({item.spent_on for item in items}), active
    )
    same_days = [(item, (kind, amount, day)) for item, kind, amount, day in db.session.execute(alike)]
    return OtherItems(fapiao, photos, same_days)


def _used_fapiao(items: Sequence[str], numbers: set[str], owner_id: int, claim_id: str) -> list[UsedFapiao]:
    """Return other expenses with these fapiao numbers, of anybody, earliest first.

    `held` needs a row of `FapiaoHold`; a number that is only on an expense is `captured` or `rejected`.
    """
    held = and_(FapiaoHold.number == ExpenseItem.fapiao_number, FapiaoHold.code == ExpenseItem.fapiao_code)
    columns = (ExpenseItem.fapiao_code, ExpenseItem.fapiao_number, ExpenseItem.state, FapiaoHold.claim_id)
    query = (
        select(*columns, ExpenseItem.owner_id, name_by(ExpenseItem.owner_id))
        .outerjoin(FapiaoHold, held)
        .where(ExpenseItem.fapiao_number.in_(numbers), ExpenseItem.id.not_in(items), ExpenseItem.state != "discarded")
        .order_by(ExpenseItem.captured_at, ExpenseItem.id)
    )
    used: dict[UsedFapiao, None] = {}
    for code, number, state, holder, owner, name in db.session.execute(query):
        by_another = holder is not None and holder != claim_id
        usage = "held" if by_another else "rejected" if state == "rejected" else "captured"
        used[UsedFapiao((code, number), usage, "" if owner == owner_id else name)] = None
    return list(used)


def holders(numbers: Iterable[str]) -> dict[tuple[str, str], str]:
    """Return the claim that holds each fapiao with one of these numbers, by `(code, number)`."""
    query = select(FapiaoHold.code, FapiaoHold.number, FapiaoHold.claim_id).where(FapiaoHold.number.in_(list(numbers)))
    return {(code, number): claim for code, number, claim in db.session.execute(query)}
