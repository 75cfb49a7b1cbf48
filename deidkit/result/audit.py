"""The complete result of an audit."""

from __future__ import annotations

from dataclasses import dataclass, field

from deidkit.result.attacks import EngineAttacks
from deidkit.result.components import Component, DatasetSummary, Provenance
from deidkit.result.measured import Cell, EngineResult, FailureCount, RecognizerResult, Timing
from deidkit.result.verdict import Verdict

SCHEMA_VERSION = 2


@dataclass(frozen=True, kw_only=True)
class AuditResult:
    """Everything an audit found.

    Attributes:
        raised: Sentences about plugins that raised or broke their contract; such evidence is incomplete.
        attacks: What they found, for each engine.
    """

    schema_version: int
    audit_id: str
    provenance: Provenance
    dataset: DatasetSummary
    hand_analysis: list[Component]
    recognizers: list[RecognizerResult]
    engines: list[EngineResult]
    cells: list[Cell]
    failures: list[FailureCount]
    timings: list[Timing]
    verdict: Verdict
    notes: list[str] = field(default_factory=list)
    quality_measures: list[Component] = field(default_factory=list)
    raised: list[str] = field(default_factory=list)
    attackers: list[Component] = field(default_factory=list)
    attacks: list[EngineAttacks] = field(default_factory=list)
