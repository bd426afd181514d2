from collections.abc import Sequence

from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from fieldapp.kernel.manifest import FeatureManifest, Panel
from fieldapp.platform.extensions import db
from fieldapp.platform.web.extension_points import CAN_VIEW, DETAIL_URLS, LINKS, PACK, TILES, Entry
from fieldapp.services.approvals import INBOX_CARDS
from tests.sample.tool_loans.models import ToolLoan
from tests.sample.tool_loans.queries import VISIBLE


def _in_inbox(ids: Sequence[str]) -> dict[str, Panel]:
    found = db.session.scalars(select(ToolLoan).where(ToolLoan.id.in_(ids)))
    return {one.id: Panel("tool_loans/_inbox.html", {"record": one}) for one in found}


_AUTHOR = ("tool_loan.view", "tool_loan.submit")
_DECIDE = ("tool_loan.view", "tool_loan.approve", "tool_loan.reject")

manifest = FeatureManifest(
    grants={"technician": _AUTHOR, **dict.fromkeys(("leader", "manager", "executive"), _DECIDE)},
    provides=(
        TILES.by(Entry("tool_loan", _l("Tool loan"), "/tool-loans/new", "tool_loan.submit")),
        LINKS.by(Entry("tool_loans", _l("Tool loans"), "/tool-loans", "tool_loan.view")),
        PACK.by(lambda actor: ["/tool-loans", "/tool-loans/new"] if actor.can("tool_loan.submit") else []),
        CAN_VIEW.by("tool_loan", VISIBLE.sees),
        DETAIL_URLS.by("tool_loan", "/tool-loans/"),
        INBOX_CARDS.by("tool_loan", _in_inbox),
    ),
)
