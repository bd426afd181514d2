#!/usr/bin/env bash
# Builds the client into static/dist and compiles the translations, where a source is newer than what it became.
set -euo pipefail
cd "$(dirname "$0")/.."

# Node of the machine where it is new enough, else the one that came from PyPI.
if command -v node >/dev/null && [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ]; then
  npm=npm
else
  mkdir -p .venv/node
  .venv/bin/python scripts/node_path.py .venv/node
  export PATH="$PWD/.venv/node:$PATH"
  npm=npm
fi

stamp="node_modules/.stamp-$(sha256sum package.json | cut -c1-16)"
if [ ! -e "$stamp" ]; then
  "$npm" install --no-package-lock --no-audit --no-fund --loglevel=error >/dev/null
  touch "$stamp"
fi

sources=$(cat static/build.mjs package.json $(find static/src static/css static/icons -type f | sort) | sha256sum | cut -c1-16)
if [ "$(cat static/dist/.sources 2>/dev/null)" != "$sources" ]; then
  node static/build.mjs
  printf %s "$sources" > static/dist/.sources
fi

for po in fieldapp/translations/*/LC_MESSAGES/messages.po; do
  [ -e "$po" ] || continue
  mo="${po%.po}.mo"
  [ "$mo" -nt "$po" ] || .venv/bin/pybabel -q compile -i "$po" -o "$mo"
done
