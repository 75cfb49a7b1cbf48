"""Passwords of databases: neither a report nor a message holds them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from .misbehaving import audit, result_of


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (["--db", "postgresql://ann:se:cr@t@host/x"], "--db 'postgresql://ann:***@host/x'"),
        (["--db=postgresql://ann:s%40cr@host/x"], "'--db=postgresql://ann:***@host/x'"),
        (
            ["--db", "postgresql+psycopg://h/x?user=ann&password=s3cr"],
            "'postgresql+psycopg://h/x?password=***&user=ann'",
        ),
        (["--db", "mssql+pyodbc://?odbc_connect=PWD%3Ds3cr"], "odbc_connect=***"),
        (["--db", "postgresql://ann:s3cr@host:port/x"], "'postgresql://***'"),
        (["--db", "plain file.db"], "--db 'plain file.db'"),
        (
            ["--engine", "service:https://host:8443/anon?notify=ops@firm.com"],
            "https://host:8443/anon?notify=ops@firm.com",
        ),
    ],
)
def test_a_password_stays_out_of_what_is_shared_and_nothing_else_is_changed(
    palms: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch, given: list[str], shown: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["deidkit", "audit", *given])
    assert audit(palms, "mask", "--output", "out").exit_code == 0
    told = result_of(elsewhere / "out")["provenance"]["command"]
    assert shown in told
    assert not any(secret in told for secret in ("cr@t", "s%40cr", "s3cr"))


@pytest.mark.slow
def test_a_password_stays_out_of_messages(palms: Path, elsewhere: Path) -> None:
    for url in ("foo://ann:secret@host/x", "foo://host/x?password=secret", "postgresql://ann:secret@host:port/x"):
        refused = audit(palms, "mask", "--db", url)
        assert refused.exit_code == 2 and "secret" not in refused.output
