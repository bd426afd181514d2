"""Notices about phones."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

NOTICES = {
    "device.lost": _l("Records missing from your phone: %(n)s (%(refs)s)"),
    "device.lost_of": _l("Records missing from the phone of %(who)s: %(n)s (%(refs)s)"),
    "device.copied": _l("The records of your phone %(code)s were copied to another phone, or set back by a backup."),
    "device.copied_of": _l(
        "The records of phone %(code)s of %(who)s were copied to another phone, or set back by a backup."
    ),
    "device.revoke": _l("%(who)s signed out your phone %(code)s."),
    "device.closed_account": _l("Records of %(who)s that arrived after the account was closed: %(n)s"),
}
