"""PDF report for filing, with the audit's id and the hash of its JSON on every page."""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar

from markupsafe import Markup

from deidkit.errors import MissingDependency
from deidkit.protocols import option
from deidkit.result import AuditResult, Cell
from deidkit.verdict import attack_classes, limits
from deidkit_reports import figures
from deidkit_reports.answers import answers, ranking
from deidkit_reports.checks import by_requirement
from deidkit_reports.dossier import standards
from deidkit_reports.headline import QUESTIONS, claim, headlines, in_order, title
from deidkit_reports.json import document
from deidkit_reports.notes import Notes
from deidkit_reports.pages import pages

FORM = "'NAME; ORGANISATION; DATE'; empty to be filled in by hand"

SECTIONS = {
    "parties": "Parties and scope",
    "evaluation": "The evaluation, by reporting item",
    "verdict": "Verdict and requirements",
    "identity": "Identity left in the copies",
    "attacks": "Attacks run, and not run",
    "protection": "Protection of biometric information",
    "opinion": "Singling out, linkability, inference",
    "law": "What this contributes to an assessment under the GDPR",
    "cost": "Quality and usability",
    "coverage": "Coverage and failures",
    "limits": "Limits of the evidence",
    "reproduction": "Record for making the audit again",
    "definitions": "Definitions",
    "contents": "The dossier, and how to check it",
}
"""Sections in order: name of template and anchor -> title."""

_FIGURE_STYLE = Markup("<style>{}</style>")


@dataclass(frozen=True)
class PdfReport:
    """A4 pages to be filed and printed: a summary, contents, and sections after standards and law."""

    version: ClassVar[str] = "1"

    auditor: str = option("", f"Who made the audit: {FORM}")
    reviewer: str = option("", f"Who reviewed it: {FORM}")
    controller: str = option("", f"Who decides on the processing of the pictures: {FORM}")

    def packages(self) -> Sequence[str]:
        """Packages whose versions are recorded."""
        return ("weasyprint",)

    def prepare(self, note: Callable[[str], None]) -> None:
        """Fail before a long audit if PDF files cannot be made."""
        try:
            import weasyprint  # noqa: F401 - a missing one is named with its remedy
        except OSError as error:
            raise MissingDependency(
                "report 'pdf' needs the library Pango, which lays out text. Install it as the system's package, e.g. "
                "apt install libpango-1.0-0 libpangoft2-1.0-0"
            ) from error

    def write(self, result: AuditResult, folder: Path) -> Sequence[Path]:
        """Write ``report.pdf``, PDF/A-3b with the JSON report attached."""
        from weasyprint import CSS, HTML, Attachment

        logging.getLogger("fontTools").setLevel(logging.ERROR)  # it logs every table of every font
        data = document(result)
        when = _finished(result)
        attachment = Attachment(
            string=data,
            name="report.json",
            description="Every number of this report",
            relationship="Source",
            created=when,  # not the present time, for reproducible bytes
            modified=when,
        )
        style = CSS(string=files("deidkit_reports").joinpath("static/dossier.css").read_text(encoding="utf-8"))
        path = folder / "report.pdf"
        page = _page(result, hashlib.sha256(data).hexdigest(), self._parties())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # weasyprint leaves its colour profile open
            HTML(string=page, url_fetcher=_refuse_fetch).write_pdf(
                path, stylesheets=[style], pdf_variant="pdf/a-3b", attachments=[attachment]
            )
        return [path]

    def _parties(self) -> list[tuple[str, list[str]]]:
        """(role, [name, organisation, date]) of each party; empty texts are to be filled in by hand."""
        roles = {
            "Auditor": self.auditor,
            "Reviewer": self.reviewer,
            "Controller (GDPR, article 4(7))": self.controller,
        }
        return [(role, [part.strip() for part in f"{text};;;".split(";")][:3]) for role, text in roles.items()]


def _finished(result: AuditResult) -> datetime:
    """When the audit ended; 1970-01-01 if unknown."""
    try:
        return datetime.fromisoformat(result.provenance.finished)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)


def _refuse_fetch(url: str) -> Any:
    """URL fetcher that refuses everything, as names in the report are untrusted."""
    raise ValueError(f"a report fetches nothing, and not {url[:80]}")


def _page(result: AuditResult, digest: str, parties: list[tuple[str, list[str]]]) -> str:
    cells = {(cell.engine, cell.recognizer): cell for cell in result.cells}
    found = answers(result)
    return (
        pages()
        .get_template("dossier/report.html.j2")
        .render(
            result=result,
            digest=digest,
            parties=parties,
            title=title(result),
            sections=SECTIONS,
            answers=found,
            ranking=ranking(found),
            claim=claim(result),
            engines=in_order(result),
            headlines=headlines(result),
            questions=QUESTIONS,
            cells=cells,
            checks=by_requirement(result.verdict),
            attack_classes=attack_classes(result),
            limits=limits(result),
            items=standards.reporting_items(result),
            properties=standards.protection(result),
            opinion=standards.opinion(result),
            law=standards.LAW,
            distributions=_distributions,
            notes=Notes,
        )
    )


def _distributions(identifier: str, cell: Cell) -> Markup:
    """Score distributions as an image with an embedded style sheet, as the page's does not apply inside images."""
    name = f"{cell.recognizer} on copies by {cell.engine}"
    drawn = figures.distributions(identifier, name, cell.histograms)
    if drawn.empty:
        return Markup("<p>{}</p>").format(drawn.empty)
    style = files("deidkit_reports").joinpath("static/dossier-figures.css").read_text(encoding="utf-8")
    start = drawn.svg.index(">") + 1
    return Markup(drawn.svg[:start]) + _FIGURE_STYLE.format(Markup(style)) + Markup(drawn.svg[start:])
