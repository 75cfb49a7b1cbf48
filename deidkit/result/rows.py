"""A result as rows: one for each number, with its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from deidkit.result.audit import AuditResult
from deidkit.result.estimates import Estimate


@dataclass(frozen=True)
class Row:
    """One number of a result with its place.

    Attributes:
        scope: ``originals``, ``copies``, ``attacks``, ``quality``, ``usability`` or ``findings``.
        engine: Label; empty for originals.
        recognizer: Label; empty where the number is of no recognizer.
        metric: Its name.
        estimate: The number, or the reason why there is none.
    """

    scope: str
    engine: str
    recognizer: str
    metric: str
    estimate: Estimate


def rows(result: AuditResult) -> Iterator[Row]:
    """Every estimate of a result, and the count of every finding."""
    for recognizer in result.recognizers:
        for name, estimate in recognizer.metrics.items():
            yield Row("originals", "", recognizer.component.label, name, estimate)
    for cell in result.cells:
        for name, estimate in cell.metrics.items():
            yield Row("copies", cell.engine, cell.recognizer, name, estimate)
    for attacked in result.attacks:
        for of_tier in attacked.tiers:
            for name, estimate in of_tier.metrics.items():
                yield Row("attacks", attacked.engine, "", f"{name}, {of_tier.tier}", estimate)
        if attacked.strongest:
            for name, estimate in attacked.strongest.metrics.items():
                yield Row("attacks", attacked.engine, "", name, estimate)
            for group in attacked.strongest.groups:
                name = f"strongest_rank_1_percent, {group.column} {group.value}"
                yield Row("attacks", attacked.engine, "", name, group.rank_1_percent)
    for engine in result.engines:
        for scope, estimates in (("quality", engine.quality), ("usability", engine.usability)):
            for name, estimate in estimates.items():
                yield Row(scope, engine.component.label, "", name, estimate)
        for finding in engine.coverage:
            yield Row("findings", engine.component.label, "", finding.name, Estimate.of_count(finding.count))
