"""HTML report: one page, with the verdict at the top and details below."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from markupsafe import Markup

from deidkit.audit_changes import Comparison
from deidkit.result import AuditResult, Cell, Estimate
from deidkit.verdict import attack_classes, limits
from deidkit_reports import audits, figures
from deidkit_reports.answers import answers, ranking
from deidkit_reports.checks import by_requirement
from deidkit_reports.gallery import Gallery
from deidkit_reports.headline import QUESTIONS, Question, claim, headlines, in_order, title
from deidkit_reports.notes import Notes
from deidkit_reports.pages import pages, style
from deidkit_reports.tiers import conclusion, tally, tier_rows

MAX_BYTES = 4_500_000
"""Maximum size of the page. Beyond it, the tables of all numbers, which other formats have, and then pictures are
omitted, with a note."""

SECTIONS = {
    "verdict": "Verdict",
    "setup": "What was audited, and how",
    "comparison": "Comparison",
    "scores": "Scores",
    "linkage": "Linkage and diversity",
    "attacks": "Attacks",
    "cost": "Quality and usability",
    "coverage": "Coverage",
    "samples": "Samples",
    "failures": "Failures and time",
    "definitions": "Definitions",
    "limits": "Limits of the evidence",
    "signoff": "Sign-off",
}
"""Sections in order: name of template and anchor -> title."""

COMPARED = (
    *QUESTIONS,
    Question("rejection_rate_percent", "RR at the EER threshold", "", "higher", (0, 100), None),
    Question("rank_1_without_source_percent", "Identified, own original left out", "", "lower", (0, 100), None),
    Question("failure_to_acquire_percent", "Failure to acquire (FTA)", "", "lower", (0, 100), None),
)
"""Columns of the side-by-side table."""

BASELINE = (
    "eer_percent",
    "d_prime_genuine_impostor",
    "auc_genuine_impostor",
    "fnmr_percent_at_fmr_1_percent",
    "rank_1_percent",
    "failure_to_acquire_percent",
)

LINKAGE = (
    "linkage_eer_percent",
    "linkage_auc",
    "linkage_d_sys",
    "copy_linkage_eer_percent",
    "copy_linkage_auc",
    "copy_linkage_d_sys",
    "diversity_mean",
    "diversity_std",
)


@dataclass(frozen=True)
class HtmlReport:
    """One self-contained page: no script, no network, no original unless asked for."""

    version: ClassVar[str] = "3"

    def write(self, result: AuditResult, folder: Path) -> Sequence[Path]:
        """Write ``report.html``."""
        full = True
        size = len(_render(result, Gallery(folder, 0), full=full).encode())
        if size > MAX_BYTES:
            full = False
            size = len(_render(result, Gallery(folder, 0), full=full).encode())
        shown = max(1, sum(bool(engine.gallery) for engine in result.engines))
        page = _render(result, Gallery(folder, max(0, MAX_BYTES - size) // shown), full=full)
        path = folder / "report.html"
        path.write_text(page, encoding="utf-8")
        return [path]

    def write_comparison(self, comparison: Comparison, folder: Path) -> Sequence[Path]:
        """Write ``comparison.html``."""
        path = folder / "comparison.html"
        path.write_text(audits.page(comparison), encoding="utf-8")
        return [path]


def _render(result: AuditResult, gallery: Gallery, *, full: bool) -> str:
    found = answers(result)
    return (
        pages()
        .get_template("report.html.j2")
        .render(
            result=result,
            engines=in_order(result),
            title=title(result),
            checks=by_requirement(result.verdict),
            sections=SECTIONS,
            style=style(),
            headlines=headlines(result),
            answers=found,
            ranking=ranking(found),
            claim=claim(result),
            questions=QUESTIONS,
            compared=COMPARED,
            baseline=BASELINE,
            linkage=LINKAGE,
            cells={(cell.engine, cell.recognizer): cell for cell in result.cells},
            baselines={recognizer.component.label: recognizer for recognizer in result.recognizers},
            distributions=_distributions,
            among_copies=_among_copies,
            kinds=figures.KINDS,
            published=figures.PUBLISHED,
            det=figures.det,
            cmc=figures.cmc,
            bar=_bar,
            metrics_of=_metrics_of,
            notes=Notes,
            gallery=gallery,
            full=full,
            reaudit=_reaudit(result),
            attack_classes=attack_classes(result),
            tier_rows=tier_rows,
            conclusion=conclusion,
            tally=tally,
            limits=limits(result),
        )
    )


def _distributions(identifier: str, cell: Cell) -> figures.Figure:
    rejection = cell.metrics.get("rejection_rate_percent")
    found = rejection.parameters if rejection else {}
    threshold = found.get("threshold")
    title = f"{cell.recognizer} on copies by {cell.engine}"
    return figures.distributions(
        identifier, title, cell.histograms, threshold=threshold if isinstance(threshold, float) else None
    )


def _among_copies(identifier: str, cell: Cell) -> figures.Figure:
    title = f"{cell.recognizer}: copies by {cell.engine} with one another"
    return figures.distributions(identifier, title, cell.histograms, ("linkage_mated", "linkage_nonmated"))


def _bar(estimate: Estimate, question: Question, cell: Cell | None = None) -> Markup:
    chance = cell.metrics.get("chance_rank_1_percent") if cell and question.metric.startswith("rank_1") else None
    reference = chance.value if chance else question.reference
    return figures.whisker(estimate, question.ends, reference)


def _metrics_of(estimates: Iterable[Mapping[str, Estimate]]) -> list[str]:
    """Names of all metrics that occur, in order of first appearance."""
    return list(dict.fromkeys(metric for of_engine in estimates for metric in of_engine))


def _reaudit(result: AuditResult) -> str:
    """Date for the next audit, one year later, as recognizers improve."""
    try:
        finished = datetime.fromisoformat(result.provenance.finished)
    except ValueError:
        return "a year from now"
    return f"{finished.replace(year=finished.year + 1, day=min(finished.day, 28)):%Y-%m-%d}"
