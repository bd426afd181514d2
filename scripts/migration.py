"""Write the next migration for what changed in the models: `make migration m="what changed"`.

Numbers have four digits and follow the head, so that the folder reads in order.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VERSIONS = ROOT / "migrations" / "versions"


def next_number(versions: Path = VERSIONS) -> str:
    """Return the number after the highest one. Raise RuntimeError if two migrations follow the same one."""
    texts = [path.read_text() for path in versions.glob("*.py")]
    numbers = [re.search(r"""^revision = ["'](\d{4})["']""", text, re.M) for text in texts]
    parents = re.findall(r"""^down_revision = ["'](\d{4})["']""", "\n".join(texts), re.M)
    twice = sorted({one for one in parents if parents.count(one) > 1})
    if twice:
        raise RuntimeError(f"two migrations follow {', '.join(twice)}: put them one after the other first")
    return f"{max((int(one[1]) for one in numbers if one), default=0) + 1:04d}"


def write(message: str) -> Path:
    """Write the migration and return its path. The models are compared with a database of the migrations so far."""
    number = next_number()
    flask = [sys.executable, "-m", "flask", "--app", "wsgi", "db"]
    with tempfile.TemporaryDirectory() as data:
        environment = {**os.environ, "FIELDAPP_DATA": data, "PYTHONPATH": str(ROOT)}
        subprocess.run([*flask, "upgrade"], cwd=ROOT, env=environment, check=True)
        subprocess.run([*flask, "migrate", "--rev-id", number, "-m", message], cwd=ROOT, env=environment, check=True)
    path = next(VERSIONS.glob(f"*_{number}_*.py"))
    # What Alembic notes for itself says nothing to a reader.
    kept = [line for line in path.read_text().splitlines() if not re.match(r"\s*(# ###|info=\{)", line)]
    path.write_text("\n".join(kept) + "\n")
    subprocess.run([sys.executable, "-m", "ruff", "format", "-q", str(path)], cwd=ROOT, check=True)
    return path


if __name__ == "__main__":
    if len(sys.argv) != 2 or not sys.argv[1].strip():
        sys.exit('usage: make migration m="what changed"')
    print(write(sys.argv[1].strip()).relative_to(ROOT))
