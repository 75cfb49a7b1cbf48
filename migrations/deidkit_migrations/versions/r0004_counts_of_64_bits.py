"""Counts of 64 bits: 46,341 samples have more pairs than 32 bits hold."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0004"
down_revision = "r0003"
branch_labels = None
depends_on = None

COUNTS = {"score_set": ("count", False), "metric": ("comparisons", True), "timing": ("items", False)}
"""Table -> the column that counts, and whether it may be empty."""


def upgrade() -> None:
    for table, (column, nullable) in COUNTS.items():
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.alter_column(column, existing_type=sa.Integer(), type_=sa.BigInteger(), existing_nullable=nullable)
