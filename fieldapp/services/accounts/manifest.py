"""The manifest of accounts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from flask_babel import lazy_gettext as _l

from fieldapp.kernel import clock
from fieldapp.kernel.actor import Actor
from fieldapp.kernel.grants import EVERYONE
from fieldapp.kernel.manifest import FeatureManifest, PackEntry, Panel
from fieldapp.platform.audit import FACT_NAMES
from fieldapp.platform.web.extension_points import ALERTS, LINKS, PACK, TABS, Entry
from fieldapp.platform.web.fresh import tells_ago
from fieldapp.services.accounts.session import current_session

manifest = FeatureManifest(
    grants={
        EVERYONE: ("home.view", "me.view", "me.password", "me.devices", "session.end", "session.end_others"),
        "admin": ("user.manage", "user.activate", "user.deactivate"),
    },
    provides=(
        FACT_NAMES.by("user", frozenset({"active", "ended"})),
        TABS.by(Entry("me", _l("Me"), "/me", "me.view", order=90, icon="me")),
        LINKS.by(Entry("password", _l("Password"), "/me/password", "me.password", order=16, icon="lock")),
        LINKS.by(
            Entry(
                "people",
                _l("People"),
                "/people",
                "user.manage",
                order=70,
                icon="person",
                home_for=("admin",),
                hint=_l("Who may sign in, and links for a new password"),
            )
        ),
        PACK.by(lambda actor: _own_pages(actor)),
        ALERTS.by(lambda actor: _wrong_passwords()),
    ),
)

#: How long after signing in the first screens tell of wrong passwords.
TELL = timedelta(minutes=10)


def _wrong_passwords() -> Iterator[Panel]:
    current = current_session()
    if current is None or not current.wrong_count or clock.now() - current.created_at > TELL:
        return
    tells_ago()
    yield Panel("services/accounts/_wrong.html", {"session": current})


def _own_pages(actor: Actor) -> list[PackEntry]:
    return [PackEntry("/me", f"{actor.name}:{sorted(actor.roles)}")]
