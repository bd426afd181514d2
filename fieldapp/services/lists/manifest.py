"""Who downloads lists, and who saves views of them."""

from __future__ import annotations

from typing import Any

from fieldapp.kernel.grants import EVERYONE
from fieldapp.kernel.manifest import FeatureManifest
from fieldapp.platform.extensions import DEMO


def _save_views(book: Any) -> None:
    """Save the views of the demo's data."""
    for number, row in enumerate(book.data("lists")["views"]):
        record = book.id("list_view", number)
        data = {name: row[name] for name in ("list", "query", "name")} | {"id": record, "shared_with": "me"}
        book.run(row["user"], "list_view.save", ("list_view", record), data, book.at(row["days"], "08:05"))


manifest = FeatureManifest(
    grants={
        # Of lists that the person may see.
        EVERYONE: ("list_view.save", "list_view.rename", "list_view.delete"),
        **dict.fromkeys(("leader", "agent", "manager", "purchasing", "executive"), ("list.export",)),
    },
    provides=(DEMO.by(_save_views),),
)
