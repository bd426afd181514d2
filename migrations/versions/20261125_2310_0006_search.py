"""The search index, filled from the customers, contacts, assets and jobs that are there."""

import sqlalchemy as sa
from alembic import op

from fieldapp.kernel.findable import Findable


revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None

CHUNK = 2000
FOUND = {
    'customer': (('name', 'phone'), lambda name, phone: Findable.of([name], [phone])),
    'contact': (('phone',), lambda phone: Findable.of((), [phone])),
    'asset': (('plate', 'serial_no'), lambda plate, serial_no: Findable.of([plate], [serial_no])),
    'job': (('number',), lambda number: Findable.of((), [number, number.removeprefix('W-')])),
}


def upgrade():
    key = sa.String(length=100).with_variant(sa.String(length=100, collation='C'), 'postgresql')
    keys = op.create_table('search_key',
    sa.Column('key', key, nullable=False),
    sa.Column('kind', sa.String(length=12), nullable=False),
    sa.Column('record', sa.String(length=36), nullable=False),
    sa.PrimaryKeyConstraint('key', 'kind', 'record', name=op.f('pk_search_key')),
    sqlite_with_rowid=False
    )
    texts = op.create_table('search_text',
    sa.Column('record', sa.String(length=36), nullable=False),
    sa.Column('kind', sa.String(length=12), nullable=False),
    sa.Column('inside', sa.Text(), nullable=False),
    sa.Column('start', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('record', name=op.f('pk_search_text')),
    sqlite_with_rowid=False
    )
    if not op.get_context().as_sql:
        fill(op.get_bind(), keys, texts)


def fill(connection, keys, texts):
    """Chunk by chunk in the order of the ids, so that a large database needs no more memory than a small one."""
    for kind, (columns, findable) in FOUND.items():
        table = sa.table(kind, sa.column('id'), *(sa.column(name) for name in columns))
        query = sa.select(table.c.id, *(table.c[name] for name in columns)).order_by(table.c.id).limit(CHUNK)
        last = ''
        while rows := connection.execute(query.where(table.c.id > last)).all():
            found = [(row[0], findable(*row[1:])) for row in rows]
            some = sorted((one, record) for record, texts_of in found for one in texts_of.beginnings())
            if some:
                connection.execute(keys.insert(), [{'key': one, 'kind': kind, 'record': record} for one, record in some])
            connection.execute(texts.insert(), [
                {'record': record, 'kind': kind, 'inside': texts_of.words()[0], 'start': texts_of.words()[1]}
                for record, texts_of in found
            ])
            last = rows[-1][0]


def downgrade():
    op.drop_table('search_text')
    op.drop_table('search_key')
