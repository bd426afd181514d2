"""Reader of rescue files (docs/sync-protocol.md). Contents are untrusted, and nothing is extracted to a path."""

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
#: Largest size of one record (as in a push), and of the manifest.
MAX_TEXT = MEGABYTE
MAX_MANIFEST = 8 * MEGABYTE
#: Largest central directory of the ZIP, some 60,000 entries. `zipfile` reads it whole.
MAX_DIRECTORY = 4 * MEGABYTE
#: Bytes decompressed at once.
CHUNK = 64 * 1024
_END = 22
_DAMAGED = (BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, struct.error, ValueError)


class BadRescue(Exception):
    """The file as a whole cannot be used; `message` says why."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Limits(msgspec.Struct, frozen=True):
    """Limits of one file: megabytes (also decompressed) and records."""

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
    """Unfinished form: shown to the desk, never executed (failure mode 71)."""

    title: str
    kind: str = ""
    updated: str = ""
    fields: dict[str, str | list[str]] = {}


class Manifest(msgspec.Struct):
    """Table of contents, written by the phone."""

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
    """One frozen envelope; `problem` is the message why it cannot be imported."""

    op: str
    ref: str
    title: str
    body: str = ""
    envelope: Envelope | None = None
    problem: str = ""


@dataclass
class Photo:
    """One photo and the ZIP entry with its bytes; `entry` is empty if the phone had lost them."""

    note: _Att
    entry: str = ""


@dataclass
class Rescue:
    """Contents of a rescue file."""

    manifest: Manifest
    records: list[Record] = field(default_factory=list)
    photos: list[Photo] = field(default_factory=list)


class Unpacker:
    """Entries of a ZIP, decompressed in chunks. The output is counted, whatever the directory claims.

    At most `limits.megabytes` are read in total; an entry that is read twice counts twice.
    """

    def __init__(self, archive: ZipFile, limits: Limits) -> None:
        self._archive = archive
        self._limits = limits
        self._left = limits.megabytes * MEGABYTE
        self.names = frozenset(archive.namelist())

    def chunks(self, name: str) -> Iterator[bytes]:
        """Yield the bytes of an entry. Raise BadRescue when the total exceeds the limit."""
        with self._archive.open(name) as source:
            while chunk := source.read(CHUNK):
                self._left -= len(chunk)
                if self._left < 0:
                    raise BadRescue(_too_large(self._limits))
                yield chunk

    def text(self, name: str, most: int) -> str | None:
        """Return an entry as text, or None if it is missing, damaged or larger than `most` bytes."""
        content = bytearray()
        try:
            for chunk in self.chunks(name):
                content += chunk
                if len(content) > most:
                    return None
            return content.decode()
        except (KeyError, *_DAMAGED):
            return None


@contextmanager
def open_archive(path: Path, limits: Limits) -> Iterator[Unpacker]:
    """Open the ZIP after checking its directory and names. Raise BadRescue."""
    _check_directory(path, limits)
    try:
        archive = ZipFile(path)
    except _DAMAGED:
        raise BadRescue(_broken_message()) from None
    with archive:
        _check_entries(archive, limits)
        yield Unpacker(archive, limits)


def read(archive: Unpacker, limits: Limits, instance: str) -> Rescue:
    """Return the contents; each record is compared with its hash. Raise BadRescue."""
    manifest = _manifest(archive)
    if manifest.v != 1:
        raise BadRescue(gettext("This rescue file was made by a newer version. Update the server first."))
    if manifest.instance and manifest.instance != instance:
        raise BadRescue(gettext("This rescue file belongs to another installation. Nothing was taken from it."))
    if len(manifest.ops) > limits.records:
        raise BadRescue(gettext("More than %(n)s records in one file.", n=limits.records))
    rescue = Rescue(manifest)
    seen: set[str] = set()
    for entry in manifest.ops:
        if entry.op not in seen:
            seen.add(entry.op)
            rescue.records.append(_record(archive, entry))
    for note in manifest.atts:
        if note.draft is None:
            rescue.photos.append(Photo(note, note.file if note.file in archive.names else ""))
    return rescue


def copy_out(archive: Unpacker, entry: str, target: Path, size: int) -> str | None:
    """Write an entry of exactly `size` bytes to `target`. Return its SHA-256, or None if damaged or of another size."""
    digest, left = hashlib.sha256(), size
    try:
        with target.open("wb") as file:
            for chunk in archive.chunks(entry):
                left -= len(chunk)
                if left < 0:
                    return None
                digest.update(chunk)
                file.write(chunk)
    except _DAMAGED:
        return None
    return digest.hexdigest() if left == 0 else None


def _broken_message() -> str:
    return gettext("This file is no ZIP, or it is cut off or damaged. Please take it over from the phone again.")


def _check_directory(path: Path, limits: Limits) -> None:
    """Check the size of the central directory before it is read: a small file may claim millions of entries."""
    size = path.stat().st_size
    if size > limits.megabytes * MEGABYTE:
        raise BadRescue(_too_large(limits))
    with path.open("rb") as file:
        file.seek(max(0, size - _END - 20))
        tail = file.read()
    end = tail[-_END:]
    if len(end) < _END or end[:4] != b"PK\x05\x06":
        raise BadRescue(_broken_message())
    directory = struct.unpack("<L", end[12:16])[0]
    if directory > MAX_DIRECTORY or tail[-_END - 20 : -_END - 16] == b"PK\x06\x07":
        raise BadRescue(_too_large(limits))


def _check_entries(archive: ZipFile, limits: Limits) -> None:
    names = archive.namelist()
    if len(set(names)) != len(names) or not all(map(_is_safe_name, names)):
        raise BadRescue(gettext("This file holds names that no phone writes. Nothing was taken from it."))
    for info in archive.infolist():
        if info.flag_bits & 1 or info.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:
            raise BadRescue(gettext("This ZIP is encrypted or packed in a way that no phone uses."))
    # Only a first check: the real size is counted during decompression.
    if sum(info.file_size for info in archive.infolist()) > limits.megabytes * MEGABYTE:
        raise BadRescue(_too_large(limits))


def _too_large(limits: Limits) -> str:
    return gettext("This file is too large, or becomes so when unpacked; at most %(n)s MB.", n=limits.megabytes)


def _is_safe_name(name: str) -> bool:
    return not re.search(r"^/|\\|:|\x00", name) and ".." not in name.split("/")


def _manifest(archive: Unpacker) -> Manifest:
    text = archive.text("manifest.json", MAX_MANIFEST)
    if text is None:
        raise BadRescue(gettext("This is no rescue file: its list of contents is missing or damaged."))
    try:
        return msgspec.json.decode(text, type=Manifest)
    except (msgspec.MsgspecError, RecursionError):
        raise BadRescue(gettext("This is no rescue file: its list of contents cannot be read.")) from None


def _record(archive: Unpacker, entry: _Op) -> Record:
    record = Record(entry.op, _printable(entry.ref, 40), _printable(entry.title, 200))
    body = archive.text(entry.file, MAX_TEXT) if entry.file in archive.names else None
    if body is None or hashlib.sha256(body.encode()).hexdigest() != entry.sha256:
        record.problem = gettext("Its bytes were changed or are missing. Only the phone still has it whole.")
        return record
    try:
        envelope = parse(body)
    except BadEnvelope as error:
        record.problem = gettext("This record is damaged and cannot be read: %(reason)s", reason=error.reason)
        return record
    if envelope.op != entry.op:
        record.problem = gettext("It does not carry the number that the list of contents gives it.")
        return record
    record.body, record.envelope = body, envelope
    record.ref = record.ref or ids.short_reference(envelope.dev, envelope.seq)
    return record


def _printable(text: str, most: int) -> str:
    """Return the printable characters of `text`, at most `most`."""
    return "".join(character for character in text if character.isprintable())[:most]
