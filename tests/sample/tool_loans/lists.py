from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from fieldapp.platform.web.lists import Col, Key, ListDef, Sort
from tests.sample.tool_loans.models import ToolLoan
from tests.sample.tool_loans.policy import TOOL_LOAN
from tests.sample.tool_loans.queries import VISIBLE

_COLUMNS: tuple[Any, ...] = (ToolLoan.id, ToolLoan.what, ToolLoan.until, ToolLoan.state, ToolLoan.written_at)

LIST = ListDef(
    name="tool_loans",
    title=_l("Tool loans"),
    address="/tool-loans",
    verb="tool_loan.view",
    base=lambda actor: VISIBLE.rows(actor, select(*_COLUMNS)),
    columns=(
        Col("what", _l("What"), card="title", url=lambda row: f"/tool-loans/{row.id}"),
        Col("until", _l("Until"), "day"),
        Col("state", _l("State"), "state", states=TOOL_LOAN),
    ),
    sorts=(Sort("newest", _l("Newest first"), (Key(ToolLoan.written_at, True), Key(ToolLoan.id, True))),),
)
