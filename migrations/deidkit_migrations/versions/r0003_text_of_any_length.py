"""Labels, names and stages of any length: they come from plugins and from what a user types."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0003"
down_revision = "r0002"
branch_labels = None
depends_on = None

LIMITED = {
    "dataset": {"name": 200},
    "component": {"name": 200, "version": 80},
    "metric": {"name": 100, "unit": 40},
    "failure": {"stage": 40},
    "timing": {"stage": 100},
}
"""Table -> column -> the length it had."""


def upgrade() -> None:
    with op.batch_alter_table("metric", schema=None) as batch_op:  # MySQL indexes no text of any length
        batch_op.create_index(batch_op.f("ix_metric_audit_id"), ["audit_id"], unique=False)
        batch_op.drop_index(batch_op.f("ix_metric_audit_id_name"))
    for table, columns in LIMITED.items():
        with op.batch_alter_table(table, schema=None) as batch_op:
            for column, length in columns.items():
                batch_op.alter_column(
                    column, existing_type=sa.String(length=length), type_=sa.Text(), existing_nullable=False
                )
