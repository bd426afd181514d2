"""The test bench: both databases, the cast, and the few verbs that tests are written with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, settings

from tests.support import postgres
from tests.support.bench import Bench, Cast, QueryCount, build_app

# A busy machine is slow, and no rule depends on that: by default an example fails after 200 ms.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--databases", default="sqlite,postgresql", help="Which databases the suite runs on.")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--databases").split(",")
        metafunc.parametrize("database", chosen, scope="session", indirect=True)


@pytest.fixture(scope="session")
def database(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """`(name, url)`; the empty url is SQLite in the application's own folder."""
    if request.param == "sqlite":
        yield "sqlite", ""
        return
    with postgres.database() as url:
        yield "postgresql", url


@pytest.fixture(scope="session")
def session_app(database: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Flask:
    folder: Path = tmp_path_factory.mktemp(database[0])
    return build_app(folder, database[1])


@pytest.fixture
def bench(session_app: Flask) -> Bench:
    """An application on an empty database with the cast in it."""
    bench = Bench(session_app)
    bench.reset()
    return bench


@pytest.fixture
def app(bench: Bench) -> Flask:
    return bench.app


@pytest.fixture
def cast(bench: Bench) -> Cast:
    """Who plays: by role name. `tech` and `tech2` are of the leader's group, `other_tech` is not."""
    return bench.cast


@pytest.fixture
def send(bench: Bench) -> Any:
    """`send(user, kind, agg, data, **envelope)` → Result, through the door as a phone's envelope."""
    return bench.send


@pytest.fixture
def client_of(bench: Bench) -> Any:
    """`client_of(user)` → a browser in which this person is signed in."""
    return bench.client_of


@pytest.fixture
def anonymous(bench: Bench) -> FlaskClient:
    return bench.app.test_client()


@pytest.fixture
def make_job(bench: Bench) -> Any:
    """`make_job(technician=…, group=…, **job)` → (job id, visit id)."""
    return bench.make_job


@pytest.fixture
def queries(bench: Bench) -> Any:
    """`with queries() as q: …; q.count` counts statements."""
    return lambda: QueryCount(bench.app)
