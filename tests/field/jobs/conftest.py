"""How tests of jobs look into the database."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from fieldapp.field.jobs.models import Job, Visit
from fieldapp.platform.extensions import db


@pytest.fixture
def read(app: Any) -> Any:
    """`read(statement)` → all rows."""

    def _read(statement: Any) -> list[Any]:
        with app.app_context():
            rows = list(db.session.execute(statement).all())
            db.session.remove()
            return rows

    return _read


@pytest.fixture
def state_of(read: Any) -> Any:
    """`state_of(visit)` → `(visit state, job state)`."""
    return lambda visit: tuple(
        read(select(Visit.state, Job.state).join(Job, Job.id == Visit.job_id).where(Visit.id == visit))[0]
    )
