#!/usr/bin/env bash
# Makes sure that WebKitGTK with its driver, Firefox and a screen nobody looks at are there (Debian packages).
set -euo pipefail
if ! command -v WebKitWebDriver >/dev/null || ! command -v firefox-esr >/dev/null || ! command -v Xvfb >/dev/null; then
  sudo=$([ "$(id -u)" = 0 ] || echo sudo)
  $sudo apt-get update -qq
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    webkit2gtk-driver firefox-esr xvfb fonts-noto-cjk >/dev/null
fi
