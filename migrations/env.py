"""Alembic's environment: the application's own engine, batch mode for SQLite."""

from __future__ import annotations

from alembic import context
from flask import current_app

from fieldapp.database import Base

engine = current_app.extensions["migrate"].db.engine


def run() -> None:
    """Migrates inside one transaction where the database can."""
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            compare_type=True,
            render_as_batch=True,
            user_module_prefix="fieldapp.database.",
        )
        with context.begin_transaction():
            context.run_migrations()


run()
