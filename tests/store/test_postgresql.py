"""A score store in PostgreSQL: what a department shares."""

from __future__ import annotations

from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from deidkit import api
from deidkit.store import audit_rows, load_scores, models, open_store

pytest.importorskip("psycopg", reason="needs psycopg: pip install 'psycopg[binary]>=3.2'")


@pytest.mark.slow
def test_an_audit_is_kept_and_loaded(postgresql_server: str, tmp_path: Path) -> None:
    palms = tmp_path / "palms"
    palms.mkdir()
    for identity in range(6):
        base = cv2.GaussianBlur(np.random.default_rng(identity).normal(0, 1, (128, 128)).astype(np.float32), (0, 0), 3)
        for sample in range(2):
            noise = np.random.default_rng([identity, sample]).normal(0, 4, base.shape)
            picture = np.clip(128 + 300 * base + noise, 0, 255).astype(np.uint8)
            cv2.imwrite(str(palms / f"{identity + 1:04d}_{sample + 1:04d}.png"), picture)
    made = api.audit(f"numbered:{palms},kind=roi", "blur", "compcode", db=postgresql_server)
    assert msgspec.json.encode(api.load("latest", db=postgresql_server).result) == msgspec.json.encode(made.result)
    store = open_store(postgresql_server, "read")
    genuine = load_scores(store, made.result.audit_id, "compcode", "genuine")
    assert genuine.count == 6
    assert [row.status for row in audit_rows(store)] == ["done"]
    with store.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), models.Base.metadata) == []
    store.dispose()


def test_counts_beyond_32_bits_are_kept(postgresql_server: str) -> None:
    store = open_store(postgresql_server, "write")
    with store.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO audit (id, plan_digest, plan, status, started, deidkit_version, output) "
                "VALUES ('large', 'x', '{}', 'running', now(), '0', '')"
            )
        )
        connection.execute(
            text("INSERT INTO timing (audit_id, stage, items, seconds) VALUES ('large', 'comparison', :items, 1)"),
            {"items": 10**12},
        )
        assert connection.scalar(text("SELECT items FROM timing WHERE audit_id = 'large'")) == 10**12
        connection.execute(text("DELETE FROM audit WHERE id = 'large'"))
    store.dispose()
