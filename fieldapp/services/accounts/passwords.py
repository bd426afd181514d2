"""Passwords: which ones are taken (D-START-2, OWASP ASVS 6.2), and how they are kept (argon2).

8 to 128 characters, none of the commonest, nothing that follows from the account. No rules of composition, and no
end date: both lead to worse passwords.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask_babel import lazy_gettext as _l

SHORTEST, LONGEST = 8, 128

#: Words of the product and its trade; with a few digits behind them they are tried first.
OWN_WORDS = ("fieldapp", "fieldservice", "service", "shouhou", "weixiu", "gongdan", "fuwu", "mima", "password", "admin")
#: What people of this language put in front of or behind a number.
COMMON = (
    "woaini", "woaini1314", "woaini520", "5201314", "1314520", "52013145201314", "qq123456", "aa123456", "a1234567",
    "a12345678", "a123456789", "abc12345", "abc123456", "abcd1234", "asd12345", "qwe12345", "zxc12345", "1q2w3e4r",
    "1qaz2wsx", "q1w2e3r4", "zaq12wsx", "wang1234", "zhang123", "li123456", "caonima123", "iloveyou", "admin123",
    "admin888", "admin123456", "root1234", "password1", "passw0rd", "p@ssw0rd", "p@ssword", "88888888", "66666666",
)  # fmt: skip
#: Keys that lie side by side.
_ROWS = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "abcdefghijklmnopqrstuvwxyz")

_hasher = PasswordHasher()


def hashed(password: str) -> str:
    """Return the hash to keep."""
    return _hasher.hash(password)


def matches(password: str, kept: str) -> bool:
    """Return whether the password is the one that was hashed."""
    try:
        return _hasher.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False


@lru_cache(maxsize=1)
def nobodys() -> str:
    """Return a hash that no password matches: unknown names take as long as wrong passwords."""
    return _hasher.hash("nobody")


def problem_of(password: str, *about: str) -> Any:
    """Return in words why a new password cannot be taken, or None. `about` are user name and name of its person."""
    if len(password) < SHORTEST:
        return _l("Please choose at least %(n)s characters. Several words in a row are easy to remember.", n=SHORTEST)
    if len(password) > LONGEST:
        return _l("At most %(n)s characters, please.", n=LONGEST)
    if any(unicodedata.category(one) in {"Cc", "Cs"} for one in password):
        return _l("This password holds characters that cannot be typed.")
    return _easy_to_guess(_plain(password), about)


def _easy_to_guess(plain: str, about: tuple[str, ...]) -> Any:
    if plain in _commonest():
        return _l("This is one of the commonest passwords and is tried first. Please choose another one.")
    if _is_pattern(plain):
        return _l("This password follows a simple pattern and is tried first. Please choose another one.")
    if any(_is_word_with_digits(plain, _plain(word)) for word in (*OWN_WORDS, *about)):
        return _l("This password can be guessed from the name. Please choose another one.")
    return None


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().strip()


@lru_cache(maxsize=1)
def _commonest() -> frozenset[str]:
    """The commonest passwords of known leaks, 11 600 of at least eight characters; read when first needed."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    return frozenset({*COMMON, *(one for one in FREQUENCY_LISTS["passwords"] if len(one) >= SHORTEST)})


def _is_pattern(plain: str) -> bool:
    """One or two characters, a block repeated, a run of digits, letters or keys, or such runs put together."""
    if len(set(plain)) <= 2:
        return True
    for size in range(1, len(plain) // 2 + 1):
        if size <= 4 and (plain[:size] * len(plain))[: len(plain)] == plain:
            return True
    return len(plain) <= 20 and _runs(plain) * 4 <= len(plain)


def _runs(plain: str) -> int:
    """Return of how many runs a text is made; `qwer1234` is two, `a1b2` four."""
    rows = [two for row in _ROWS for two in (row * 2, row[::-1] * 2)]
    count, start = 0, 0
    while start < len(plain):
        end = start + 1
        while end < len(plain) and _is_run(plain[start : end + 1], rows):
            end += 1
        count, start = count + 1, end
    return count


def _is_run(text: str, rows: Iterable[str]) -> bool:
    return len(set(text)) == 1 or any(text in row for row in rows)


def _is_word_with_digits(plain: str, word: str) -> bool:
    """Whether a password is this word, once or repeated, with at most eight digits and signs in it."""
    if plain == word:
        return True
    letters, core = ("".join(filter(str.isalpha, one)) for one in (plain, word))
    return len(core) >= 2 and letters != "" and letters.replace(core, "") == "" and len(plain) - len(letters) <= 8
