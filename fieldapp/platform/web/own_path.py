"""Addresses that came with a request and that the browser is sent to: only pages of this site."""

from __future__ import annotations

import unicodedata
from urllib.parse import unquote, urlsplit

HOME = "/"
#: Longer than any address of this product.
LONGEST = 2000
#: A target is decoded until it no longer changes; one that is encoded more often than this is refused.
DECODINGS = 5


def own_path(target: str | None) -> str:
    """Return `target` if it is an absolute path of this site, else the home page.

    Browsers drop tabs and line ends from addresses and read a backslash as a slash, so `/<TAB>/host` and `/\\host`
    lead to another site. Control characters can also not be sent in a header. Both are refused in every decoding.
    """
    if not target or len(target) > LONGEST or any(one.isspace() for one in target):
        return HOME
    form = target
    for _ in range(DECODINGS):
        if not _is_own(form):
            return HOME
        decoded = unquote(form)
        if decoded == form:
            return target
        form = decoded
    return HOME


def _is_own(text: str) -> bool:
    if not text.startswith("/") or "\\" in text or any(unicodedata.category(one) in {"Cc", "Cf", "Cs"} for one in text):
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    if parts.scheme or parts.netloc or any(one.isspace() for one in parts.path):
        return False
    # `//host` names a host; with dot segments a path turns into one. urlsplit takes empty hosts for none.
    segments = text.partition("#")[0].partition("?")[0].split("/")[1:]
    return "" not in segments[:-1] and not {".", ".."} & set(segments)
