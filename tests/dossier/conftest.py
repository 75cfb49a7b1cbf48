"""A dossier of a result with hostile names, made and signed as a user does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from deidkit.cli import main
from deidkit.testing.reports import example_result

pytest.importorskip("weasyprint", reason="needs weasyprint")
pytest.importorskip("cryptography", reason="needs cryptography")


@dataclass(frozen=True)
class Made:
    """A dossier, its key, and what was printed."""

    folder: Path
    archive: Path
    key: Path
    output: str


def run(*words: str, **more):
    return CliRunner().invoke(main, [str(word) for word in words], **more)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    home = tmp_path_factory.mktemp("dossier")
    report = home / "report.json"
    report.write_bytes(msgspec.json.encode(example_result()))
    key = home / "auditor.key"
    assert run("key", "new", "--output", key).exit_code == 0
    result = run(
        "dossier", report, "--output", home / "filed", "--key", key,
        "--auditor", "Audit office; Example Lab; 2026-11-29", "--controller", "Data protection office; City Clinic",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    return Made(home / "filed", home / "filed.zip", key, result.output)
