"""Submissions of scores: computes every score metric from the scores of a submitter's own matcher."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import msgspec

from deidkit.measures import IntervalSettings, score_estimates
from deidkit.result import Estimate
from deidkit.titles import title_of
from deidkit_service import tables
from deidkit_service.home import Home

SHOWN = ("eer_percent", "deid_ratio_percent", "rejection_rate_percent_at_fmr_1_percent", "linkage_eer_percent")
"""Metrics that are also stored in the submission's row."""

SUFFIXES = {b"PK\x03\x04": ".npz", b"PAR1": ".parquet"}
"""First bytes of a file of scores -> its suffix; anything else is read as CSV."""


def measure_scores(home: Home, row: tables.Submission) -> dict[str, Any]:
    """Compute every score metric of a file of scores and write the report; returns the metrics named in `SHOWN`.

    Raises:
        UsageError: The file cannot be read as scores; the message names row and column.
    """
    from deidkit.cli.scorefiles import read_scores
    from deidkit_service.rendering import standalone  # imports the web framework, which audits do not need

    folder = home.submission(row.id)
    upload = folder / "upload.zip"
    if upload.exists():
        with upload.open("rb") as file:
            suffix = SUFFIXES.get(file.read(4), ".csv")
        upload = upload.rename(folder / f"scores{suffix}")
    else:
        upload = next(folder.glob("scores.*"))
    read = read_scores(upload, similarity=False)
    found = score_estimates(read.sets, None if read.no_intervals else IntervalSettings())
    known = {name: estimate for name, estimate in found.items() if estimate.value is not None}
    report = folder / "report"
    report.mkdir(mode=0o700, exist_ok=True)
    content = {
        "submission": row.id,
        "benchmark": row.benchmark,
        "measured_here": False,
        "notes": read.notes,
        "failures_to_acquire": read.failures,
        "estimates": {name: asdict(estimate) for name, estimate in found.items()},
    }
    (report / "report.json").write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=1))
    rows = [(title_of(name), estimate) for name, estimate in known.items()]
    page = standalone("scores.html.j2", submission=row, rows=rows, notes=read.notes, failures=read.failures)
    (report / "report.html").write_text(page, encoding="utf-8")
    return {name: _number(known[name]) for name in SHOWN if name in known}


def _number(estimate: Estimate) -> dict[str, Any]:
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high, "unit": estimate.unit}
