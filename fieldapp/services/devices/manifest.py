"""The manifest of phones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask_babel import lazy_gettext as _l

from fieldapp.kernel import ids
from fieldapp.kernel.actor import Actor
from fieldapp.kernel.grants import EVERYONE
from fieldapp.kernel.manifest import FeatureManifest, Panel
from fieldapp.platform.audit import FACT_NAMES
from fieldapp.platform.web.extension_points import ALERTS, LINKS, PACK, Entry
from fieldapp.services.devices.queries import own_losses, trouble


def _alerts(actor: Actor) -> Iterator[Panel]:
    """Leaders are told how many phones need a look, their own among them; others what their own phone lost."""
    if not actor.can("device.oversee"):
        yield from (Panel("services/devices/_lost.html", shown) for shown in losses(actor))
        return
    found = trouble(actor)
    if found.lost or found.overdue:
        yield Panel("services/devices/_trouble.html", {"trouble": found})


def losses(actor: Actor) -> list[dict[str, Any]]:
    """What the person's own phones have lost and they have not ticked off, one each for services/devices/_lost.html."""
    return [
        {"dev": dev, "code": ids.device_code(dev), "loss": loss, "owner": actor.id}
        for dev, loss in own_losses(actor).items()
    ]


manifest = FeatureManifest(
    grants={
        EVERYONE: ("device.revoke", "device.acknowledge"),
        "leader": ("device.oversee",),
        "manager": ("device.oversee",),
        "admin": ("device.oversee",),
    },
    provides=(
        FACT_NAMES.by("device", frozenset({"unsent", "oldest", "missing", "seen", "by_owner", "revoked", "user_id"})),
        LINKS.by(Entry("my_phones", _l("My phones and sign-ins"), "/me/devices", "me.devices", order=15, icon="phone")),
        LINKS.by(
            Entry(
                "phones",
                _l("Phones"),
                "/phones",
                "device.oversee",
                order=60,
                icon="phone",
                hint=_l("Which phones still hold records, and since when"),
            )
        ),
        PACK.by(lambda actor: ["/outbox"]),
        ALERTS.by(_alerts),
    ),
)
