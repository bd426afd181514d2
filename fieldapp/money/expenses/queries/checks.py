"""What the checks before sending need to know, in a fixed number of queries (D-EXP-3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy import and_, select

from fieldapp.kernel import clock
from fieldapp.money.expenses.models import ExpenseItem, FapiaoHold
from fieldapp.money.expenses.policy import ALL_KINDS, DEAD, Elsewhere, Facts, Limits, Used
from fieldapp.platform.commandbus.models import Attachment
from fieldapp.platform.extensions import db
from fieldapp.services.accounts import name_by
from fieldapp.services.attachments import files_of
from fieldapp.services.settings import value


def limits(written_at: datetime) -> Limits:
    """Return the limits for what was written at a moment."""
    return Limits(
        days=int(value("expenses.max_days", written_at)),
        receipt_over=Decimal(value("expenses.receipt_needed_over", written_at)),
        per_kind={kind: value("expenses.limits", written_at, (kind,)) for kind in ALL_KINDS},
    )


def facts_of_items(items: Sequence[ExpenseItem]) -> list[Facts]:
    """The items as the checks look at them, with the hashes of their photos."""
    files = files_of("expense_item", [one.id for one in items])
    return [
        Facts(
            id=one.id,
            kind=one.kind,
            amount=one.amount,
            spent_on=one.spent_on,
            fapiao=(one.fapiao_code, one.fapiao_number),
            fapiao_amount=one.fapiao_amount,
            receipts=one.receipts,
            doubted=(clock.local(one.captured_at).date(), clock.local(one.received_at).date())
            if one.clock_doubt not in {None, "unseen"}
            else None,
            hashes=frozenset(file.sha256 for file in files.get(one.id, ())),
        )
        for one in items
    ]


def elsewhere(items: Sequence[Facts], owner_id: int, claim_id: str) -> Elsewhere:
    """What expenses outside the claim share: fapiao and photos (anybody's), days (the author's own)."""
    living = ExpenseItem.state.not_in(DEAD)
    numbers = {one.fapiao[1] for one in items if one.fapiao[1]}
    hashes = {sha for one in items for sha in one.hashes}
    fapiao = _used([one.id for one in items], numbers, owner_id, claim_id) if numbers else []
    photos = []
    if hashes:
        named = (
            select(Attachment.agg_id, Attachment.sha256)
            .join(ExpenseItem, ExpenseItem.id == Attachment.agg_id)
            .where(Attachment.sha256.in_(hashes), Attachment.agg_type == "expense_item", living)
        )
        photos = [(str(one), sha) for one, sha in db.session.execute(named)]
    alike = select(ExpenseItem.id, ExpenseItem.kind, ExpenseItem.amount, ExpenseItem.spent_on).where(
        ExpenseItem.owner_id == owner_id, ExpenseItem.spent_on.in_({one.spent_on for one in items}), living
    )
    same_days = [(one, (kind, amount, day)) for one, kind, amount, day in db.session.execute(alike)]
    return Elsewhere(fapiao, photos, same_days)


def _used(items: Sequence[str], numbers: set[str], owner_id: int, claim_id: str) -> list[Used]:
    """Where else these fapiao numbers stand, whoever entered them, the earliest first.

    Held is what `FapiaoHold` says and nothing else; what stands on an expense only is a capture.
    """
    held = and_(FapiaoHold.number == ExpenseItem.fapiao_number, FapiaoHold.code == ExpenseItem.fapiao_code)
    columns = (ExpenseItem.fapiao_code, ExpenseItem.fapiao_number, ExpenseItem.state, FapiaoHold.claim_id)
    query = (
        select(*columns, ExpenseItem.owner_id, name_by(ExpenseItem.owner_id))
        .outerjoin(FapiaoHold, held)
        .where(ExpenseItem.fapiao_number.in_(numbers), ExpenseItem.id.not_in(items), ExpenseItem.state != "discarded")
        .order_by(ExpenseItem.captured_at, ExpenseItem.id)
    )
    found: dict[Used, None] = {}
    for code, number, state, holder, owner, name in db.session.execute(query):
        by_another = holder is not None and holder != claim_id
        how = "held" if by_another else "rejected" if state == "rejected" else "captured"
        found[Used((code, number), how, "" if owner == owner_id else name)] = None
    return list(found)


def holders(numbers: Iterable[str]) -> dict[tuple[str, str], str]:
    """Return the claim that holds each fapiao with one of these numbers, by `(code, number)`."""
    query = select(FapiaoHold.code, FapiaoHold.number, FapiaoHold.claim_id).where(FapiaoHold.number.in_(list(numbers)))
    return {(code, number): claim for code, number, claim in db.session.execute(query)}
