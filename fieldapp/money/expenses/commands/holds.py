"""Which claim holds a fapiao (D-EXP-8). Nothing else writes `FapiaoHold`."""

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
    """Return the code and number of the item's fapiao; the number is empty without one."""
    return item.fapiao_code, item.fapiao_number


def take(ctx: Context, claim_id: str, wanted: Iterable[Fapiao]) -> set[Fapiao]:
    """Hold these for the claim. Return those that another claim holds, also one sent in the same instant."""
    keys = sorted({one for one in wanted if one[1]})
    if not keys:
        return set()
    connection = ctx.session.connection()
    rows = [{"code": code, "number": number, "claim_id": claim_id} for code, number in keys]
    connection.execute(insert_ignoring(connection, cast(Table, FapiaoHold.__table__)), rows)
    now = holders(number for _, number in keys)
    return {key for key in keys if now.get(key) != claim_id}


def free(ctx: Context, claim_id: str, only: Fapiao | None = None) -> None:
    """Free all that the claim holds, or only one fapiao."""
    query = delete(FapiaoHold).where(FapiaoHold.claim_id == claim_id)
    if only is not None:
        query = query.where(FapiaoHold.code == only[0], FapiaoHold.number == only[1])
    ctx.session.execute(query.execution_options(synchronize_session=False))


def change(ctx: Context, item: ExpenseItem, before: Fapiao) -> bool:
    """Hold the number now on an item of a returned claim in place of the one `before`. Return False where it is taken.

    The new one is taken first: two people who exchange their numbers must not wait for each other.
    """
    if item.claim_id is None or fapiao_of(item) == before:
        return True
    if take(ctx, item.claim_id, [fapiao_of(item)]):
        return False
    same = select(ExpenseItem.id).where(
        ExpenseItem.claim_id == item.claim_id,
        ExpenseItem.id != item.id,
        ExpenseItem.fapiao_code == before[0],
        ExpenseItem.fapiao_number == before[1],
    )
    if ctx.session.scalar(same.limit(1)) is None:
        free(ctx, item.claim_id, before)
    return True
