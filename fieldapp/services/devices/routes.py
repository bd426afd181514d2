"""Page of one's own phones and sessions, and pages of the phones a leader is responsible for."""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import UUID

from flask import Blueprint, Response
from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from fieldapp.errors import NotFound
from fieldapp.kernel import clock, ids
from fieldapp.platform.commandbus.command import COMMANDS
from fieldapp.platform.commandbus.models import Receipt
from fieldapp.platform.web.assets import ASSETS
from fieldapp.platform.web.forms import FormPage, form_page
from fieldapp.platform.web.guards import actor, needs
from fieldapp.platform.web.lists import list_page
from fieldapp.platform.web.render import render
from fieldapp.platform.web.states import shown
from fieldapp.services.accounts import groups_of, journal, sessions
from fieldapp.services.accounts.session import current_session, session_lifetime, this_phone
from fieldapp.services.devices import queries
from fieldapp.services.devices.closed import arrived_after
from fieldapp.services.devices.lists import LIST
from fieldapp.services.devices.policy import OUTCOME, may_manage

bp = Blueprint("devices", __name__)


class ClosedLine(NamedTuple):
    """A record that arrived after its author's account was closed."""

    receipt: Any
    label: Any
    ref: str


@bp.get("/me/devices")
@needs("me.devices")
def mine() -> Response:
    """List the person's stores and sessions, with buttons to end them."""
    current = current_session()
    return render(
        "services/devices/mine.html",
        fragment="services/devices/_mine.html",
        phones=queries.own_phones(actor()),
        here=this_phone(),
        session=current,
        sessions=sessions.active_sessions(actor().id, session_lifetime()),
        events=journal.recent(actor().id),
        build=ASSETS().build,
    )


@bp.route("/me/devices/<uuid:dev>/sign-out", methods=["GET", "POST"])
@needs("device.revoke")
def sign_out(dev: UUID) -> Response:
    """Show the form for signing out one of the person's own phones."""
    return _sign_out(actor().id, str(dev), "/me/devices")


@bp.get("/phones")
@needs("device.oversee")
def phones() -> Response:
    """List phones with unsent records, their number and age, and phones with missing records (D-CASH-2)."""
    return render(
        "services/devices/phones.html",
        fragment="services/devices/_phones.html",
        page=LIST.page(actor()),
        current_build=ASSETS().build,
    )


@bp.route("/phones/<uuid:dev>/<int:user_id>/sign-out", methods=["GET", "POST"])
@needs("device.oversee")
def sign_out_of(dev: UUID, user_id: int) -> Response:
    """Show the form for signing out another person's phone: lost, stolen, or given to somebody else."""
    return _sign_out(user_id, str(dev), "/phones")


def _sign_out(owner: int, dev: str, back: str) -> Response:
    phone = _managed_phone(owner, dev)
    return form_page(
        FormPage(
            kind="device.revoke",
            agg=("device", dev),
            title=_l("Sign the phone out"),
            record_title=gettext("Sign out phone %(code)s", code=phone.code),
            submit=_l("Sign the phone out"),
            done=back,
            back=back,
            initial={"user_id": owner},
            template="services/devices/sign_out.html",
            context={"phone": phone, "own": owner == actor().id, "here": dev == this_phone()},
        )
    )


@bp.post("/phones/<uuid:dev>/<int:user_id>/acknowledge")
@needs("device.acknowledge")
def acknowledge(dev: UUID, user_id: int) -> Response:
    """Show the confirmation form; used without JavaScript."""
    _managed_phone(user_id, str(dev))
    done = "/outbox" if user_id == actor().id else "/phones"
    return form_page(FormPage("device.acknowledge", ("device", str(dev)), _l("Seen"), done, back=done))


def _managed_phone(owner: int, dev: str) -> queries.Phone:
    """Return the phone if this person may manage it. Raise NotFound."""
    allowed = may_manage(actor(), owner, groups_of(owner, on=clock.today()))
    phone = queries.phone_of(owner, dev) if allowed else None
    if phone is None:
        raise NotFound("device.not_found")
    return phone


@bp.get("/phones/closed")
@needs("device.oversee")
def closed() -> Response:
    """List records that arrived after their author's account was closed: the work was done (failure mode 44)."""
    page = list_page(arrived_after(actor()), keys=(Receipt.received_at, Receipt.op), size=30)
    commands = COMMANDS()
    lines = [
        ClosedLine(
            row, commands[row.kind].label if row.kind in commands else row.kind, ids.short_reference(row.dev, row.seq)
        )
        for row in page.rows
    ]
    return render(
        "services/devices/closed.html",
        fragment="services/devices/_closed.html",
        page=page,
        lines=lines,
        outcomes={name: shown(OUTCOME, name) for name in OUTCOME.states},
    )
