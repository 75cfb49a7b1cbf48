"""First schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "component",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("version", sa.String(length=80), nullable=False),
        sa.Column("distribution", sa.Text(), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("weights", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_component")),
        sa.UniqueConstraint("digest", name=op.f("uq_component_digest")),
    )
    op.create_table(
        "dataset",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("samples", sa.Integer(), nullable=False),
        sa.Column("subjects", sa.Integer(), nullable=False),
        sa.Column("identities", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dataset")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_dataset_fingerprint")),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("plan_digest", sa.String(length=64), nullable=False),
        sa.Column("plan", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("started", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deidkit_version", sa.String(length=80), nullable=False),
        sa.Column("output", sa.Text(), nullable=False),
        sa.Column("verdict", sa.String(length=20), nullable=True),
        sa.Column("document", sa.Text(), nullable=True),
        sa.Column("dataset_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["dataset_id"], ["dataset.id"], name=op.f("fk_audit_dataset_id_dataset")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_plan_digest"), ["plan_digest"], unique=False)

    op.create_table(
        "metric",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("audit_id", sa.String(length=40), nullable=False),
        sa.Column("scope", sa.String(length=20), nullable=False),
        sa.Column("engine_id", sa.Integer(), nullable=True),
        sa.Column("recognizer_id", sa.Integer(), nullable=True),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("unit", sa.String(length=40), nullable=False),
        sa.Column("low", sa.Float(), nullable=True),
        sa.Column("high", sa.Float(), nullable=True),
        sa.Column("interval", sa.Text(), nullable=False),
        sa.Column("subjects", sa.Integer(), nullable=True),
        sa.Column("comparisons", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("remedy", sa.Text(), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["audit_id"], ["audit.id"], name=op.f("fk_metric_audit_id_audit"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["engine_id"], ["component.id"], name=op.f("fk_metric_engine_id_component")),
        sa.ForeignKeyConstraint(["recognizer_id"], ["component.id"], name=op.f("fk_metric_recognizer_id_component")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_metric")),
    )
    with op.batch_alter_table("metric", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_metric_audit_id_name"), ["audit_id", "name"], unique=False)

    op.create_table(
        "score_set",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("audit_id", sa.String(length=40), nullable=False),
        sa.Column("recognizer_id", sa.Integer(), nullable=False),
        sa.Column("engine_id", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("mean", sa.Float(), nullable=True),
        sa.Column("std", sa.Float(), nullable=True),
        sa.Column("storage", sa.String(length=20), nullable=False),
        sa.Column("low", sa.Float(), nullable=True),
        sa.Column("high", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(
            ["audit_id"], ["audit.id"], name=op.f("fk_score_set_audit_id_audit"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["engine_id"], ["component.id"], name=op.f("fk_score_set_engine_id_component")),
        sa.ForeignKeyConstraint(["recognizer_id"], ["component.id"], name=op.f("fk_score_set_recognizer_id_component")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_score_set")),
        sa.UniqueConstraint(
            "audit_id",
            "recognizer_id",
            "engine_id",
            "kind",
            name=op.f("uq_score_set_audit_id_recognizer_id_engine_id_kind"),
        ),
    )
    with op.batch_alter_table("score_set", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_score_set_audit_id"), ["audit_id"], unique=False)

    op.create_table(
        "score_block",
        sa.Column("score_set_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("values", sa.LargeBinary(), nullable=False),
        sa.Column("probe_subjects", sa.LargeBinary(), nullable=True),
        sa.Column("reference_subjects", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["score_set_id"],
            ["score_set.id"],
            name=op.f("fk_score_block_score_set_id_score_set"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("score_set_id", "position", name=op.f("pk_score_block")),
    )
