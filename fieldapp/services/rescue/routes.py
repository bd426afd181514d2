"""Bringing a rescue file in: choose it, see what is in it, import it, read what became of each record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, redirect, url_for
from flask_babel import gettext

from fieldapp.errors import NotFound
from fieldapp.kernel import ids
from fieldapp.platform.commandbus.command import COMMANDS
from fieldapp.platform.commandbus.models import AuditEntry
from fieldapp.platform.extensions import INSTANCE_ID
from fieldapp.platform.web import inputs
from fieldapp.platform.web.etag import new_id
from fieldapp.platform.web.guards import actor, needs
from fieldapp.platform.web.lists import list_page
from fieldapp.platform.web.render import render
from fieldapp.services.rescue import archive, uploads
from fieldapp.services.rescue.importing import bring_in
from fieldapp.services.rescue.queries import (
    Found,
    files_of,
    found_of,
    import_by,
    imports,
    obstacle,
    owners,
    people_of,
    receipts_of,
)
from fieldapp.services.rescue.words import OUTCOMES
from fieldapp.services.settings import figure

bp = Blueprint("rescue", __name__)


@dataclass
class Line:
    """A record as a desk reads it."""

    ref: str
    title: str
    kind: Any
    author: str
    at: datetime | None
    outcome: str
    words: Sequence[str]
    server_ref: str = ""
    closed: bool = False

    @property
    def tag(self) -> tuple[str, Any]:
        """Look and words of its outcome."""
        return OUTCOMES.get(self.outcome, OUTCOMES["other"])


def _limits() -> archive.Limits:
    return archive.Limits(int(figure("rescue.max_megabytes")), int(figure("rescue.max_records")))


@bp.get("/rescue")
@needs("rescue.import")
def start() -> Response:
    """The form for a file, and what was imported before."""
    return _start()


@bp.post("/rescue")
@needs("rescue.import")
def upload() -> Response:
    """Takes a file in and leads to what it holds; a bad one is refused in words at the field."""
    chosen = inputs.uploads("file", count=1)
    if not chosen:
        return _start(gettext("Please choose the rescue file."))
    digest = uploads.keep(chosen[0])
    try:
        _look(digest)
    except archive.BadRescue as error:
        uploads.drop(digest)
        return _start(error.words)
    return redirect(url_for("rescue.look", digest=digest), 303)  # type: ignore[return-value]


def _start(problem: str = "") -> Response:
    page = list_page(imports(), keys=(AuditEntry.id,), size=20)
    return render(
        "services/rescue/start.html", page=page, problem=problem, limits=_limits(), status=422 if problem else 200
    )


def _look(digest: str) -> archive.Rescue:
    limits = _limits()
    with archive.opened(uploads.path_of(digest), limits) as file:
        return archive.read(file, limits, INSTANCE_ID()())


@bp.get("/rescue/files/<digest>")
@needs("rescue.import")
def look(digest: str) -> Response:
    """What is in the file: whose, how many, from when, and what is here already. Nothing is written."""
    rescue = _look(digest)
    found = found_of(rescue)
    lines = [_line(record, found) for record in rescue.records]
    mine = owners(rescue, found)
    photos = [_photo_state(photo, mine, found) for photo in rescue.photos]
    times = sorted(line.at for line in lines if line.at)
    return render(
        "services/rescue/look.html",
        rescue=rescue,
        digest=digest,
        lines=lines,
        photos={state: photos.count(state) for state in ("new", "here", "missing")},
        new=sum(line.outcome in {"new", "busy", "held", "unsupported_schema"} for line in lines),
        author=found.name(rescue.manifest.user),
        drafts=[(one.title or str(_label(one.kind)), _written(one)) for one in rescue.manifest.drafts],
        times=(times[0], times[-1]) if times else None,
        number=new_id(),
    )


@bp.post("/rescue/files/<digest>")
@needs("rescue.import")
def run(digest: str) -> Response:
    """Imports the file. The form posted twice, or the file imported twice, does nothing twice."""
    number = inputs.posted_id("number") or str(ids.uuid7())
    if import_by(number) is None:
        limits = _limits()
        with archive.opened(uploads.path_of(digest), limits) as file:
            rescue = archive.read(file, limits, INSTANCE_ID()())
            bring_in(file, rescue, digest, actor(), number)
    return redirect(url_for("rescue.done", import_id=number), 303)  # type: ignore[return-value]


@bp.errorhandler(archive.BadRescue)
def _gone_bad(error: archive.BadRescue) -> Response:
    """A kept file that is no use any more: its limits were lowered, or its bytes changed."""
    return _start(error.words)


@bp.get("/rescue/<uuid:import_id>")
@needs("rescue.import")
def done(import_id: UUID) -> Response:
    """What became of each record, as the ledger says now."""
    entry = import_by(str(import_id))
    if entry is None or entry.after is None:
        raise NotFound("rescue.not_found")
    said: dict[str, Any] = entry.after
    people = people_of({one["user"] for one in said["records"] if "user" in one} | {entry.user_id or 0})
    found = Found(people, receipts_of([one["op"] for one in said["records"]]), files_of(said["photos"]))
    lines = [_result(one, found) for one in said["records"]]
    here = sum(row.state in {"stored", "refused"} for row in found.files.values())
    return render(
        "services/rescue/done.html",
        said=said,
        at=entry.at,
        who=found.name(entry.user_id or 0),
        lines=lines,
        accepted=sum(line.outcome == "accepted" for line in lines),
        tell=[line for line in lines if line.outcome in {"rejected", "conflict", "other"}],
        again=any(line.outcome in {"new", "busy", "unsupported_schema"} for line in lines),
        photos=(here, len(said["photos"])),
    )


def _line(record: archive.Record, found: Found) -> Line:
    envelope, why = record.envelope, obstacle(record, found)
    receipt = found.receipts.get(record.op)
    outcome = "other" if why else receipt.outcome if receipt else "new"
    words = [why] if why else _said(receipt)
    line = Line(record.ref, record.title, "", "", None, outcome, words)
    if envelope:
        line.kind, line.author, line.at = _label(envelope.kind), found.name(envelope.user), envelope.device_time
        line.closed = found.is_closed(envelope.user)
    return line


def _result(said: dict[str, Any], found: Found) -> Line:
    receipt = found.receipts.get(said["op"])
    outcome = "other" if said["refused"] else receipt.outcome if receipt else "new"
    words = [said["refused"]] if said["refused"] else _said(receipt)
    line = Line(said["ref"], said["title"], _label(said.get("kind", "")), "", None, outcome, words)
    if "user" in said:
        line.author, line.closed = found.name(said["user"]), found.is_closed(said["user"])
    if receipt:
        line.at, line.server_ref = receipt.device_at, receipt.ref or ""
        line.server_ref = "" if line.server_ref == line.ref else line.server_ref
    return line


def _said(receipt: Any) -> list[str]:
    """Why a record was refused, as it was put into words then."""
    problems = receipt.detail.get("problems", {}) if receipt else {}
    return [words for said in problems.values() for words in said]


def _written(draft: archive.Draft) -> list[tuple[Any, str]]:
    """What was typed, under the names the form gives its fields; ids and strokes say nothing to a reader."""
    command = COMMANDS().get(draft.kind)
    fields = command.schema.fields if command else {}
    lines = []
    for name, value in draft.fields.items():
        text = value if isinstance(value, str) else ", ".join(value)
        known = fields.get(name.removesuffix("[]"))
        said = known.metadata if known else {}
        if text and not ids.is_uuid(text) and said.get("widget") != "signature":
            lines.append((said.get("label", name), text))
    return lines


def _label(kind: str) -> Any:
    command = COMMANDS().get(kind)
    return command.label if command else kind


def _photo_state(photo: archive.Photo, mine: dict[str, int], found: Found) -> str:
    row = found.files.get(photo.note.id)
    if row is not None and row.state in {"stored", "refused"}:
        return "here"
    return "new" if photo.entry and photo.note.id in mine else "missing"
