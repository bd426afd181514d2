"""What accounts offers the house."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from flask_babel import lazy_gettext as _l

from fieldapp.kernel import clock
from fieldapp.kernel.grants import EVERYONE
from fieldapp.kernel.offers import Entry, Offer, Panel
from fieldapp.services.accounts.session import here

offer = Offer(
    grants={
        EVERYONE: ("home.view", "me.view", "me.password", "me.devices", "session.end", "session.end_others"),
        "admin": ("user.manage", "user.activate", "user.deactivate"),
    },
    tabs=(Entry("me", _l("Me"), "/me", "me.view", order=90, icon="me"),),
    links=(
        Entry("password", _l("Password"), "/me/password", "me.password", order=16, icon="lock"),
        Entry(
            "people",
            _l("People"),
            "/people",
            "user.manage",
            order=70,
            icon="person",
            home_for=("admin",),
            hint=_l("Who may sign in, and links for a new password"),
        ),
    ),
    pack=lambda actor: ["/me"],
    strips=lambda actor: _wrong_passwords(),
)

#: How long after signing in the first screens tell of wrong passwords.
TELL = timedelta(minutes=10)


def _wrong_passwords() -> Iterator[Panel]:
    current = here()
    if current is None or not current.wrong_count or clock.now() - current.created_at > TELL:
        return
    yield Panel("services/accounts/_wrong.html", {"session": current})
