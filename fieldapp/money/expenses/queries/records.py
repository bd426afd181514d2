"""Single records, the author's free expenses, and whether a kept page is still true."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import ColumnElement, and_, case, func, literal, or_, select, true, union

from fieldapp.kernel.actor import Actor
from fieldapp.money.expenses.models import ExpenseClaim, ExpenseItem, FapiaoHold
from fieldapp.money.expenses.policy import FREE, HOLDING, OVERSEERS
from fieldapp.platform.commandbus.models import Attachment
from fieldapp.platform.extensions import db
from fieldapp.platform.web.visibility import Visible

#: More than anybody claims at once; the page says when there are more.
SHOWN = 100

#: Expenses, and claims, whose own pages are kept on a phone.
KEPT = 20


def free_items(actor: Actor, claim_id: str | None = None) -> list[ExpenseItem]:
    """Return the person's expenses that are in no claim, newest first; `SHOWN` + 1 of them means there are more.

    With `claim_id` also those of that returned claim. Expenses of other returned claims belong to their claims.
    """
    free = ExpenseItem.state == "open"
    if claim_id is not None:
        free = or_(free, and_(ExpenseItem.state.in_(FREE), ExpenseItem.claim_id == claim_id))
    query = select(ExpenseItem).where(ExpenseItem.owner_id == actor.id, free)
    return list(db.session.scalars(query.order_by(ExpenseItem.spent_on.desc(), ExpenseItem.id.desc()).limit(SHOWN + 1)))


def _overseen(actor: Actor, model: type[ExpenseItem] | type[ExpenseClaim]) -> ColumnElement[bool]:
    """Return the condition of records of others: those of groups that the actor leads, or all for some roles."""
    return true() if actor.roles & OVERSEERS else model.group_id.in_(actor.leads)


def _visible_items(actor: Actor) -> ColumnElement[bool]:
    others = and_(ExpenseItem.claim_id.is_not(None), _overseen(actor, ExpenseItem))
    return or_(ExpenseItem.owner_id == actor.id, others)


def _visible_claims(actor: Actor) -> ColumnElement[bool]:
    return or_(ExpenseClaim.owner_id == actor.id, _overseen(actor, ExpenseClaim))


#: The author sees an expense; others only once it is in a claim.
ITEMS = Visible(ExpenseItem, "expense_item.view", _visible_items, "expense_item.not_found")
CLAIMS = Visible(ExpenseClaim, "expense_claim.view", _visible_claims, "expense_claim.not_found")


def correctable(actor: Actor) -> list[str]:
    """Return the ids of the person's latest expenses that can still be corrected."""
    query = (
        select(ExpenseItem.id)
        .where(ExpenseItem.owner_id == actor.id, ExpenseItem.state.in_(FREE), ExpenseItem.kind != "per_diem")
        .order_by(ExpenseItem.spent_on.desc(), ExpenseItem.id.desc())
        .limit(KEPT)
    )
    return list(db.session.scalars(query))


def undecided(actor: Actor) -> list[tuple[str, str]]:
    """Return `(id, state)` of the person's claims that wait or were returned, the latest first."""
    query = (
        select(ExpenseClaim.id, ExpenseClaim.state)
        .where(ExpenseClaim.owner_id == actor.id, ExpenseClaim.state.in_(("submitted", "returned")))
        .order_by(ExpenseClaim.submitted_at.desc(), ExpenseClaim.id.desc())
        .limit(KEPT)
    )
    return [(claim, state) for claim, state in db.session.execute(query)]


def wrong_totals() -> Iterator[str]:
    """Yield, for `flask check`, claims whose total is not the sum of their expenses."""
    total = func.coalesce(func.sum(ExpenseItem.amount), 0)
    query = (
        select(ExpenseClaim.number, ExpenseClaim.total, total)
        .outerjoin(ExpenseItem, ExpenseItem.claim_id == ExpenseClaim.id)
        .where(ExpenseClaim.state.in_(("submitted", "approved", "rejected")))
        .group_by(ExpenseClaim.id, ExpenseClaim.number, ExpenseClaim.total)
        .having(ExpenseClaim.total != total)
    )
    for number, stored, summed in db.session.execute(query):
        yield f"expense claim {number}: total {stored} is not the sum of its expenses, {summed}"


def lost_items() -> Iterator[str]:
    """Yield, for `flask check`, expenses whose state does not match their claim's."""
    expected = case(
        (ExpenseClaim.state == "submitted", "claimed"),
        (ExpenseClaim.state.is_(None), "open"),
        else_=ExpenseClaim.state,
    )
    query = (
        select(ExpenseItem.id, ExpenseItem.state, ExpenseClaim.state)
        .outerjoin(ExpenseClaim, ExpenseClaim.id == ExpenseItem.claim_id)
        .where(ExpenseItem.state != expected, ExpenseItem.state != "discarded")
    )
    for one, state, claim in db.session.execute(query):
        yield f"expense {one} is {state}, but its claim is {claim or 'none'}"


def wrong_holds() -> Iterator[str]:
    """Yield, for `flask check`, fapiao that their claim does not hold, and holds that no item needs (D-EXP-8)."""
    same = and_(
        ExpenseItem.claim_id == FapiaoHold.claim_id,
        ExpenseItem.fapiao_code == FapiaoHold.code,
        ExpenseItem.fapiao_number == FapiaoHold.number,
    )
    holds = ExpenseClaim.state.in_(HOLDING)
    unheld = (
        select(ExpenseClaim.number, ExpenseItem.fapiao_number, literal(""))
        .join(ExpenseItem, ExpenseItem.claim_id == ExpenseClaim.id)
        .outerjoin(FapiaoHold, same)
        .where(holds, ExpenseItem.fapiao_number != "", FapiaoHold.number.is_(None))
    )
    idle = (
        select(ExpenseClaim.number, FapiaoHold.number, ExpenseClaim.state)
        .join(FapiaoHold, FapiaoHold.claim_id == ExpenseClaim.id)
        .outerjoin(ExpenseItem, same)
        .where(or_(~holds, ExpenseItem.id.is_(None)))
    )
    for claim, number, state in db.session.execute(union(unheld, idle)):
        if state:
            yield f"expense claim {claim} is {state} and holds fapiao {number} without need"
        else:
            yield f"expense claim {claim} does not hold fapiao {number}, which is in it"


def missing_receipts() -> Iterator[str]:
    """Yield, for `flask check`, claimed expenses with fewer files than receipts named."""
    there = (
        select(func.count())
        .where(Attachment.agg_type == "expense_item", Attachment.agg_id == ExpenseItem.id)
        .where(Attachment.state != "replaced")
        .scalar_subquery()
    )
    query = (
        select(ExpenseClaim.number, ExpenseItem.id, ExpenseItem.receipts, there)
        .join(ExpenseClaim, ExpenseClaim.id == ExpenseItem.claim_id)
        .where(ExpenseItem.receipts > there)
    )
    for number, one, named, found in db.session.execute(query):
        yield f"expense claim {number}: expense {one} names {named} receipts, {found} belong to it"
