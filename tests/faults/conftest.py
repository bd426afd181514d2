"""One PostgreSQL for all instruments: each of them makes its own database on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import postgres


@pytest.fixture(scope="session", autouse=True)
def one_postgres() -> Iterator[None]:
    """Starting a server costs more than many a short instrument."""
    with postgres.database() as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEST_DATABASE_URL", url)
        yield
