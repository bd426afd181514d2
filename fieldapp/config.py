"""Typed configuration from the environment; wrong values stop the start."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

#: Shortest secret key: with a guessed key anybody could sign in as anybody.
MIN_SECRET_LENGTH = 16
#: Largest form without files, in bytes; a signature is the largest field.
FORM_BYTES = 4 * 1024 * 1024


class BadConfig(Exception):
    """A setting in the environment cannot be used."""


def _integer(name: str, default: int, low: int, high: int) -> int:
    raw = os.environ.get(name, str(default))
    try:
        value = int(raw)
    except ValueError:
        raise BadConfig(f"{name}={raw!r} is not a whole number. Set it to one from {low} to {high}.") from None
    if not low <= value <= high:
        raise BadConfig(f"{name}={value} is not between {low} and {high}. Set it to a number in between.")
    return value


def _boolean(name: str, default: bool) -> bool:
    raw = os.environ.get(name, "1" if default else "0")
    if raw not in {"0", "1"}:
        raise BadConfig(f"{name}={raw!r} is neither 1 nor 0. Set it to one of them.")
    return raw == "1"


def _address(name: str, raw: str) -> str:
    """Return `raw` as `scheme://host[:port]`, in lower case and without a default port. Raise BadConfig."""
    try:
        parts = urlsplit(raw.lower())
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    valid = parts.scheme in {"http", "https"} and parts.hostname and parts.path in {"", "/"}
    if not valid or "@" in raw or "?" in raw or "#" in raw:
        raise BadConfig(f"{name}={raw!r} is not an address. Set it to one such as https://field.example.com.")
    default = {"http": 80, "https": 443}[parts.scheme]
    host = parts.netloc.rpartition(":")[0] if port is not None else parts.netloc.rstrip(":")
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in {None, default} else "")


class Lifetime(NamedTuple):
    """Longest time without use, and longest time in total, of a session."""

    idle: timedelta
    longest: timedelta


SESSION_LASTS = Lifetime(timedelta(days=30), timedelta(days=180))


@dataclass(frozen=True)
class Config:
    """Everything an operator can set. docs/operations.md lists the environment variables."""

    data: Path = Path("data")
    database_url: str = ""
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    body_seconds: int = 30
    secure_cookies: bool = False
    trust_proxy: int = 0
    addresses: tuple[str, ...] = ()
    sw_kill: bool = False
    languages: tuple[str, ...] = ("zh_Hans", "zh_Hant", "en")
    feature_roots: tuple[str, ...] = ("fieldapp",)
    session_lasts: Lifetime = SESSION_LASTS
    max_request_bytes: int = 128 * 1024 * 1024
    testing: bool = False
    extra: dict[str, object] = field(default_factory=dict)

    @classmethod
    def from_environment(cls) -> Config:
        """Read the configuration from the environment. Raise BadConfig."""
        return cls(
            data=Path(os.environ.get("FIELDAPP_DATA") or "data").resolve(),
            database_url=os.environ.get("DATABASE_URL", ""),
            host=os.environ.get("HOST", "127.0.0.1"),
            port=_integer("PORT", 8000, 1, 65535),
            workers=_integer("FIELDAPP_WORKERS", 1, 1, 64),
            body_seconds=_integer("FIELDAPP_BODY_SECONDS", 30, 1, 600),
            secure_cookies=_boolean("FIELDAPP_SECURE_COOKIES", False),
            trust_proxy=_integer("FIELDAPP_TRUST_PROXY", 0, 0, 5),
            addresses=tuple(_address("FIELDAPP_URL", raw) for raw in os.environ.get("FIELDAPP_URL", "").split()),
            sw_kill=_boolean("FIELDAPP_SW_KILL", False),
            session_lasts=Lifetime(
                timedelta(days=_integer("FIELDAPP_SESSION_IDLE_DAYS", 30, 1, 366)),
                timedelta(days=_integer("FIELDAPP_SESSION_DAYS", 180, 1, 3660)),
            ),
        )

    @property
    def url(self) -> str:
        """Return the database URL for SQLAlchemy; PostgreSQL always uses psycopg 3. Raise BadConfig."""
        if not self.database_url:
            return f"sqlite:///{self.data / 'fieldapp.sqlite3'}"
        for scheme in ("postgres://", "postgresql://"):
            if self.database_url.startswith(scheme):
                return "postgresql+psycopg://" + self.database_url[len(scheme) :]
        if self.database_url.startswith(("sqlite:///", "postgresql+psycopg://")):
            return self.database_url
        scheme = self.database_url.partition(":")[0]
        raise BadConfig(
            f"DATABASE_URL begins with {scheme!r}, which is no database this server works with. "
            "Set it to postgresql://user:password@host/name, or leave it empty for SQLite in FIELDAPP_DATA."
        )

    def check(self) -> None:
        """Create the data folder and check it and the database URL. Raise BadConfig."""
        try:
            self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise BadConfig(
                f"FIELDAPP_DATA={self.data} cannot be made: {error.strerror}. Set it to a folder this user may write."
            ) from None
        if not os.access(self.data, os.W_OK | os.X_OK):
            raise BadConfig(
                f"FIELDAPP_DATA={self.data} cannot be written to by this user. Change its owner, or set another folder."
            )
        try:
            make_url(self.url)
        except (ArgumentError, ValueError):
            raise BadConfig(
                "DATABASE_URL cannot be read. Set it to postgresql://user:password@host/name, with special characters "
                "of the password in percent encoding."
            ) from None

    def secret_key(self) -> str:
        """Return the key that signs sessions: FIELDAPP_SECRET, or a random key stored in the data folder."""
        given = os.environ.get("FIELDAPP_SECRET")
        if given is not None:
            if len(given) < MIN_SECRET_LENGTH:
                raise BadConfig(
                    f"FIELDAPP_SECRET is {'empty' if not given else 'too short'}. Set it to at least "
                    f"{MIN_SECRET_LENGTH} random characters, or unset it: then a key is made and kept in FIELDAPP_DATA."
                )
            return given
        path = self.data / "secret-key"
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return self._stored_key(path)
        except OSError as error:
            raise BadConfig(f"{path} cannot be made: {error.strerror}. Give this user the folder, or room.") from None
        with os.fdopen(handle, "w") as file:
            key = secrets.token_hex(32)
            file.write(key)
        return key

    @staticmethod
    def _stored_key(path: Path) -> str:
        try:
            key = path.read_text().strip()
        except OSError as error:
            raise BadConfig(f"{path} cannot be read: {error.strerror}. Give the file to this user.") from None
        if len(key) < MIN_SECRET_LENGTH:
            raise BadConfig(f"{path} holds no key. Delete it; a new one is made, and everybody signs in again.")
        return key
