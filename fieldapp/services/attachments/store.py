"""Files by the hash of their bytes; what arrived is never changed (evidence), what is shown is a copy."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import current_app
from PIL import ExifTags, Image, ImageOps

#: Widths of the copies people see. Originals are only kept.
COPIES = {"thumb": 240, "view": 1600}
#: The largest photo of a phone's camera, and what may be unpacked whole in memory.
MOST_PIXELS = 120_000_000
MOST_PIXELS_WHOLE = 40_000_000
#: The library only warns at its own limit; ours refuses, before anything is decoded.
Image.MAX_IMAGE_PIXELS = None
_DRAFT = (COPIES["view"] * 2, COPIES["view"] * 2)
#: MPO is what several phones call a JPEG with a second picture behind it; the first one is shown.
_MIME = {"JPEG": "image/jpeg", "MPO": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
_TIMES = (ExifTags.Base.DateTimeOriginal, ExifTags.Base.OffsetTimeOriginal)


class NotAnImage(Exception):
    """The bytes cannot be read as a picture we show."""


def _root() -> Path:
    return Path(current_app.config["FILES"])


def partial_path(attachment_id: str) -> Path:
    """Where an upload grows until it is whole."""
    path = _root() / "partial" / attachment_id
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def path_of(digest: str) -> Path:
    """Where the bytes with this SHA-256 lie."""
    return _root() / digest[:2] / digest[2:4] / digest


def digest_of(path: Path) -> str:
    """SHA-256 of a file, in hex, in constant memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def keep(path: Path, digest: str) -> None:
    """Moves a whole file to its place by hash, durably; the same bytes are kept once."""
    target = path_of(digest)
    target.parent.mkdir(parents=True, exist_ok=True)
    with path.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(path, target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def check_image(path: Path) -> str:
    """The mime type of a picture that can be shown. Raises NotAnImage for anything else.

    It is decoded to its last line: a header alone says nothing of a file that was cut, or that unpacks to gigabytes.
    """
    with _opened(path) as image:
        image.draft("RGB", _DRAFT)
        image.load()
        return _MIME[str(image.format)]


def copy_of(digest: str, size: str) -> Path:
    """A JPEG copy of a kept picture, upright, without metadata save the time it was taken. Raises NotAnImage."""
    source = path_of(digest)
    target = source.with_name(f"{digest}.{size}.jpg")
    if target.exists():
        return target
    with _opened(source) as opened:
        taken = _time_of(opened)
        opened.draft("RGB", (COPIES[size] * 2, COPIES[size] * 2))
        image = ImageOps.exif_transpose(opened).convert("RGB")
        image.thumbnail((COPIES[size], COPIES[size]))
        image.info.clear()
        temporary = target.with_name(f"{target.name}.{uuid.uuid4().hex}")
        image.save(temporary, "JPEG", quality=80, optimize=True, exif=taken)
    os.replace(temporary, target)
    return target


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """A still picture of a kind and size we show. Whatever its decoder stumbles over is NotAnImage."""
    try:
        with Image.open(path, formats=("JPEG", "PNG", "WEBP")) as image:
            _refuse_odd(image)
            yield image
    except NotAnImage:
        raise
    except Exception as error:
        # Decoders of foreign bytes raise whatever they like; none of it is the request's fault.
        raise NotAnImage(f"{type(error).__name__}: {error}") from None


def _refuse_odd(image: Image.Image) -> None:
    if image.format not in _MIME:
        raise NotAnImage(str(image.format))
    if image.format != "MPO" and getattr(image, "is_animated", False):
        raise NotAnImage("animated")
    width, height = image.size
    # Only a plain JPEG can be read small; all others are unpacked whole, whatever they are shown as.
    small = image.format in {"JPEG", "MPO"} and not image.info.get("progressive")
    if width * height > (MOST_PIXELS if small else MOST_PIXELS_WHOLE):
        raise NotAnImage(f"{width}x{height}")


def _time_of(image: Image.Image) -> Image.Exif:
    """Only when the picture was taken, if the camera said so: the place and the rest are nobody's business."""
    kept = Image.Exif()
    said = image.getexif().get_ifd(ExifTags.IFD.Exif)
    times = {int(tag): str(said[tag])[:40] for tag in _TIMES if tag in said}
    if times:
        kept.get_ifd(ExifTags.IFD.Exif).update(times)
    return kept
