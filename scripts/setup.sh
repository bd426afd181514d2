#!/usr/bin/env bash
# Installs into .venv and node_modules what running ("run") or testing ("dev") needs. Safe to run again, also twice at once.
set -euo pipefail
cd "$(dirname "$0")/.."
wanted=requirements.txt
[ "${1:-run}" = dev ] && wanted=requirements-dev.txt

exec 9>.setup.lock
flock 9

if [ ! -x .venv/bin/python ]; then
  "${PYTHON:-python3}" -m venv .venv
fi
stamp=".venv/.stamp-$(cat requirements.txt "$wanted" | sha256sum | cut -c1-16)-$wanted"
if [ ! -e "$stamp" ]; then
  .venv/bin/python -m pip install --quiet --disable-pip-version-check -r "$wanted"
  touch "$stamp"
fi
scripts/build.sh
