"""What must stay on one line does, without anybody thinking of it in a template."""

from __future__ import annotations

from collections.abc import Iterator

from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream

#: A space that no line ends at.
FIXED = "\u00a0"


def unbroken(text: str) -> str:
    """The text with its sign of money fixed to the number behind it."""
    return text.replace("\u00a5 ", f"\u00a5{FIXED}")


class UnbrokenMoney(Extension):
    """Fix the sign in a template's own text. What people typed is left as it is."""

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:  # type: ignore[override]
        """Every token, text changed."""
        for token in stream:
            yield Token(token.lineno, token.type, unbroken(token.value)) if token.type == "data" else token
