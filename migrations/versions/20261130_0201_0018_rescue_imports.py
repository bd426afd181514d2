"""Imports of rescue files have a table of their own, filled from the audit log"""

import json

import sqlalchemy as sa
from alembic import op

import fieldapp.platform.database

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

#: Imports read at once.
PIECE = 50


def upgrade():
    table = op.create_table(
        "rescue_import",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("file", sa.String(length=64), nullable=False),
        sa.Column("imported_by", sa.Integer(), nullable=False),
        sa.Column("at", fieldapp.platform.database.Moment(timezone=True), nullable=False),
        sa.Column("record_count", sa.Integer(), nullable=False),
        sa.Column("contents", sa.JSON(), nullable=False),
        sa.Column("outcomes", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["imported_by"], ["user.id"], name=op.f("fk_rescue_import_imported_by_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rescue_import")),
    )
    with op.batch_alter_table("rescue_import", schema=None) as batch_op:
        batch_op.create_index("ix_rescue_import_at", ["at", "id"], unique=False)
    connection = op.get_bind()
    last = 0
    while rows := _piece(connection, last):
        last = rows[-1].id
        filled = [_row(row, _contents(row)) for row in rows if _contents(row)]
        if filled:
            connection.execute(table.insert(), filled)


_entry = sa.table(
    "audit_entry",
    sa.column("id", sa.BigInteger),
    sa.column("agg_type", sa.String),
    sa.column("agg_id", sa.String),
    sa.column("user_id", sa.Integer),
    sa.column("at", fieldapp.platform.database.Moment),
    sa.column("after", sa.JSON),
)


def _piece(connection, last):
    wanted = (_entry.c.agg_type == "rescue", _entry.c.id > last, _entry.c.user_id.is_not(None))
    return connection.execute(sa.select(_entry).where(*wanted).order_by(_entry.c.id).limit(PIECE)).all()


def _contents(row):
    return json.loads(row.after) if isinstance(row.after, str) else row.after


def _row(row, contents):
    return {
        "id": row.agg_id,
        "file": contents.get("file", ""),
        "imported_by": row.user_id,
        "at": row.at,
        "record_count": len(contents.get("records", [])),
        "contents": contents,
    }


def downgrade():
    with op.batch_alter_table("rescue_import", schema=None) as batch_op:
        batch_op.drop_index("ix_rescue_import_at")
    op.drop_table("rescue_import")
