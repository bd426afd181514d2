from collections.abc import Mapping
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from fieldapp.kernel.policies import anybody
from fieldapp.platform.commandbus import Context, Effect, command, create
from fieldapp.services.approvals import Detail, Subject, decision, open_case
from tests.sample.tool_loans.models import ToolLoan
from tests.sample.tool_loans.policy import TOOL_LOAN
from tests.sample.tool_loans.schemas import Submit


@command("tool_loan.submit", label=_l("Tool loan"), schema=Submit, may=anybody, own_work=True)
def submit(ctx: Context, nothing: None, data: dict[str, Any]) -> Effect:
    values = {"what": data["what"], "until": data["until"]}
    made = create(ctx, data, ToolLoan, _l("This was already received."), state=TOOL_LOAN.start, **values)
    shown = {"what": made.what, "until": made.until.isoformat()}
    subject = ("tool_loan", made.id)
    open_case(ctx, subject, requester_id=made.owner_id, group_id=made.group_id, ver=made.ver, shown=shown)
    return Effect(ver=made.ver, after={"state": made.state, **shown})


def on_decided(ctx: Context, record_id: str, verdict: str, reason: str | None) -> Effect:
    loan = ctx.load(ToolLoan, record_id)
    before, loan.state = {"state": loan.state}, TOOL_LOAN.next(loan.state, verdict)
    loan.ver += 1
    url = f"/tool-loans/{loan.id}"
    ctx.notify(loan.owner_id, f"tool_loan.{verdict}", url, what=loan.what, who=ctx.actor.name, reason=reason or "")
    return Effect(ver=loan.ver, before=before, after={"state": loan.state, "reason": reason})


def details(shown: Mapping[str, Any]) -> list[Detail]:
    return [Detail("what", gettext("What"), shown["what"]), Detail("until", gettext("Until"), shown["until"])]


SUBJECT = Subject("tool_loan", on_decided, details)
approve, reject = decision(SUBJECT, "approve"), decision(SUBJECT, "reject")
