"""Rules for new passwords (D-START-2, OWASP ASVS 6.2) and their hashes (argon2).

8 to 128 characters, not among the most common, not derived from the account. There are no composition rules and no
expiry: both lead to worse passwords.
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

#: Words of the product and its trade. Attackers try them first, with a few digits added.
OWN_WORDS = ("fieldapp", "fieldservice", "service", "shouhou", "weixiu", "gongdan", "fuwu", "mima", "password", "admin")
#: Common passwords of Chinese speakers.
COMMON = (
    "woaini", "woaini1314", "woaini520", "5201314", "1314520", "52013145201314", "qq123456", "aa123456", "a1234567",
    "a12345678", "a123456789", "abc12345", "abc123456", "abcd1234", "asd12345", "qwe12345", "zxc12345", "1q2w3e4r",
    "1qaz2wsx", "q1w2e3r4", "zaq12wsx", "wang1234", "zhang123", "li123456", "caonima123", "iloveyou", "admin123",
    "admin888", "admin123456", "root1234", "password1", "passw0rd", "p@ssw0rd", "p@ssword", "88888888", "66666666",
)  # fmt: skip
#: Rows of neighbouring keys, digits and letters.
_ROWS = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "abcdefghijklmnopqrstuvwxyz")

_hasher = PasswordHasher()


def hash_password(password: str) -> str:
    """Return the argon2 hash to store."""
    return _hasher.hash(password)


def matches(password: str, password_hash: str) -> bool:
    """Return whether `password_hash` is the hash of the password."""
    try:
        return _hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


@lru_cache(maxsize=1)
def dummy_hash() -> str:
    """Return a hash that no password matches, so that unknown names take as long as wrong passwords."""
    return _hasher.hash("nobody")


def password_problem(password: str, *about: str) -> Any:
    """Return why a new password is refused, as a message, or None. `about` are user name and name of the person."""
    if len(password) < SHORTEST:
        return _l("Please choose at least %(n)s characters. Several words in a row are easy to remember.", n=SHORTEST)
    if len(password) > LONGEST:
        return _l("At most %(n)s characters, please.", n=LONGEST)
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in password):
        return _l("This password holds characters that cannot be typed.")
    return _easy_to_guess(_normalise(password), about)


def _easy_to_guess(text: str, about: tuple[str, ...]) -> Any:
    if text in _most_common():
        return _l("This is one of the commonest passwords and is tried first. Please choose another one.")
    if _is_pattern(text):
        return _l("This password follows a simple pattern and is tried first. Please choose another one.")
    if any(_is_word_with_digits(text, _normalise(word)) for word in (*OWN_WORDS, *about)):
        return _l("This password can be guessed from the name. Please choose another one.")
    return None


def _normalise(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().strip()


@lru_cache(maxsize=1)
def _most_common() -> frozenset[str]:
    """Return the 11 600 most common leaked passwords of at least eight characters; loaded on first use."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    return frozenset({*COMMON, *(password for password in FREQUENCY_LISTS["passwords"] if len(password) >= SHORTEST)})


def _is_pattern(text: str) -> bool:
    """Return whether the text is made of two characters, a repeated block, or runs of digits, letters or keys."""
    if len(set(text)) <= 2:
        return True
    for size in range(1, len(text) // 2 + 1):
        if size <= 4 and (text[:size] * len(text))[: len(text)] == text:
            return True
    return len(text) <= 20 and _runs(text) * 4 <= len(text)


def _runs(text: str) -> int:
    """Return the number of runs in the text: `qwer1234` has two, `a1b2` four."""
    rows = [sequence for row in _ROWS for sequence in (row * 2, row[::-1] * 2)]
    count, start = 0, 0
    while start < len(text):
        end = start + 1
        while end < len(text) and _is_run(text[start : end + 1], rows):
            end += 1
        count, start = count + 1, end
    return count


def _is_run(text: str, rows: Iterable[str]) -> bool:
    return len(set(text)) == 1 or any(text in row for row in rows)


def _is_word_with_digits(text: str, word: str) -> bool:
    """Return whether the text is the word, once or repeated, with at most eight digits and signs."""
    if text == word:
        return True
    letters, core = ("".join(filter(str.isalpha, value)) for value in (text, word))
    return len(core) >= 2 and letters != "" and letters.replace(core, "") == "" and len(text) - len(letters) <= 8
