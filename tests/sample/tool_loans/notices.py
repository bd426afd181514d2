from flask_babel import lazy_gettext as _l

NOTICES = {
    "tool_loan.approved": _l("%(who)s approved: %(what)s"),
    "tool_loan.rejected": _l("%(who)s rejected: %(what)s. %(reason)s"),
}
