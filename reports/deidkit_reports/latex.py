"""LaTeX report in the layout of the published Tables II to IV."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from deidkit.measures import pictures, registry
from deidkit.result import AuditResult, Estimate
from deidkit.titles import title_of
from deidkit.verdict import threshold_range
from deidkit_reports.numbers import known, number, why

USABILITY = {record.name: record.short for record in pictures.USABILITY if record.short}
IDENTITY = ("rejection_rate_percent", "deid_ratio_percent", "rank_1_percent")
ACROSS = 4
"""Maximum number of recognizers in one table; more are continued in further tables, to fit the page's width."""

_SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "[": "{[}", "]": "{]}", "*": "{*}", "`": r"\textasciigrave{}", '"': r"\textquotedbl{}",
    "\u2212": "$-$", "\u00d7": r"$\times$", "\u00b1": r"$\pm$", "\u2264": r"$\le$", "\u2265": r"$\ge$",
    "\u202f": r"\,", "\u00a0": "~",
}  # fmt: skip


@dataclass(frozen=True)
class LatexReport:
    """Tables for a paper: the verdict with what was found, identity left, quality, usability."""

    version: ClassVar[str] = "2"

    def write(self, result: AuditResult, folder: Path) -> Sequence[Path]:
        r"""Write ``report.tex``, to be read with ``\input``; it needs the package booktabs."""
        path = folder / "report.tex"
        path.write_text(tables(result, verdict=True), encoding="utf-8")
        return [path]


def tables(result: AuditResult, first: str = "Engine", *, verdict: bool = False) -> str:
    """Return all tables, optionally with that of the verdict; `first` is the heading of the engines' column."""
    data_set = escape(result.dataset.component.label)
    labels = [recognizer.component.label for recognizer in result.recognizers]
    parts = [
        f"% Audit {escape(result.audit_id)} by deidkit {escape(result.provenance.deidkit)}.",
        r"% Needs \usepackage{booktabs} and \usepackage[T1]{fontenc}.",
        *([_verdicts(result, first)] if verdict else []),
        *(_identity(result, data_set, labels[i : i + ACROSS], i, first) for i in range(0, len(labels), ACROSS)),
        _pictures(result, data_set, quality_columns(), "quality", first),
        _pictures(result, data_set, USABILITY, "usability", first),
    ]
    return "\n\n".join(parts) + "\n"


def quality_columns() -> dict[str, str]:
    """Metrics of quality with a column in tables -> heading."""
    return {record.name: record.short for record in registry.of_quality() if record.short}


def escape(text: str) -> str:
    """Escape a text for LaTeX, on one line.

    A bracket or a star after the end of a row would be read as its option, and two dashes or quotes as one sign.
    """
    printable = (c if c.isprintable() or c in _SPECIAL else " " for c in text)
    escaped = "".join(_SPECIAL.get(character, character) for character in printable)
    return re.sub(r"([-'])(?=\1)", r"\1{}", escaped)


def _verdicts(result: AuditResult, first: str) -> str:
    statuses = {verdict.engine: verdict.status for verdict in result.verdict.engines}
    body = []
    for engine in result.engines:
        component = engine.component
        status = statuses.get(component.label, "control" if component.control else "baseline")
        found = ", ".join(f"{finding.count} {finding.name}" for finding in engine.coverage) or "none"
        cells = (component.label, status.lower() if status == "NO REQUIREMENT" else status,
                 f"{engine.produced} of {engine.expected}", found)  # fmt: skip
        body.append(" & ".join(escape(cell) for cell in cells) + r" \\")
    policy = f" against the policy {result.verdict.policy}" if result.verdict.policy else ""
    caption = escape(f"Verdict on each engine{policy}, copies made, and findings.")
    return _table("lllp{0.4\\linewidth}", [f"{first} & Verdict & Copies & Findings \\\\"], body, caption, "verdict", [])


def _identity(result: AuditResult, data_set: str, recognizers: Sequence[str], start: int, first: str) -> str:
    cells = {(cell.engine, cell.recognizer): cell.metrics for cell in result.cells}
    groups = " & ".join(rf"\multicolumn{{3}}{{c}}{{{escape(name)}}}" for name in recognizers)
    rules = " ".join(rf"\cmidrule(lr){{{2 + 3 * i}-{4 + 3 * i}}}" for i in range(len(recognizers)))
    lines = [f"{first} & {groups} \\\\", rules, "& " + " & ".join(["RR & DIR & Acc."] * len(recognizers)) + r" \\"]
    missing: list[str] = []
    body = []
    for engine in result.engines:
        label = engine.component.label
        shown = [_cell(cells.get((label, name), {}), metric, missing) for name in recognizers for metric in IDENTITY]
        body.append(f"{escape(label)} & " + " & ".join(shown) + r" \\")
    caption = (
        f"De-identification on {data_set} in percent: rejection rate (RR), De-identification Ratio (DIR) and rank-1 "
        "identification with a copy's own original in the gallery (Acc.). In brackets: RR over all thresholds of the "
        "same equal error rate."
    )
    return _table(
        "l" + "rrr" * len(recognizers), lines, body, caption, f"deidentification-{start // ACROSS + 1}", missing
    )


def _pictures(result: AuditResult, data_set: str, columns: Mapping[str, str], what: str, first: str) -> str:
    lines = [f"{first} & " + " & ".join(escape(title) for title in columns.values()) + r" \\"]
    missing: list[str] = []
    body = []
    for engine in result.engines:
        estimates = {**engine.quality, **engine.usability}
        shown = [_cell(estimates, metric, missing, extra=1) for metric in columns]
        body.append(f"{escape(engine.component.label)} & " + " & ".join(shown) + r" \\")
    captions = {
        "quality": f"Quality of the de-identified pictures of {data_set}, mean over pictures.",
        "usability": f"Usability difference on {data_set} in percent of each task's range, on pictures where the task "
        "succeeds before and after; lower is better.",
    }
    return _table("l" + "r" * len(columns), lines, body, captions[what], what, missing)


def _cell(estimates: Mapping[str, Estimate], metric: str, missing: list[str], *, extra: int = 0) -> str:
    estimate = estimates.get(metric)
    if estimate is not None and known(estimate.value):
        ends = threshold_range(estimate)
        over = (
            f" ({number(ends[0], estimate.unit)} to {number(ends[1], estimate.unit)})"
            if ends and ends[0] != ends[1]
            else ""
        )
        return escape(number(estimate.value, estimate.unit, extra=extra) + over)
    reason = f"{title_of(metric)}: {why(estimate)}"
    if reason not in missing:
        missing.append(reason)
    return f"--\\textsuperscript{{{missing.index(reason) + 1}}}"


def _table(columns: str, head: list[str], body: list[str], caption: str, label: str, missing: list[str]) -> str:
    notes = [f"\\textsuperscript{{{i}}} {escape(reason)}" for i, reason in enumerate(missing, 1)]
    footnotes = [r"\par\smallskip\footnotesize Not computed: " + " ".join(notes)] if notes else []
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{caption}}}",
            rf"\label{{tab:deidkit-{label}}}",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            *head,
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            *footnotes,
            r"\end{table}",
        ]
    )
