"""Named points at which the fault tests may end the process; nothing happens unless the environment says so."""

from __future__ import annotations

import os
import random
import signal

_PLAN = os.environ.get("FIELDAPP_CRASH", "")


def point(name: str) -> None:
    """`FIELDAPP_CRASH=before-commit:0.05` kills the process here once in twenty passes (failure mode 2)."""
    if not _PLAN:
        return
    for part in _PLAN.split(","):
        at, _, chance = part.partition(":")
        if at == name and random.random() < float(chance or 1):  # noqa: S311 - chance, not secrecy
            os.kill(os.getpid(), signal.SIGKILL)
