"""Names of the built client files, and the stylesheet that every page carries inside."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from markupsafe import Markup

from fieldapp.platform.extensions import AppValue

FOLDER = Path(__file__).resolve().parents[3] / "static" / "dist"


@dataclass
class Assets:
    """What `make build` left in static/dist. Read once; without a build pages work, but plainly."""

    build: str = "unbuilt"
    files: dict[str, str] = field(default_factory=dict)
    css: Markup = field(default_factory=Markup)
    css_hash: str = ""
    #: False while the service worker is called back: no page registers it (failure mode 61).
    worker: bool = True

    @classmethod
    def read(cls, worker: bool) -> Assets:
        manifest = FOLDER / "manifest.json"
        if not manifest.exists():
            return cls(worker=worker)
        content: dict[str, Any] = json.loads(manifest.read_text())
        sheet = (FOLDER / content["files"]["app.css"]).read_text()
        digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
        # The stylesheet is our own build; nothing a person typed is in it.
        return cls(content["build"], content["files"], Markup(sheet), f"'sha256-{digest}'", worker)  # noqa: S704

    @property
    def build_id(self) -> str:
        """Client build id, part of every ETag."""
        return self.build if self.worker else f"{self.build}-no-worker"

    def url(self, name: str) -> str:
        """Address of a built file; the plain name where nothing is built."""
        return f"/static/dist/{self.files.get(name, name)}"


ASSETS: AppValue[Assets] = AppValue("assets")
