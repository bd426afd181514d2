"""Client tests that run in Node and return counts as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def counted(name: str, **settings: object) -> dict[str, int]:
    """Run tests/client/<name>.test.ts with these environment variables and return its counts.

    Raise FileNotFoundError if it ended before counting.
    """
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder) / "figures"
        command = ["node", "--import", "tsx", "--test", f"tests/client/{name}.test.ts"]
        path = f"{ROOT / '.venv' / 'node'}:{os.environ.get('PATH', '')}"
        more = {key: str(value) for key, value in settings.items()}
        environment = {**os.environ, "PATH": path, "FIGURES": str(figures), **more}
        subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True)
        counts: dict[str, int] = json.loads(figures.read_text())
        return counts
