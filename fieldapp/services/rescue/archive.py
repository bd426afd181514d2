"""Reading a rescue file (docs/sync-protocol.md): nothing in it is believed, and nothing is unpacked to a path."""

from __future__ import annotations

import hashlib
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

import msgspec
from flask_babel import gettext

from fieldapp.kernel import ids
from fieldapp.platform.commandbus import BadEnvelope, Envelope, parse

MEGABYTE = 1024 * 1024
#: The list of contents, and one record: a push takes no larger ones either.
MAX_TEXT = MEGABYTE
MAX_MANIFEST = 8 * MEGABYTE
#: The directory at the end of a ZIP: some 60,000 entries. Python reads it whole before we see any of it.
MAX_DIRECTORY = 4 * MEGABYTE
#: What is unpacked at once.
PIECE = 64 * 1024
_END = 22
_BROKEN = (BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, struct.error, ValueError)


class BadRescue(Exception):
    """The file as a whole is no use. `words` say why."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


class Limits(msgspec.Struct, frozen=True):
    """How much one file may hold."""

    megabytes: int
    records: int


class _Op(msgspec.Struct):
    file: str
    op: str
    sha256: str
    ref: str = ""
    state: str = ""
    title: str = ""


class _Att(msgspec.Struct):
    id: str
    name: str
    mime: str
    size: int
    sha256: str
    role: str
    file: str | None = None
    op: str | None = None
    draft: str | None = None


class Draft(msgspec.Struct):
    """A half-filled form: shown to the desk, never sent by itself (failure mode 71)."""

    title: str
    kind: str = ""
    updated: str = ""
    fields: dict[str, str | list[str]] = {}


class Manifest(msgspec.Struct):
    """The list of contents that the phone wrote."""

    v: int
    user: int
    ops: list[_Op]
    atts: list[_Att] = []
    drafts: list[Draft] = []
    instance: str | None = None
    dev: str = ""
    build: str = ""
    made: str = ""


@dataclass
class Record:
    """One frozen record; `problem` says in words why it cannot be brought in."""

    op: str
    ref: str
    title: str
    body: str = ""
    envelope: Envelope | None = None
    problem: str = ""


@dataclass
class Photo:
    """One photo, and the entry that holds its bytes: empty where the phone had lost them."""

    note: _Att
    entry: str = ""


@dataclass
class Rescue:
    """What a rescue file holds."""

    manifest: Manifest
    records: list[Record] = field(default_factory=list)
    photos: list[Photo] = field(default_factory=list)


class Unpacker:
    """The entries of a ZIP, unpacked in pieces; what comes out is counted, whatever its directory claims.

    One reading of the file gives out at most `limits.megabytes`, an entry that is named twice counted twice.
    """

    def __init__(self, archive: ZipFile, limits: Limits) -> None:
        self._archive = archive
        self._limits = limits
        self._left = limits.megabytes * MEGABYTE
        self.names = frozenset(archive.namelist())

    def pieces(self, name: str) -> Iterator[bytes]:
        """What an entry holds. Raises BadRescue where all of them together hold more than is allowed."""
        with self._archive.open(name) as source:
            while piece := source.read(PIECE):
                self._left -= len(piece)
                if self._left < 0:
                    raise BadRescue(_too_large(self._limits))
                yield piece

    def text(self, name: str, most: int) -> str | None:
        """An entry as text, or None where it is missing, damaged or larger than `most`."""
        found = bytearray()
        try:
            for piece in self.pieces(name):
                found += piece
                if len(found) > most:
                    return None
            return found.decode()
        except (KeyError, *_BROKEN):
            return None


@contextmanager
def opened(path: Path, limits: Limits) -> Iterator[Unpacker]:
    """The ZIP behind `path`, found harmless. Raises BadRescue."""
    _check_directory(path, limits)
    try:
        archive = ZipFile(path)
    except _BROKEN:
        raise BadRescue(_not_whole()) from None
    with archive:
        _check_entries(archive, limits)
        yield Unpacker(archive, limits)


def read(archive: Unpacker, limits: Limits, instance: str) -> Rescue:
    """The contents, each record compared with its hash. Raises BadRescue."""
    manifest = _manifest(archive)
    if manifest.v != 1:
        raise BadRescue(gettext("This rescue file was made by a newer version. Update the server first."))
    if manifest.instance and manifest.instance != instance:
        raise BadRescue(gettext("This rescue file belongs to another installation. Nothing was taken from it."))
    if len(manifest.ops) > limits.records:
        raise BadRescue(gettext("More than %(n)s records in one file.", n=limits.records))
    rescue = Rescue(manifest)
    seen: set[str] = set()
    for one in manifest.ops:
        if one.op not in seen:
            seen.add(one.op)
            rescue.records.append(_record(archive, one))
    for note in manifest.atts:
        if note.draft is None:
            rescue.photos.append(Photo(note, note.file if note.file in archive.names else ""))
    return rescue


def copy_out(archive: Unpacker, entry: str, target: Path, size: int) -> str | None:
    """Writes an entry of exactly `size` bytes to `target`; its SHA-256, or None where it is damaged or larger."""
    digest, left = hashlib.sha256(), size
    try:
        with target.open("wb") as file:
            for piece in archive.pieces(entry):
                left -= len(piece)
                if left < 0:
                    return None
                digest.update(piece)
                file.write(piece)
    except _BROKEN:
        return None
    return digest.hexdigest() if left == 0 else None


def _not_whole() -> str:
    return gettext("This file is no ZIP, or it is cut off or damaged. Please take it over from the phone again.")


def _check_directory(path: Path, limits: Limits) -> None:
    """Bounds the directory before it is read: a small file may claim millions of entries."""
    size = path.stat().st_size
    if size > limits.megabytes * MEGABYTE:
        raise BadRescue(_too_large(limits))
    with path.open("rb") as file:
        file.seek(max(0, size - _END - 20))
        tail = file.read()
    end = tail[-_END:]
    if len(end) < _END or end[:4] != b"PK\x05\x06":
        raise BadRescue(_not_whole())
    directory = struct.unpack("<L", end[12:16])[0]
    if directory > MAX_DIRECTORY or tail[-_END - 20 : -_END - 16] == b"PK\x06\x07":
        raise BadRescue(_too_large(limits))


def _check_entries(archive: ZipFile, limits: Limits) -> None:
    names = archive.namelist()
    if len(set(names)) != len(names) or not all(map(_harmless, names)):
        raise BadRescue(gettext("This file holds names that no phone writes. Nothing was taken from it."))
    for info in archive.infolist():
        if info.flag_bits & 1 or info.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:
            raise BadRescue(gettext("This ZIP is encrypted or packed in a way that no phone uses."))
    # A first look only: what comes out is counted while it is unpacked.
    if sum(info.file_size for info in archive.infolist()) > limits.megabytes * MEGABYTE:
        raise BadRescue(_too_large(limits))


def _too_large(limits: Limits) -> str:
    return gettext("This file is too large, or becomes so when unpacked; at most %(n)s MB.", n=limits.megabytes)


def _harmless(name: str) -> bool:
    return not re.search(r"^/|\\|:|\x00", name) and ".." not in name.split("/")


def _manifest(archive: Unpacker) -> Manifest:
    text = archive.text("manifest.json", MAX_MANIFEST)
    if text is None:
        raise BadRescue(gettext("This is no rescue file: its list of contents is missing or damaged."))
    try:
        return msgspec.json.decode(text, type=Manifest)
    except (msgspec.MsgspecError, RecursionError):
        raise BadRescue(gettext("This is no rescue file: its list of contents cannot be read.")) from None


def _record(archive: Unpacker, said: _Op) -> Record:
    record = Record(said.op, _printed(said.ref, 40), _printed(said.title, 200))
    body = archive.text(said.file, MAX_TEXT) if said.file in archive.names else None
    if body is None or hashlib.sha256(body.encode()).hexdigest() != said.sha256:
        record.problem = gettext("Its bytes were changed or are missing. Only the phone still has it whole.")
        return record
    try:
        envelope = parse(body)
    except BadEnvelope as error:
        record.problem = gettext("This record is damaged and cannot be read: %(reason)s", reason=error.reason)
        return record
    if envelope.op != said.op:
        record.problem = gettext("It does not carry the number that the list of contents gives it.")
        return record
    record.body, record.envelope = body, envelope
    record.ref = record.ref or ids.short_reference(envelope.dev, envelope.seq)
    return record


def _printed(text: str, most: int) -> str:
    """A name from the file as it may be shown and stored."""
    return "".join(one for one in text if one.isprintable())[:most]
