"""Ablation report: one engine under many settings, as three tables and a privacy-utility plot."""

from __future__ import annotations

import csv
import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from deidkit.result import AuditResult, Component, Estimate
from deidkit_reports import figures, latex
from deidkit_reports.csv import safe
from deidkit_reports.json import document
from deidkit_reports.notes import Notes
from deidkit_reports.numbers import known, plain
from deidkit_reports.pages import pages, style

RECOGNITION = {"rejection_rate_percent": "RR", "deid_ratio_percent": "DIR", "rank_1_percent": "Acc."}
LIKENESS, PRIVACY = "ssim", "deid_ratio_percent"
MEANINGS = {0.0: "as near as the same hand", 100.0: "as far as another's hand"}
"""De-identification Ratio in percent -> meaning, as label of a reference line."""


@dataclass(frozen=True)
class AblationReport:
    """The settings of an engine side by side; each engine of the audit is a row."""

    version: ClassVar[str] = "1"

    def write(self, result: AuditResult, folder: Path) -> Sequence[Path]:
        r"""Write ``ablation.html``, ``.csv``, ``.json`` and ``.tex``; all say the same."""
        named = by_setting(result)
        varied = varied_options(result)
        paths = [folder / f"ablation.{kind}" for kind in ("html", "csv", "json", "tex")]
        paths[0].write_text(_page(named, varied), encoding="utf-8")
        _write_csv(named, varied, paths[1])
        paths[2].write_bytes(document(_document(named, varied)))
        paths[3].write_text(latex.tables(named, first="Setting"), encoding="utf-8")
        return paths


def varied_options(result: AuditResult) -> list[str]:
    """Names of the options in which the settings of the ablated engine differ."""
    ablated = _ablated(result)
    return [
        key for key in (ablated[0].options if ablated else {}) if len({_word(c.options.get(key)) for c in ablated}) > 1
    ]


def by_setting(result: AuditResult) -> AuditResult:
    """Relabel the ablated engine's settings by the options that vary; other engines keep their labels."""
    varied = varied_options(result)
    names = {c.label: ", ".join(f"{key} {_word(c.options.get(key))}" for key in varied) for c in _ablated(result)}
    if not varied or len(set(names.values())) < len(names):
        return result

    def renamed(component: Component) -> Component:
        return dataclasses.replace(component, label=names.get(component.label, component.label))

    return dataclasses.replace(
        result,
        engines=[dataclasses.replace(engine, component=renamed(engine.component)) for engine in result.engines],
        cells=[dataclasses.replace(cell, engine=names.get(cell.engine, cell.engine)) for cell in result.cells],
    )


def _ablated(result: AuditResult) -> list[Component]:
    """Settings of the ablated engine: the first engine, or, if it has only one, the engine with the most settings."""
    components = [engine.component for engine in result.engines]
    count = Counter(component.name for component in components)
    name = components[0].name if components else ""
    if components and count[name] == 1:
        name = max(components, key=lambda c: (count[c.name], not c.control)).name
    return [component for component in components if component.name == name]


def _word(value: object) -> str:
    return "+".join(_word(item) for item in value) if isinstance(value, list | tuple) else plain(value)


def _settings(result: AuditResult, component: Component, varied: Sequence[str]) -> dict[str, object]:
    """Values of the varied options of one setting; empty for engines that are only compared."""
    own = component in _ablated(result)
    return {key: component.options.get(key) if own else None for key in varied}


def _page(result: AuditResult, varied: Sequence[str]) -> str:
    cells = {(cell.engine, cell.recognizer): cell.metrics for cell in result.cells}
    recognizers = [recognizer.component.label for recognizer in result.recognizers]
    points = [
        figures.Point(
            engine.component.label,
            name,
            engine.quality.get(LIKENESS),
            cells.get((engine.component.label, name), {}).get(PRIVACY),
        )
        for name in recognizers
        for engine in result.engines
        if not engine.component.control  # a control would stretch the axes
    ]
    components = [engine.component for engine in result.engines]
    remarks = {c.remark: c.name for c in [*components, *(r.component for r in result.recognizers)] if c.remark}
    return (
        pages()
        .get_template("ablation.html.j2")
        .render(
            result=result,
            ablated=ablated[0].name if (ablated := _ablated(result)) else "nothing",
            varied=varied,
            style=style(),
            figure_of=figures.tradeoff(
                "f-tradeoff",
                "De-identification Ratio (DIR) against SSIM",
                points,
                "SSIM of copy and original",
                "DIR in percent",
                _meanings(points),
            ),
            recognition=RECOGNITION,
            quality=latex.quality_columns(),
            usability=latex.USABILITY,
            recognizers=recognizers,
            cells=cells,
            remarks=remarks,
            notes=Notes,
        )
    )


def _meanings(points: Sequence[figures.Point]) -> dict[float, str]:
    """Reference lines near some point, as the others would only stretch the plot."""
    heights = [point.y.value for point in points if point.y and known(point.y.value)]
    if not heights:
        return {}
    low, high = min(heights), max(heights)
    return {height: words for height, words in MEANINGS.items() if low - 25 <= height <= high + 25}


def _document(result: AuditResult, varied: Sequence[str]) -> dict[str, object]:
    cells = {(cell.engine, cell.recognizer): cell.metrics for cell in result.cells}
    return {
        "audit_id": result.audit_id,
        "deidkit": result.provenance.deidkit,
        "dataset": result.dataset,
        "varied": list(varied),
        "recognizers": [recognizer.component for recognizer in result.recognizers],
        "settings": [
            {
                "setting": engine.component.label,
                "options": _settings(result, engine.component, varied),
                "engine": engine.component,
                "recognition": {
                    r.component.label: _chosen(cells.get((engine.component.label, r.component.label), {}), RECOGNITION)
                    for r in result.recognizers
                },
                "quality": _chosen(engine.quality, latex.quality_columns()),
                "usability": _chosen(engine.usability, latex.USABILITY),
            }
            for engine in result.engines
        ],
        "notes": result.notes,
    }


def _chosen(estimates: Mapping[str, Estimate], metrics: Mapping[str, str]) -> dict[str, Estimate | None]:
    return {metric: estimates.get(metric) for metric in metrics}


def _write_csv(result: AuditResult, varied: Sequence[str], path: Path) -> None:
    cells = {(cell.engine, cell.recognizer): cell.metrics for cell in result.cells}
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        evidence = ["value", "unit", "low", "high", "reason", "remedy"]
        writer.writerow(["table", "setting", "engine", *varied, "recognizer", "metric", *evidence])
        for engine in result.engines:
            label = engine.component.label
            of_row = [("recognition", r.component.label, cells.get((label, r.component.label), {}), RECOGNITION)
                      for r in result.recognizers]  # fmt: skip
            of_row += [
                ("quality", "", engine.quality, latex.quality_columns()),
                ("usability", "", engine.usability, latex.USABILITY),
            ]
            options = [_word(v) if v is not None else "" for v in _settings(result, engine.component, varied).values()]
            for table, recognizer, estimates, metrics in of_row:
                for metric in metrics:
                    e = estimates.get(metric) or Estimate(value=None, unit="", reason="This was not measured.")
                    place = [table, label, engine.component.name, *options, recognizer, metric]
                    writer.writerow([safe(c) for c in [*place, e.value, e.unit, e.low, e.high, e.reason, e.remedy]])
