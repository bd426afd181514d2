from typing import Any

from fieldapp.kernel.actor import Actor
from fieldapp.platform.commandbus import Context, Effect, command
from fieldapp.platform.web.fields import Form


class Nothing(Form):
    pass


def anybody(actor: Actor, record: None) -> bool:
    return True


@command("budget.approve", label="Approve a budget", schema=Nothing, may=anybody)
def approve(ctx: Context, _: None, data: dict[str, Any]) -> Effect:
    return Effect(ref="B-1", ver=1)
