"""What may be brought in for somebody else."""

from __future__ import annotations

from fnmatch import fnmatchcase

from fieldapp.accounts.roles import FIELD_WORK, OWN_MONEY


def is_fieldwork(kind: str) -> bool:
    """Whether a record tells of work and money in the field, which a desk may bring in under its author's name.

    A decision (approve, dispatch, change a figure) never is: whoever uploads a file could otherwise decide in the
    name of another. Its author makes it again, signed in.
    """
    return any(fnmatchcase(kind, pattern) for pattern in (*FIELD_WORK, *OWN_MONEY, "notice.*"))
