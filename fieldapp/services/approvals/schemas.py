"""What a decision needs to say."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.platform.web.fields import Form, long_text


class Approve(Form):
    """Yes, with a word if one likes."""

    reason = long_text(_l("Remark"), max=500)


class Refuse(Form):
    """Return and reject are different acts; both need a reason (D-EXP-7)."""

    reason = long_text(_l("Reason"), max=500, required=True)
