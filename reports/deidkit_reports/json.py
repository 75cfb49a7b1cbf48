"""JSON report: the complete result of an audit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from deidkit.audit_changes import Comparison
from deidkit.printing import printable_json
from deidkit.result import AuditResult


@dataclass(frozen=True)
class JsonReport:
    """The result as JSON: every number of every other report, and all that is needed to repeat it."""

    version: ClassVar[str] = "1"

    def write(self, result: AuditResult, folder: Path) -> Sequence[Path]:
        """Write ``report.json``."""
        return [_written(result, folder / "report.json")]

    def write_comparison(self, comparison: Comparison, folder: Path) -> Sequence[Path]:
        """Write ``comparison.json``."""
        return [_written(comparison, folder / "comparison.json")]


def document(record: AuditResult | Comparison | Mapping[str, Any]) -> bytes:
    """Encode a record reproducibly as formatted JSON."""
    text = msgspec.json.format(msgspec.json.encode(record), indent=2).decode()
    return f"{printable_json(text)}\n".encode()


def _written(record: AuditResult | Comparison, path: Path) -> Path:
    path.write_bytes(document(record))
    return path
