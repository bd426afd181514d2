"""One PostgreSQL server for all instruments; each creates its own database on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import postgres


@pytest.fixture(scope="session", autouse=True)
def one_postgres() -> Iterator[None]:
    """Share one server, because starting one takes longer than many short instruments."""
    with postgres.database() as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEST_DATABASE_URL", url)
        yield
