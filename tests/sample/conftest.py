"""The samples run as features of an application that also looks for features here."""

from __future__ import annotations

import pytest

from tests.support.bench import Bench, build_app


@pytest.fixture(scope="session")
def sample_bench(database: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(build_app(tmp_path_factory.mktemp("samples"), database[1], roots=("fieldapp", "tests.sample")))


@pytest.fixture
def bench(sample_bench: Bench) -> Bench:
    sample_bench.reset()
    return sample_bench
