"""What each person contributes to a number, so that audits of the same people are compared person by person."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0005"
down_revision = "r0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("metric", schema=None) as batch_op:
        batch_op.add_column(sa.Column("people", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("contributions", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("bias", sa.Float(), nullable=True))
