"""Repeatable randomness: FIELDAPP_SEED repeats a run."""

from __future__ import annotations

import os
import random
import sys


def seeded(name: str) -> tuple[str, random.Random]:
    """Return the seed of this run, printed at once, and a generator made from it."""
    seed = os.environ.get("FIELDAPP_SEED") or str(random.SystemRandom().randrange(2**31))
    sys.stdout.write(f"# {name}: FIELDAPP_SEED={seed}\n")
    sys.stdout.flush()
    return seed, random.Random(f"{name}:{seed}")
