#!/usr/bin/env bash
# What can be checked without running the product.
set -euo pipefail
cd "$(dirname "$0")/.."
export PYTHONPATH="$PWD"
[ -x .venv/node/node ] && export PATH="$PWD/.venv/node:$PATH"
.venv/bin/ruff format --check .
.venv/bin/ruff check .
.venv/bin/mypy
.venv/bin/lint-imports
.venv/bin/djlint templates --lint --quiet
npm run --silent check
