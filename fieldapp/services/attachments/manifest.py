"""The manifest of attachments."""

from __future__ import annotations

from collections.abc import Iterator

from flask_babel import lazy_gettext as _l

from fieldapp.kernel.actor import Actor
from fieldapp.kernel.grants import EVERYONE
from fieldapp.kernel.manifest import FeatureManifest
from fieldapp.platform.web.extension_points import LINKS, PACK, Entry
from fieldapp.services.attachments.queries import newest_missing


def _pack(actor: Actor) -> Iterator[str]:
    """The list, and the form to take a photo again for each that this person can still save."""
    yield "/attachments/missing"
    for attachment, state, own in newest_missing(actor):
        if own and state in {"lost", "refused"}:
            yield f"/attachments/{attachment}/again"


manifest = FeatureManifest(
    grants={
        EVERYONE: ("attachment.view", "attachment.add"),
    },
    provides=(
        LINKS.by(
            Entry(
                "missing_photos",
                _l("Missing photos"),
                "/attachments/missing",
                "attachment.view",
                order=30,
                icon="camera",
                hint=_l("Named by a record, but not here or not to be shown"),
            )
        ),
        PACK.by(_pack),
    ),
)
