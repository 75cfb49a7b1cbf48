"""Markdown report, for comments on pull requests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from deidkit.audit_changes import Comparison
from deidkit.result import AuditResult, Estimate
from deidkit_reports import changes, numbers
from deidkit_reports.headline import headlines, title

MARKS = {"better": "🟢", "worse": "🔴", "within the noise": "⚪", "changed": "🔵", "not decided": "❔"}


@dataclass(frozen=True)
class MarkdownReport:
    """An audit, or what changed since another, as tables that a code host shows."""

    version: ClassVar[str] = "1"

    def write(self, result: AuditResult, folder: Path) -> Sequence[Path]:
        """Write ``report.md``: the verdict and the least favourable numbers of each engine."""
        verdict = result.verdict
        shown = headlines(result)
        heads = ["engine", "verdict", *(answer.question.words for answer in (shown[0].answers if shown else []))]
        statuses = {each.engine: each.status for each in verdict.engines}
        rows = [
            [
                h.engine.component.label,
                statuses.get(h.engine.component.label, "not judged"),
                *(_number(answer.estimate) for answer in h.answers),
            ]
            for h in shown
        ]
        parts = [
            f"## {_cell(title(result))}: {verdict.status}",
            _cell(verdict.sentence),
            *([_table(heads, rows)] if rows else []),
            f"Audit {_cell(result.audit_id)}, deidkit {_cell(result.provenance.deidkit)}, "
            f"{result.dataset.subjects} people. Least favourable recognizer, 95 % intervals in brackets.",
        ]
        path = folder / "report.md"
        path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
        return [path]

    def write_comparison(self, comparison: Comparison, folder: Path) -> Sequence[Path]:
        """Write ``comparison.md``: the headline numbers and whatever else is better or worse."""
        parts = []
        for other, engine in changes.pairs(comparison):
            parts += [
                f"### {_cell(engine.sentence)}",
                f"Audit {_cell(other.audit.audit_id)} against {_cell(comparison.first.audit_id)}. "
                f"{_cell(changes.verdicts(engine))}",
                *(f"**Not alike**: {_cell(difference)}" for difference in other.unlike),
                _table(
                    ["", "number", "recognizer", "before", "after", "difference (95 %)", ""],
                    [
                        [
                            MARKS[c.direction], c.title, c.recognizer, changes.value(c.before), changes.value(c.after),
                            changes.difference(c.difference), c.direction,
                        ]
                        for c in changes.headline(engine)
                    ],
                ),
            ]  # fmt: skip
        unpaired = [f"**Not compared**: {_cell(engine)}." for other in comparison.others for engine in other.unpaired]
        path = folder / "comparison.md"
        path.write_text("\n\n".join([*parts, *unpaired, changes.CAUTION]) + "\n", encoding="utf-8")
        return [path]


def _number(estimate: Estimate | None) -> str:
    if estimate is None:
        return "not measured"
    span = numbers.interval(estimate)
    return f"{numbers.text(estimate)} ({span})" if span else numbers.text(estimate)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    """Escape a text against Markdown and HTML, on one line."""
    printable = "".join(c if c.isprintable() or c == "\u00a0" else " " for c in text)
    for sign in "\\`*_[]<>|#":
        printable = printable.replace(sign, f"\\{sign}")
    return printable
