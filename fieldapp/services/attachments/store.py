"""Store of files by the SHA-256 of their bytes. Originals are never changed (evidence); people see copies."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import current_app
from PIL import ExifTags, Image, ImageOps

#: Largest width and height of copies, in pixels.
COPIES = {"thumb": 240, "view": 1600}
#: Largest photo of a phone's camera, and largest picture that may be decoded at full size in memory.
MAX_PIXELS = 120_000_000
MAX_PIXELS_FULL_SIZE = 40_000_000
#: Pillow only warns at its own limit; the limits above refuse before decoding.
Image.MAX_IMAGE_PIXELS = None
_DRAFT = (COPIES["view"] * 2, COPIES["view"] * 2)
#: MPO: JPEG with a second picture appended, written by several phones; the first picture is shown.
_MIME = {"JPEG": "image/jpeg", "MPO": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
_TIMES = (ExifTags.Base.DateTimeOriginal, ExifTags.Base.OffsetTimeOriginal)


class NotAnImage(Exception):
    """The file cannot be decoded as a still JPEG, PNG or WebP picture within the limits."""


def _root() -> Path:
    return Path(current_app.config["FILES"])


def partial_path(attachment_id: str) -> Path:
    """Return the path of an incomplete upload; create its folder."""
    path = _root() / "partial" / attachment_id
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def path_of(digest: str) -> Path:
    """Return the path of the stored file with this SHA-256."""
    return _root() / digest[:2] / digest[2:4] / digest


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file in hex, read in constant memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def keep(path: Path, digest: str) -> None:
    """Move a complete file into the store and sync it to disk; equal bytes are stored once."""
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
    """Return the MIME type of a picture that can be shown. Raise NotAnImage.

    The picture is decoded completely: its header tells nothing about a truncated file or one that decodes to gigabytes.
    """
    with _open_image(path) as image:
        image.draft("RGB", _DRAFT)
        image.load()
        return _MIME[str(image.format)]


def copy_of(digest: str, size: str) -> Path:
    """Return an upright JPEG copy of a stored picture, without metadata except the time taken. Raise NotAnImage."""
    source = path_of(digest)
    target = source.with_name(f"{digest}.{size}.jpg")
    if target.exists():
        return target
    with _open_image(source) as original:
        taken = _time_of(original)
        original.draft("RGB", (COPIES[size] * 2, COPIES[size] * 2))
        image = ImageOps.exif_transpose(original).convert("RGB")
        image.thumbnail((COPIES[size], COPIES[size]))
        image.info.clear()
        temporary = target.with_name(f"{target.name}.{uuid.uuid4().hex}")
        image.save(temporary, "JPEG", quality=80, optimize=True, exif=taken)
    os.replace(temporary, target)
    return target


@contextmanager
def _open_image(path: Path) -> Iterator[Image.Image]:
    """Open a still picture of a supported format and size. Raise NotAnImage for any decoder error."""
    try:
        with Image.open(path, formats=("JPEG", "PNG", "WEBP")) as image:
            _check_format(image)
            yield image
    except NotAnImage:
        raise
    except Exception as error:
        # Decoders raise all kinds of exceptions for malformed input.
        raise NotAnImage(f"{type(error).__name__}: {error}") from None


def _check_format(image: Image.Image) -> None:
    """Raise NotAnImage for other formats, animations and pictures with too many pixels."""
    if image.format not in _MIME:
        raise NotAnImage(str(image.format))
    if image.format != "MPO" and getattr(image, "is_animated", False):
        raise NotAnImage("animated")
    width, height = image.size
    # Only a baseline JPEG can be decoded at reduced size; all others are decoded at full size.
    scalable = image.format in {"JPEG", "MPO"} and not image.info.get("progressive")
    if width * height > (MAX_PIXELS if scalable else MAX_PIXELS_FULL_SIZE):
        raise NotAnImage(f"{width}x{height}")


def _time_of(image: Image.Image) -> Image.Exif:
    """Return EXIF data with the time the picture was taken only; the place and all other tags are private."""
    exif = Image.Exif()
    tags = image.getexif().get_ifd(ExifTags.IFD.Exif)
    times = {int(tag): str(tags[tag])[:40] for tag in _TIMES if tag in tags}
    if times:
        exif.get_ifd(ExifTags.IFD.Exif).update(times)
    return exif
