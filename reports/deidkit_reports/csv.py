"""CSV: one row an estimate."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from deidkit.result import AuditResult
from deidkit_reports.numbers import rows

HEADER = (
    "scope", "engine", "recognizer", "metric", "value", "unit", "low", "high", "interval", "subjects", "comparisons",
    "reason", "remedy",
)  # fmt: skip

_FORMULA = frozenset({"=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20"})
"""What starts a formula in some spreadsheet, full-width forms included; leading white space does not stop it."""


@dataclass(frozen=True)
class CsvReport:
    """Every estimate as a row of a table."""

    version: ClassVar[str] = "1"

    def write(self, result: AuditResult, folder: Path) -> Sequence[Path]:
        """Write ``report.csv``, UTF-8."""
        path = folder / "report.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(HEADER)
            for row in rows(result):
                e = row.estimate
                place = [row.scope, row.engine, row.recognizer, row.metric]
                evidence = [e.interval, e.subjects, e.comparisons, e.reason, e.remedy]
                writer.writerow([safe(cell) for cell in [*place, e.value, e.unit, e.low, e.high, *evidence]])
        return [path]


def safe(cell: object) -> object:
    """A text that a spreadsheet would run as a formula gets an apostrophe in front; what is no number is left empty."""
    if isinstance(cell, float) and not math.isfinite(cell):
        return ""
    return f"'{cell}" if isinstance(cell, str) and {cell[:1], cell.lstrip()[:1]} & _FORMULA else cell
