"""The manifest of accounts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from flask_babel import lazy_gettext as _l

from fieldapp.kernel import clock
from fieldapp.kernel.grants import EVERYONE
from fieldapp.kernel.manifest import FeatureManifest, Panel
from fieldapp.platform.audit import FACT_NAMES
from fieldapp.platform.extensions import CHECKS
from fieldapp.platform.web.extension_points import ALERTS, LINKS, PACK, TABS, Entry
from fieldapp.services.accounts.overlaps import overlapping_memberships
from fieldapp.services.accounts.session import current_session

manifest = FeatureManifest(
    grants={
        EVERYONE: (
            "home.view",
            "me.view",
            "me.password",
            "me.devices",
            "session.end",
            "session.end_others",
            "deputy.end",
        ),
        "admin": (
            "user.manage",
            "user.activate",
            "user.deactivate",
            "membership.begin",
            "membership.change",
            "membership.end",
            "group.view",
            "group.found",
            "group.change",
        ),
        "manager": ("group.view", "deputy.name"),
        "leader": ("group.view", "deputy.name"),
        "purchasing": ("deputy.name",),
        "executive": ("group.view", "deputy.name"),
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
        LINKS.by(
            Entry(
                "groups",
                _l("Groups"),
                "/groups",
                "group.view",
                order=72,
                icon="person",
                hint=_l("Who belongs to which group, and what changes soon"),
            )
        ),
        LINKS.by(
            Entry(
                "deputy",
                _l("My deputy"),
                "/me/deputy",
                "deputy.name",
                order=17,
                icon="person",
                hint=_l("Who decides for me while I am away"),
            )
        ),
        CHECKS.by(overlapping_memberships),
        PACK.by(lambda actor: ["/me"]),
        ALERTS.by(lambda actor: _wrong_passwords()),
    ),
)

#: How long after signing in the first screens tell of wrong passwords.
TELL = timedelta(minutes=10)


def _wrong_passwords() -> Iterator[Panel]:
    current = current_session()
    if current is None or not current.wrong_count or clock.now() - current.created_at > TELL:
        return
    yield Panel("services/accounts/_wrong.html", {"session": current})
