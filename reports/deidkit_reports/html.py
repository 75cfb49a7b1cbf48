"""HTML: one page that a compliance officer reads from the top and an engineer to the bottom."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from deidkit.result import AuditResult, Cell, EngineResult, Estimate
from deidkit_reports import figures, numbers

MAX_GALLERY_BYTES = 2_500_000
"""What the gallery may add to the page; pictures beyond it are left out and counted."""

COMPARED = (
    "deid_ratio_percent",
    "rejection_rate_percent",
    "rank_1_percent",
    "rank_1_without_source_percent",
    "linkage_eer_percent",
    "copy_linkage_eer_percent",
    "failure_to_acquire_percent",
)
"""Metrics of the side-by-side table."""

BASELINE = ("eer_percent", "d_prime_genuine_impostor", "rank_1_percent", "failure_to_acquire_percent")


@dataclass(frozen=True)
class HtmlReport:
    """One self-contained page: no script, no network, no original unless asked for."""

    version: ClassVar[str] = "1"

    def write(self, result: AuditResult, folder: Path) -> Sequence[Path]:
        """Write ``report.html``."""
        environment = Environment(
            loader=PackageLoader("deidkit_reports"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters |= {
            "name": numbers.name_of,
            "shown": numbers.text,
            "interval": numbers.interval,
            "moment": _moment,
        }
        style = files("deidkit_reports").joinpath("static/report.css").read_text(encoding="utf-8")
        page = environment.get_template("report.html.j2").render(
            result=result,
            style=Markup(style),
            headlines=[headline(engine, result) for engine in result.engines if not engine.component.control],
            controls={engine.component.label for engine in result.engines if engine.component.control},
            compared=COMPARED,
            baseline=BASELINE,
            cells={(cell.engine, cell.recognizer): cell for cell in result.cells},
            distributions=_distributions,
            det=_det(result),
            cmc=_cmc(result),
            gallery=_Gallery(folder),
            reaudit=_reaudit(result),
        )
        path = folder / "report.html"
        path.write_text(page, encoding="utf-8")
        return [path]


@dataclass(frozen=True)
class Headline:
    """The least favourable number over all recognizers, for each question a reader has first.

    Attributes:
        engine: Label.
        rows: Question, number in words, interval, recognizer.
    """

    engine: str
    rows: list[tuple[str, str, str, str]]


def headline(engine: EngineResult, result: AuditResult) -> Headline:
    """What the top of the page says about one engine."""
    cells = [cell for cell in result.cells if cell.engine == engine.component.label]
    questions = (
        ("De-identification Ratio (100 % is as far as another person)", "deid_ratio_percent", min),
        ("Copies rejected by the recognizer", "rejection_rate_percent", min),
        ("Copies identified among the originals", "rank_1_percent", max),
        ("Linkage of copies to originals (EER, 50 % is chance)", "linkage_eer_percent", min),
        ("Linkage of copies to one another (EER, 50 % is chance)", "copy_linkage_eer_percent", min),
    )
    rows = []
    for question, metric, worst in questions:
        known = [(cell.metrics[metric], cell) for cell in cells if _value(cell, metric) is not None]
        if not known:
            rows.append((question, numbers.NOT_COMPUTED, _why(cells, metric), ""))
            continue
        estimate, cell = worst(known, key=lambda pair: pair[0].value or 0.0)
        rows.append((question, numbers.text(estimate), numbers.interval(estimate), cell.recognizer))
    return Headline(engine.component.label, rows)


def _value(cell: Cell, metric: str) -> float | None:
    estimate = cell.metrics.get(metric)
    return None if estimate is None else estimate.value


def _why(cells: Sequence[Cell], metric: str) -> str:
    found = [cell.metrics[metric] for cell in cells if metric in cell.metrics]
    return f"{found[0].reason} {found[0].remedy}".strip() if found else "It was not measured."


def _distributions(cell: Cell) -> Markup:
    rejection: Estimate | None = cell.metrics.get("rejection_rate_percent")
    threshold: Any = rejection.parameters.get("threshold") if rejection else None
    title = f"Scores of {cell.recognizer} on copies by {cell.engine}"
    return figures.score_distributions(cell.histograms, title, threshold)


def _det(result: AuditResult) -> dict[str, Markup]:
    """By engine: what every recognizer links, and by '' the originals."""
    found = {"": figures.det({r.component.label: (_style(i), r.det) for i, r in enumerate(result.recognizers)},
                             "Verification of originals")}  # fmt: skip
    for engine in result.engines:
        label = engine.component.label
        curves = {cell.recognizer: (_style(i), cell.det) for i, cell in enumerate(_of(result, label))}
        found[label] = figures.det(curves, f"Linkage of copies by {label} to originals")
    return found


def _cmc(result: AuditResult) -> dict[str, Markup]:
    found = {"": figures.cmc({r.component.label: (_style(i), r.cmc) for i, r in enumerate(result.recognizers)},
                             "Identification of originals, each searched among all others")}  # fmt: skip
    for engine in result.engines:
        label = engine.component.label
        curves = {cell.recognizer: (_style(i), cell.cmc) for i, cell in enumerate(_of(result, label))}
        found[label] = figures.cmc(curves, f"Identification of copies by {label} among all originals")
    return found


def _of(result: AuditResult, engine: str) -> list[Cell]:
    return [cell for cell in result.cells if cell.engine == engine]


def _style(index: int) -> str:
    return f"series{index % 6}"


def _moment(text: str) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M} UTC"


def _reaudit(result: AuditResult) -> str:
    """A year later: recognizers improve, so evidence ages."""
    finished = datetime.fromisoformat(result.provenance.finished)
    year = finished.replace(year=finished.year + 1, day=min(finished.day, 28))
    return f"{year:%Y-%m-%d}"


class _Gallery:
    """Thumbnails as data URIs, within a budget."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._left = folder, MAX_GALLERY_BYTES

    def uri(self, name: str) -> str:
        """The picture, or an empty text where its file is gone or the page would grow too large."""
        path = (self._folder / name).resolve()
        if not path.is_relative_to(self._folder.resolve()) or not path.is_file():
            return ""
        data = path.read_bytes()
        if len(data) > self._left:
            return ""
        self._left -= len(data)
        return f"data:image/webp;base64,{base64.b64encode(data).decode()}"
