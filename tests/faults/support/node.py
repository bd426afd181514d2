"""Client instruments, which run in Node."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def start(script: str, stdin_text: str = "", **env: str) -> subprocess.Popen[str]:
    """Start a script of tests/client; stdout and stderr are one pipe."""
    own = ROOT / ".venv" / "node"
    path = os.pathsep.join([str(own), os.environ["PATH"]])
    process = subprocess.Popen(
        ["node", "--import", "tsx", f"tests/client/{script}"],
        cwd=ROOT,
        env={**os.environ, "PATH": path, **env},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(stdin_text)
    process.stdin.close()
    process.stdin = None
    return process


def finished(process: subprocess.Popen[str], seconds: float) -> tuple[int, str]:
    """Return exit status and output; a script that does not end in time is killed and counts as failed."""
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
        return 124, output
    return process.returncode, output
