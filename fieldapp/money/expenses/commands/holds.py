"""Which claim holds a fapiao (D-EXP-8). Only this module writes `FapiaoHold`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from sqlalchemy import Table, delete, select

from fieldapp.money.expenses.models import ExpenseItem, FapiaoHold
from fieldapp.money.expenses.queries.checks import holders
from fieldapp.platform.commandbus import Context
from fieldapp.platform.database import insert_ignoring

Fapiao = tuple[str, str]


def fapiao_of(item: ExpenseItem) -> Fapiao:
    """Return `(code, number)` of the item's fapiao; the number is empty if it has none."""
    return item.fapiao_code, item.fapiao_number


def hold(ctx: Context, claim_id: str, fapiao: Iterable[Fapiao]) -> set[Fapiao]:
    """Hold the fapiao for the claim. Return those that another claim holds, also one submitted concurrently."""
    keys = sorted({key for key in fapiao if key[1]})
    if not keys:
        return set()
    connection = ctx.session.connection()
    rows = [{"code": code, "number": number, "claim_id": claim_id} for code, number in keys]
    connection.execute(insert_ignoring(connection, cast(Table, FapiaoHold.__table__)), rows)
    holder_of = holders(number for _, number in keys)
    return {key for key in keys if holder_of.get(key) != claim_id}


def release(ctx: Context, claim_id: str, only: Fapiao | None = None) -> None:
    """Release all fapiao that the claim holds, or only one."""
    query = delete(FapiaoHold).where(FapiaoHold.claim_id == claim_id)
    if only is not None:
        query = query.where(FapiaoHold.code == only[0], FapiaoHold.number == only[1])
    ctx.session.execute(query.execution_options(synchronize_session=False))


def replace(ctx: Context, item: ExpenseItem, before: Fapiao) -> bool:
    """Hold the item's present fapiao instead of `before`. Return False if another claim holds it.

    Does nothing for an item without a claim. The new fapiao is taken first: two people who exchange their numbers
    must not wait for each other.
    """
    if item.claim_id is None or fapiao_of(item) == before:
        return True
    if hold(ctx, item.claim_id, [fapiao_of(item)]):
        return False
    same_fapiao = select(ExpenseItem.id).where(
        ExpenseItem.claim_id == item.claim_id,
        ExpenseItem.id != item.id,
        ExpenseItem.fapiao_code == before[0],
        ExpenseItem.fapiao_number == before[1],
    )
    if ctx.session.scalar(same_fapiao.limit(1)) is None:
        release(ctx, item.claim_id, before)
    return True
