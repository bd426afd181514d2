from typing import Any

from fieldapp.kernel.actor import Actor
from fieldapp.platform.commandbus import Context, Effect, command
from fieldapp.platform.web.fields import Form, Id, text
from tests.sample.tool_checks.models import ToolCheck


class Record(Form):
    id = Id(required=True)
    missing = text("What is missing", max=200, required=True)


def own_group(actor: Actor, record: None) -> bool:
    return "technician" in actor.roles


def lift_lost_to_missing(data: dict[str, Any]) -> dict[str, Any]:
    """Schema 1 called it `lost`. Phones may hold such records for years; on the phone nothing is ever rewritten."""
    kept = {name: value for name, value in data.items() if name != "lost"}
    return {**kept, "missing": data["lost"]} if "lost" in data else kept


@command(
    "tool_check.record",
    label="Check the tools",
    schema=Record,
    may=own_group,
    version=2,
    lifts=(lift_lost_to_missing,),
    own_work=True,
)
def record(ctx: Context, _: None, data: dict[str, Any]) -> Effect:
    ctx.session.add(ToolCheck(id=data["id"], owner_id=ctx.actor.id, missing=data["missing"], checked_at=ctx.at))
    return Effect(ref="T-1", ver=1)
