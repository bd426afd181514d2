"""Limits of files, as figures an administrator can change."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.kernel.figures import Figure

MAX_FILE = Figure("attachments.max_megabytes", _l("Largest photo or file"), 25, "D-EXP-1", unit="MB", low=1, high=100)
