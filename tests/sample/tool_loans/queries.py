from sqlalchemy import or_

from fieldapp.platform.web.visibility import Visible
from tests.sample.tool_loans.models import ToolLoan

VISIBLE = Visible(
    ToolLoan,
    "tool_loan.view",
    lambda actor: or_(ToolLoan.owner_id == actor.id, ToolLoan.group_id.in_(actor.leads)),
)
