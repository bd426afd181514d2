"""Client tests that count as they go: run in Node, what they counted comes back as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def counted(name: str, **settings: object) -> dict[str, int]:
    """Plays tests/client/<name>.test.ts with these variables in its environment; the counts it wrote.

    Raises FileNotFoundError where it did not get as far as counting.
    """
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder) / "figures"
        command = ["node", "--import", "tsx", "--test", f"tests/client/{name}.test.ts"]
        path = f"{ROOT / '.venv' / 'node'}:{os.environ.get('PATH', '')}"
        more = {key: str(value) for key, value in settings.items()}
        environment = {**os.environ, "PATH": path, "FIGURES": str(figures), **more}
        subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True)
        found: dict[str, int] = json.loads(figures.read_text())
        return found
