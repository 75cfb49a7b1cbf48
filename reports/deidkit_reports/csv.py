"""CSV report: one row for each estimate, and one row for each check."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from deidkit.result import AuditResult, rows
from deidkit.verdict import threshold_range

HEADER = (
    "scope", "engine", "recognizer", "metric", "value", "unit", "low", "high", "interval", "subjects", "comparisons",
    "threshold_range_low", "threshold_range_high", "reason", "remedy",
)  # fmt: skip

VERDICT_HEADER = ("engine", "recognizer", "requirement", "status", "measured", "subjects_needed", "explanation")

_FORMULA = frozenset({"=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20"})
"""Characters that start a formula in some spreadsheets, even after blanks; includes full-width forms."""


@dataclass(frozen=True)
class CsvReport:
    """Every estimate, and every check of a requirement, as a row of a table."""

    version: ClassVar[str] = "2"

    def write(self, result: AuditResult, folder: Path) -> Sequence[Path]:
        """Write ``report.csv`` and ``report.verdict.csv``, UTF-8."""
        path = folder / "report.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(HEADER)
            for row in rows(result):
                e = row.estimate
                place = [row.scope, row.engine, row.recognizer, row.metric]
                ends = threshold_range(e) or (None, None)
                evidence = [e.interval, e.subjects, e.comparisons, *ends, e.reason, e.remedy]
                writer.writerow([safe(cell) for cell in [*place, e.value, e.unit, e.low, e.high, *evidence]])
        return [path, _write_verdict(result, folder / "report.verdict.csv")]


def _write_verdict(result: AuditResult, path: Path) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(VERDICT_HEADER)
        for engine in result.verdict.engines:
            writer.writerow(
                [safe(cell) for cell in (engine.engine, "", "verdict", engine.status, "", "", engine.sentence)]
            )
        for r in result.verdict.requirements:
            row = (r.engine, r.recognizer, r.text, r.status, r.measured, r.subjects_needed, r.explanation)
            writer.writerow([safe(cell) for cell in row])
    return path


def safe(cell: object) -> object:
    """Prefix a text that a spreadsheet would run as a formula with an apostrophe; NaN becomes an empty cell."""
    if isinstance(cell, float) and not math.isfinite(cell):
        return ""
    return f"'{cell}" if isinstance(cell, str) and {cell[:1], cell.lstrip()[:1]} & _FORMULA else cell
