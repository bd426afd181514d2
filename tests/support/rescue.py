"""Rescue files as a phone writes them (static/src/engine/rescue.ts)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from io import BytesIO
from typing import Any
from zipfile import ZIP_STORED, ZipFile

Kept = tuple[dict[str, Any], bytes]


def manifest_of(bodies: Sequence[str], photos: Sequence[Kept] = (), **over: Any) -> dict[str, Any]:
    """The list of contents for frozen records and `(note, bytes)` of photos."""
    ops, owner = [], {}
    for body in bodies:
        said = json.loads(body)
        owner |= {note["id"]: said["op"] for note in said["atts"]}
        sha = hashlib.sha256(body.encode()).hexdigest()
        name = f"ops/K7-{said['seq']:04d}-{said['op']}.json"
        ref = f"K7-{said['seq']:04d}"
        ops.append({"file": name, "op": said["op"], "sha256": sha, "ref": ref, "state": "saved", "title": "Bus"})
    atts = [
        {**note, "file": f"atts/{note['id']}" if data else None, "op": owner.get(note["id"]), "draft": None}
        for note, data in photos
    ]
    user = json.loads(bodies[0])["user"] if bodies else 1
    dev = json.loads(bodies[0])["dev"] if bodies else ""
    made = "2026-11-22T09:20:00.000Z"
    return {"v": 1, "instance": None, "user": user, "dev": dev, "build": "t", "made": made, **over} | {
        "ops": over.get("ops", ops),
        "atts": over.get("atts", atts),
        "drafts": over.get("drafts", []),
    }


def rescue_zip(bodies: Sequence[str], photos: Sequence[Kept] = (), **over: Any) -> bytes:
    """A whole rescue file; `over` replaces parts of its list of contents."""
    manifest = manifest_of(bodies, photos, **over)
    entries: dict[str, bytes] = {"manifest.json": json.dumps(manifest, ensure_ascii=False).encode()}
    for body, said in zip(bodies, manifest["ops"], strict=False):
        entries[said["file"]] = body.encode()
    for note, data in photos:
        if data:
            entries[f"atts/{note['id']}"] = data
    return zipped(entries)


def zipped(entries: dict[str, bytes], method: int = ZIP_STORED) -> bytes:
    """A ZIP of these entries."""
    out = BytesIO()
    with ZipFile(out, "w", method) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return out.getvalue()
