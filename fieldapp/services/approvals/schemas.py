"""Form schemas of decisions."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.platform.web.fields import Form, long_text


class Approve(Form):
    """Data of an approval, with an optional remark."""

    reason = long_text(_l("Remark"), max=500)


class Refuse(Form):
    """Data of a return or rejection; the reason is required (D-EXP-7)."""

    reason = long_text(_l("Reason"), max=500, required=True)
