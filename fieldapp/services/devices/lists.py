"""The list of phones that a person answers for, as each phone described itself when it last had a signal."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from sqlalchemy import Select, select

from fieldapp.kernel.actor import Actor
from fieldapp.platform.web.assets import ASSETS
from fieldapp.platform.web.lists import Col, Filter, Key, ListDef, Sort
from fieldapp.services.accounts import group_names, members_of
from fieldapp.services.accounts.models import User
from fieldapp.services.devices import queries
from fieldapp.services.devices.models import Device
from fieldapp.services.devices.policy import sees_all


def _filters(actor: Actor) -> list[Filter]:
    build = ASSETS().build

    def state(query: Select[Any], value: str) -> Select[Any]:
        if value == "lost":
            return queries.lost(query)
        if value == "overdue":
            return queries.overdue(query)
        return query.where(Device.build != build) if value == "old" else queries.unsent(query)

    options = [
        ("", _l("All")),
        ("unsent", _l("Unsent")),
        ("overdue", _l("Longer than a day")),
        ("lost", _l("Records missing")),
        ("old", _l("Old version")),
    ]
    person = Filter("q", _l("Person"), _named, widget="text")
    chips = Filter("state", _l("Show"), state, widget="chips", options=options)
    if not sees_all(actor):
        return [chips, person]
    names = [(str(one), name) for one, name in group_names().items()]
    groups = Filter("group", _l("Group"), _of_group, options=names, holds="number")
    return [chips, person, groups]


def _named(query: Select[Any], value: str) -> Select[Any]:
    pattern = value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    people = User.name.ilike(f"%{pattern}%", escape="\\") | (User.username == value)
    return query.where(Device.user_id.in_(select(User.id).where(people)))


def _of_group(query: Select[Any], group: int) -> Select[Any]:
    return query.where(Device.user_id.in_(members_of([group])))


def _remarks(row: queries.Phone) -> str:
    """Return in one line what somebody should look at."""
    remarks = [
        gettext("clock wrong") if row.clock_off else "",
        gettext("copied or set back") if row.copied else "",
        gettext("Signed out from afar") if row.revoked_at else "",
        " ".join(row.loss.refs),
    ]
    return " \u00b7 ".join(remark for remark in remarks if remark)


LIST = ListDef(
    name="phones",
    title=_l("Phones"),
    address="/phones",
    verb="device.oversee",
    base=queries.phones_for,
    filters=_filters,
    complete=lambda rows, actor: queries.with_details(rows),
    columns=(
        Col("name", _l("Person"), "name", card="title"),
        Col("code", _l("Phone"), "name", export="only", width=8),
        Col("unsent", _l("Unsent"), "number", width=8),
        Col("last_seen_at", _l("Last seen"), "moment", width=17),
        Col("build", _l("Version"), "name"),
        Col(
            "persisted",
            _l("Storage"),
            "name",
            lambda row: gettext("Protected from clean-up") if row.persisted else gettext("Not protected"),
        ),
        Col("remarks", _l("Remarks"), value=_remarks, width=40),
        Col("acts", _l("Do"), value=lambda row: "", export="no"),
    ),
    sorts=(
        Sort("seen", _l("Seen last first"), (Key(Device.last_seen_at, True), Key(Device.id, True))),
        Sort("silent", _l("Silent longest first"), (Key(Device.last_seen_at), Key(Device.id))),
        Sort(
            "unsent",
            _l("Most unsent first"),
            (Key(Device.unsent, True), Key(Device.oldest_at, nullable=True), Key(Device.id)),
        ),
    ),
    cells="services/devices/_cells.html",
    nothing=_l("No phone of your group has been here yet."),
    nothing_fits=_l("No phone fits this."),
    icon="phone",
    size=30,
)
