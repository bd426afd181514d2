"""Money: yuan as Decimal with two places, fen as integers where it is stored."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

FEN = Decimal("0.01")
CURRENCY = "CNY"


def yuan(fen: int) -> Decimal:
    """Fen as stored to yuan with exactly two places."""
    return (Decimal(fen) / 100).quantize(FEN)


def fen(amount: Decimal) -> int:
    """Yuan to whole fen. Raises ValueError when `amount` has a fraction of a fen."""
    scaled = amount * 100
    if scaled != scaled.to_integral_value():
        raise ValueError("more than two decimal places")
    return int(scaled)


def times(price: Decimal, quantity: Decimal | int) -> Decimal:
    """Price by quantity, rounded to the fen half up."""
    return (price * quantity).quantize(FEN, ROUND_HALF_UP)


def show(amount: Decimal | None) -> str:
    """`1,234.50`, without a currency sign; a dash for nothing."""
    return "—" if amount is None else f"{amount:,.2f}"
