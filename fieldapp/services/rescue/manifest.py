"""The manifest of rescue files."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.kernel.manifest import FeatureManifest
from fieldapp.platform.audit import FACT_NAMES
from fieldapp.platform.commandbus import ERASERS
from fieldapp.platform.web.extension_points import LINKS, Entry
from fieldapp.services.rescue.erasing import erase_titles

#: Names in the audit entry of an import; the titles of its records are personal.
_FACTS = frozenset(
    {"file", "made", "author", "device", "op", "ref", "refused", "user", "photos", "photos_not_in_file", "drafts"}
    | {"closed_accounts"}
)

manifest = FeatureManifest(
    grants={
        "agent": ("rescue.import",),
        "admin": ("rescue.import",),
    },
    provides=(
        FACT_NAMES.by("rescue", _FACTS),
        ERASERS.by(erase_titles),
        LINKS.by(
            Entry(
                "rescue",
                _l("Rescue files"),
                "/rescue",
                "rescue.import",
                order=80,
                icon="download",
                hint=_l("Bring in what a phone could not send"),
            )
        ),
    ),
)
