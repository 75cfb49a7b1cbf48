"""Failures and timings of an audit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0002"
down_revision = "r0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "failure",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("audit_id", sa.String(length=40), nullable=False),
        sa.Column("engine_id", sa.Integer(), nullable=True),
        sa.Column("sample", sa.Integer(), nullable=True),
        sa.Column("seed", sa.Integer(), nullable=True),
        sa.Column("stage", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["audit_id"], ["audit.id"], name=op.f("fk_failure_audit_id_audit"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["engine_id"], ["component.id"], name=op.f("fk_failure_engine_id_component")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_failure")),
    )
    with op.batch_alter_table("failure", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_failure_audit_id"), ["audit_id"], unique=False)

    op.create_table(
        "timing",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("audit_id", sa.String(length=40), nullable=False),
        sa.Column("stage", sa.String(length=100), nullable=False),
        sa.Column("items", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["audit_id"], ["audit.id"], name=op.f("fk_timing_audit_id_audit"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_timing")),
    )
    with op.batch_alter_table("timing", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_timing_audit_id"), ["audit_id"], unique=False)
