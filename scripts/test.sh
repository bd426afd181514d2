#!/usr/bin/env bash
# All tests: the client's in Node, the browser's two at a time, the faults and the week alone (they need the machine to themselves),
# then the server's on SQLite and PostgreSQL.
set -euo pipefail
cd "$(dirname "$0")/.."
export PYTHONPATH="$PWD"
[ -x .venv/node/node ] && export PATH="$PWD/.venv/node:$PATH"
npm run --silent test
scripts/browser.sh
.venv/bin/python -m pytest -n 2 --dist loadgroup tests/e2e "$@"
.venv/bin/python -m pytest tests/faults tests/week "$@"
.venv/bin/python -m pytest -n 2 --ignore tests/e2e --ignore tests/faults --ignore tests/week "$@"
