"""Pages for a rescue file: choose it, preview it, import it, see the result of each record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, redirect, url_for
from flask_babel import gettext

from fieldapp.errors import NotFound
from fieldapp.kernel import clock, ids
from fieldapp.platform.commandbus.command import COMMANDS
from fieldapp.platform.extensions import INSTANCE_ID
from fieldapp.platform.web import inputs
from fieldapp.platform.web.etag import new_id
from fieldapp.platform.web.guards import actor, needs
from fieldapp.platform.web.lists import list_page
from fieldapp.platform.web.render import render
from fieldapp.services.rescue import archive, uploads
from fieldapp.services.rescue.importing import import_rescue
from fieldapp.services.rescue.models import RescueImport
from fieldapp.services.rescue.queries import (
    StoredContents,
    files_of,
    import_by,
    imports,
    obstacle,
    owners,
    people_of,
    receipts_of,
    stored_contents,
)
from fieldapp.services.rescue.words import OUTCOMES
from fieldapp.services.settings import value

bp = Blueprint("rescue", __name__)


@dataclass
class Line:
    """One record as listed for the desk."""

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
        """Return style and label of the outcome."""
        return OUTCOMES.get(self.outcome, OUTCOMES["other"])


def _limits() -> archive.Limits:
    now = clock.now()
    return archive.Limits(int(value("rescue.max_megabytes", now)), int(value("rescue.max_records", now)))


@bp.get("/rescue")
@needs("rescue.import")
def start() -> Response:
    """Draw the upload form and the list of earlier imports."""
    return _render_start()


@bp.post("/rescue")
@needs("rescue.import")
def upload() -> Response:
    """Store an uploaded file and redirect to its preview; draw the form with the problem if the file is bad."""
    files = inputs.uploads("file", count=1)
    if not files:
        return _render_start(gettext("Please choose the rescue file."))
    digest = uploads.keep(files[0])
    try:
        _read_upload(digest)
    except archive.BadRescue as error:
        uploads.drop(digest)
        return _render_start(error.message)
    return redirect(url_for("rescue.look", digest=digest), 303)  # type: ignore[return-value]


def _render_start(problem: str = "") -> Response:
    page = list_page(imports(), keys=(RescueImport.at, RescueImport.id), size=20)
    return render(
        "services/rescue/start.html", page=page, problem=problem, limits=_limits(), status=422 if problem else 200
    )


def _read_upload(digest: str) -> archive.Rescue:
    limits = _limits()
    with archive.open_archive(uploads.path_of(digest), limits) as file:
        return archive.read(file, limits, INSTANCE_ID()())


@bp.get("/rescue/files/<digest>")
@needs("rescue.import")
def look(digest: str) -> Response:
    """Preview a file: authors, number and age of records, what is stored already. Writes nothing."""
    rescue = _read_upload(digest)
    stored = stored_contents(rescue)
    lines = [_line(record, stored) for record in rescue.records]
    photo_owners = owners(rescue, stored)
    photos = [_photo_state(photo, photo_owners, stored) for photo in rescue.photos]
    times = sorted(line.at for line in lines if line.at)
    return render(
        "services/rescue/look.html",
        rescue=rescue,
        digest=digest,
        lines=lines,
        photos={state: photos.count(state) for state in ("new", "here", "missing")},
        new=sum(line.outcome in {"new", "busy", "held", "unsupported_schema"} for line in lines),
        author=stored.name(rescue.manifest.user),
        drafts=[(draft.title or str(_label(draft.kind)), _draft_values(draft)) for draft in rescue.manifest.drafts],
        times=(times[0], times[-1]) if times else None,
        number=new_id(),
    )


@bp.post("/rescue/files/<digest>")
@needs("rescue.import")
def run(digest: str) -> Response:
    """Import the file. Repeating the post or the import has no further effect."""
    number = inputs.posted_id("number") or str(ids.uuid7())
    if import_by(number) is None:
        limits = _limits()
        with archive.open_archive(uploads.path_of(digest), limits) as file:
            rescue = archive.read(file, limits, INSTANCE_ID()())
            import_rescue(file, rescue, digest, actor(), number)
    return redirect(url_for("rescue.done", import_id=number), 303)  # type: ignore[return-value]


@bp.errorhandler(archive.BadRescue)
def _unusable(error: archive.BadRescue) -> Response:
    """Draw the form again if a stored file can no longer be used: limits lowered, or bytes changed."""
    return _render_start(error.message)


@bp.get("/rescue/<uuid:import_id>")
@needs("rescue.import")
def done(import_id: UUID) -> Response:
    """Show the current outcome of each record of an import."""
    record = import_by(str(import_id))
    if record is None:
        raise NotFound("rescue.not_found")
    contents: dict[str, Any] = record.contents
    records = contents["records"]
    people = people_of({one["user"] for one in records if "user" in one} | {record.imported_by})
    stored = StoredContents(people, receipts_of([one["op"] for one in records]), files_of(contents["photos"]))
    lines = [_result(one, stored) for one in records]
    stored_count = sum(row.state in {"stored", "refused"} for row in stored.files.values())
    return render(
        "services/rescue/done.html",
        contents=contents,
        at=record.at,
        who=stored.name(record.imported_by),
        lines=lines,
        accepted=sum(line.outcome == "accepted" for line in lines),
        tell=[line for line in lines if line.outcome in {"rejected", "conflict", "other"}],
        again=any(line.outcome in {"new", "busy", "unsupported_schema"} for line in lines),
        photos=(stored_count, len(contents["photos"])),
    )


def _line(record: archive.Record, stored: StoredContents) -> Line:
    envelope, reason = record.envelope, obstacle(record, stored)
    receipt = stored.receipts.get(record.op)
    outcome = "other" if reason else receipt.outcome if receipt else "new"
    words = [reason] if reason else _refusal_messages(receipt)
    line = Line(record.ref, record.title, "", "", None, outcome, words)
    if envelope:
        line.kind, line.author, line.at = _label(envelope.kind), stored.name(envelope.user), envelope.device_time
        line.closed = stored.is_closed(envelope.user)
    return line


def _result(record: dict[str, Any], stored: StoredContents) -> Line:
    receipt = stored.receipts.get(record["op"])
    outcome = "other" if record["refused"] else receipt.outcome if receipt else "new"
    words = [record["refused"]] if record["refused"] else _refusal_messages(receipt)
    line = Line(record["ref"], record["title"], _label(record.get("kind", "")), "", None, outcome, words)
    if "user" in record:
        line.author, line.closed = stored.name(record["user"]), stored.is_closed(record["user"])
    if receipt:
        line.at, line.server_ref = receipt.device_at, receipt.ref or ""
        line.server_ref = "" if line.server_ref == line.ref else line.server_ref
    return line


def _refusal_messages(receipt: Any) -> list[str]:
    """Return the stored messages why a record was refused."""
    problems = receipt.detail.get("problems", {}) if receipt else {}
    return [message for messages in problems.values() for message in messages]


def _draft_values(draft: archive.Draft) -> list[tuple[Any, str]]:
    """Return `(label, value)` of the filled fields of a draft, without ids and signatures."""
    command = COMMANDS().get(draft.kind)
    fields = command.schema.fields if command else {}
    lines = []
    for name, content in draft.fields.items():
        text = content if isinstance(content, str) else ", ".join(content)
        field = fields.get(name.removesuffix("[]"))
        metadata = field.metadata if field else {}
        if text and not ids.is_uuid(text) and metadata.get("widget") != "signature":
            lines.append((metadata.get("label", name), text))
    return lines


def _label(kind: str) -> Any:
    command = COMMANDS().get(kind)
    return command.label if command else kind


def _photo_state(photo: archive.Photo, photo_owners: dict[str, int], stored: StoredContents) -> str:
    row = stored.files.get(photo.note.id)
    if row is not None and row.state in {"stored", "refused"}:
        return "here"
    return "new" if photo.entry and photo.note.id in photo_owners else "missing"
