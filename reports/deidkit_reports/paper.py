"""LaTeX tables in the published layout over several data sets, with intervals.

Tables II to IV of Yan et al. (arXiv 2504.08272) have a row for each data set, V to VII for each setting of an engine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from deidkit.result import AuditResult, Component, Estimate
from deidkit.titles import title_of
from deidkit_reports.latex import ACROSS, IDENTITY, USABILITY, escape, quality_columns
from deidkit_reports.numbers import known, number, why

PUBLISHED_QUALITY = {"ssim", "ms_ssim", "psnr", "lpips", "fid"}
ABLATION_QUALITY = {"ssim": "SSIM", "psnr": "PSNR", "fid": "FID"}
SETTINGS = 2
"""Minimum number of settings of one engine in an audit for ablation tables."""

Estimates = Mapping[tuple[str, str], Estimate]
"""(recognizer, metric) -> estimate; the recognizer is empty for quality and usability."""


@dataclass(frozen=True)
class Row:
    """One row of every table: an engine on a data set."""

    label: str
    estimates: Estimates


@dataclass(frozen=True)
class PaperReport:
    r"""Rows for a paper, each number with its 95 % interval; needs ``\usepackage{booktabs}``."""

    version: ClassVar[str] = "1"

    def write(self, result: AuditResult, folder: Path) -> Sequence[Path]:
        """Write ``paper.tex`` of one audit."""
        return self.write_several([result], folder)

    def write_several(self, results: Sequence[AuditResult], folder: Path) -> Sequence[Path]:
        """Write ``paper.tex``: a row for each data set and engine, and for each setting of an ablation."""
        path = folder / "paper.tex"
        path.write_text(tables(results), encoding="utf-8")
        return [path]


def tables(results: Sequence[AuditResult]) -> str:
    """Return all tables for which the audits have rows."""
    head = [
        *(f"% Audit {escape(r.audit_id)} on {escape(r.dataset.component.label)}." for r in results),
        r"% Needs \usepackage{booktabs} and \usepackage[T1]{fontenc}.",
        "% RR at the threshold of the equal error rate; DIR of eq. 4 with its sign; Acc.: rank 1, own original in the",
        "% gallery. Small: 95 % intervals over people.",
        *(f"% {escape(sentence)}" for sentence in _remarks(results)),
    ]  # fmt: skip
    recognizers = list(dict.fromkeys(r.component.label for result in results for r in result.recognizers))
    rows = _data_set_rows(results)
    engines = list(dict.fromkeys(label for result in results for label in _judged(result)))
    made = f", copies by {engines[0]}" if len(engines) == 1 else ""
    parts = [
        *_identity(rows, recognizers, "II", f"De-identification in percent{made}", "Data set"),
        _pictures(rows, _quality(results), "III", f"Quality, mean over pictures{made}", "Data set"),
        _pictures(rows, USABILITY, "IV", f"Usability difference in percent of each task's range{made}", "Data set"),
    ]
    for result in results:
        if settings := _setting_rows(result):
            name = result.dataset.component.label
            own = [r.component.label for r in result.recognizers]
            parts += _identity(settings, own, "V", f"Settings on {name} in percent", "Setting")
            parts.append(_pictures(settings, ABLATION_QUALITY, "VI", f"Quality of the settings on {name}", "Setting"))
            parts.append(_pictures(settings, USABILITY, "VII", f"Usability of the settings on {name}", "Setting"))
    remarks = " ".join(escape(sentence) for sentence in _remarks(results))
    note = [rf"{{\footnotesize\noindent {remarks}\par}}"] if remarks else []
    return "\n\n".join(["\n".join(head), *parts, *note]) + "\n"


def _remarks(results: Sequence[AuditResult]) -> list[str]:
    """Remarks on models and parameters on which the numbers depend."""
    of_engines = [engine.component for result in results for engine in result.engines if not engine.component.control]
    of_recognizers = [recognizer.component for result in results for recognizer in result.recognizers]
    return list(dict.fromkeys(f"{c.label}: {c.remark}." for c in [*of_engines, *of_recognizers] if c.remark))


def _quality(results: Sequence[AuditResult]) -> Mapping[str, str]:
    """Quality columns: the published ones, and further measures that were requested."""
    measured = {name for r in results for e in r.engines for name, found in e.quality.items() if known(found.value)}
    return {name: title for name, title in quality_columns().items() if name in measured | PUBLISHED_QUALITY}


def _data_set_rows(results: Sequence[AuditResult]) -> list[Row]:
    names = [result.dataset.component.label for result in results]
    rows = []
    for result, name in zip(results, names, strict=True):
        judged = [e.component for e in result.engines if e.component.judged] or [e.component for e in result.engines]
        label = f"{name}, {result.audit_id}" if names.count(name) > 1 else name
        several = len(judged) > 1 or len({label for r in results for label in _judged(r)}) > 1
        rows += [Row(f"{label}, {c.label}" if several else label, _estimates(result, c.label)) for c in judged]
    return rows


def _setting_rows(result: AuditResult) -> list[Row]:
    """A row for each engine but controls, if one of them was audited with several settings; otherwise none."""
    components = [engine.component for engine in result.engines if not engine.component.control]
    most = Counter(component.name for component in components).most_common(1)
    if not most or most[0][1] < SETTINGS:
        return []
    return [Row(component.label, _estimates(result, component.label)) for component in components]


def _judged(result: AuditResult) -> list[str]:
    components: list[Component] = [engine.component for engine in result.engines]
    return [component.label for component in components if component.judged]


def _estimates(result: AuditResult, engine: str) -> Estimates:
    found: dict[tuple[str, str], Estimate] = {}
    for cell in result.cells:
        if cell.engine == engine:
            found |= {(cell.recognizer, name): estimate for name, estimate in cell.metrics.items()}
    of_engine = next(e for e in result.engines if e.component.label == engine)
    return found | {("", name): estimate for name, estimate in {**of_engine.quality, **of_engine.usability}.items()}


def _identity(rows: Sequence[Row], recognizers: Sequence[str], name: str, caption: str, first: str) -> list[str]:
    """Identity tables, split to fit the page's width if there are many recognizers."""
    parts = []
    for start in range(0, len(recognizers), ACROSS):
        shown = recognizers[start : start + ACROSS]
        groups = " & ".join(rf"\multicolumn{{3}}{{c}}{{{escape(label)}}}" for label in shown)
        rules = " ".join(rf"\cmidrule(lr){{{2 + 3 * i}-{4 + 3 * i}}}" for i in range(len(shown)))
        head = [f"{first} & {groups} \\\\", rules, "& " + " & ".join(["RR & DIR & Acc."] * len(shown)) + r" \\"]
        columns = [(label, metric) for label in shown for metric in IDENTITY]
        parts.append(_table(rows, columns, head, name, f"{caption}: RR, DIR and rank-1 accuracy"))
    return parts


def _pictures(rows: Sequence[Row], titles: Mapping[str, str], name: str, caption: str, first: str) -> str:
    head = [f"{first} & " + " & ".join(escape(title) for title in titles.values()) + r" \\"]
    return _table(rows, [("", metric) for metric in titles], head, name, caption, extra=1)


def _table(
    rows: Sequence[Row], columns: Sequence[tuple[str, str]], head: list[str], name: str, caption: str, *, extra: int = 0
) -> str:
    missing: list[str] = []
    body = [
        f"{escape(row.label)} & "
        + " & ".join(_cell(row.estimates, column, missing, extra) for column in columns)
        + r" \\"
        for row in rows
    ]
    notes = [rf"\textsuperscript{{{i}}} {escape(reason)}" for i, reason in enumerate(missing, 1)]
    return "\n".join([
        f"% Table {name}", r"\begin{table*}", r"\centering\footnotesize", rf"\caption{{{escape(caption)}.}}",
        rf"\begin{{tabular}}{{l{'r' * len(columns)}}}", r"\toprule", *head, r"\midrule", *body, r"\bottomrule",
        r"\end{tabular}", *([r"\par\smallskip Not computed: " + " ".join(notes)] if notes else []), r"\end{table*}",
    ])  # fmt: skip


def _cell(estimates: Estimates, column: tuple[str, str], missing: list[str], extra: int) -> str:
    estimate = estimates.get(column)
    if estimate is None or not known(estimate.value):
        reason = f"{title_of(column[1])}: {why(estimate)}"
        if reason not in missing:
            missing.append(reason)
        return rf"--\textsuperscript{{{missing.index(reason) + 1}}}"
    text = escape(number(estimate.value, estimate.unit, extra=extra))
    if not (known(estimate.low) and known(estimate.high)):
        return text
    ends = ", ".join(escape(number(end, estimate.unit, extra=extra)) for end in (estimate.low, estimate.high))
    return rf"{text} {{\tiny{{[}}{ends}{{]}}}}"
