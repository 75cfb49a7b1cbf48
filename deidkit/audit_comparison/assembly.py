"""Builds a comparison from finished audits: pairs their engines and compares every number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from deidkit.audit_changes import (
    SCHEMA_VERSION,
    AuditChange,
    AuditReference,
    Comparison,
    EngineChange,
    PlanePoint,
)
from deidkit.audit_comparison.changes import Numbers, changes
from deidkit.audit_comparison.comparability import mismatches, version
from deidkit.errors import UsageError
from deidkit.measures import Contributions
from deidkit.result import AuditResult, Status


@dataclass(frozen=True)
class Side:
    """One side of a comparison: an audit, or some of its engines.

    Attributes:
        result: Result of the audit.
        engines: Labels of the engines to compare; empty for all judged engines.
        contributions: People's contributions to each number; empty if they were not stored.
    """

    result: AuditResult
    engines: tuple[str, ...] = ()
    contributions: Contributions = field(default_factory=dict)

    @property
    def labels(self) -> list[str]:
        """Labels of the engines to compare; controls and baselines only if there are no others."""
        components = [engine.component for engine in self.result.engines]
        judged = [component.label for component in components if component.judged]
        return list(self.engines) or judged or [component.label for component in components]


def compare(sides: Sequence[Side], *, force: bool = False) -> Comparison:
    """Compare each further audit with the first; with `force` also audits under different conditions.

    Raises:
        UsageError: The audits' conditions differ, or it is unclear which engines to pair.
    """
    first, *others = sides
    return Comparison(
        schema_version=SCHEMA_VERSION,
        first=_reference(first),
        others=[_against(first, other, force=force) for other in others],
        plane=[point for side in sides for point in _plane(side)],
    )


def _against(first: Side, other: Side, *, force: bool) -> AuditChange:
    differences = mismatches(first.result, other.result)
    if differences and not force:
        raise UsageError(
            f"audits {first.result.audit_id} and {other.result.audit_id} differ in more than their engines: "
            f"{'; '.join(differences)}. Compare them all the same with --force."
        )
    pairs = _pairs(first, other)
    chosen = bool(first.engines or other.engines)
    before, after = (set(labels) for labels in zip(*pairs, strict=True))
    same_people = first.result.dataset.fingerprint == other.result.dataset.fingerprint
    return AuditChange(
        audit=_reference(other),
        unlike=differences,
        engines=[
            EngineChange(
                before=before,
                after=after,
                verdict_before=_verdict(first.result, before),
                verdict_after=_verdict(other.result, after),
                changes=changes(
                    Numbers(first.result, before, first.contributions if same_people else {}),
                    Numbers(other.result, after, other.contributions if same_people else {}),
                ),
            )
            for before, after in pairs
        ],
        removed=[label for label in first.labels if label not in before and not chosen],
        added=[label for label in other.labels if label not in after and not chosen],
    )


def _pairs(first: Side, other: Side) -> list[tuple[str, str]]:
    """Pair engines by label, or the only engine of each audit."""
    a, b = first.labels, other.labels
    if (len(a) == len(b) == 1) or (len(a) == 1 and other.engines) or (len(b) == 1 and first.engines):
        return [(before, after) for before in a for after in b]
    both = [label for label in a if label in b]
    if not both:
        raise UsageError(
            f"the engines of audit {first.result.audit_id} ({', '.join(a)}) and {other.result.audit_id} "
            f"({', '.join(b)}) have no label in common; name one of each, e.g. '{first.result.audit_id}/{a[0]}'."
        )
    return [(label, label) for label in both]


def _verdict(result: AuditResult, engine: str) -> Status | Literal[""]:
    return next((verdict.status for verdict in result.verdict.engines if verdict.engine == engine), "")


def _reference(side: Side) -> AuditReference:
    result = side.result
    policy = f"{result.verdict.policy}@{result.verdict.policy_digest[:12]}" if result.verdict.policy else ""
    return AuditReference(
        audit_id=result.audit_id,
        finished=result.provenance.finished,
        deidkit=version(result),
        dataset=result.dataset.component.label,
        fingerprint=result.dataset.fingerprint,
        subjects=result.dataset.subjects,
        policy=policy,
        verdict=result.verdict.status,
    )


def _plane(side: Side) -> Iterator[PlanePoint]:
    result = side.result
    quality = {engine.component.label: engine.quality for engine in result.engines}
    for cell in result.cells:
        if cell.engine in side.labels:
            yield PlanePoint(
                audit_id=result.audit_id,
                engine=cell.engine,
                recognizer=cell.recognizer,
                deid_ratio=cell.metrics.get("deid_ratio_percent"),
                ssim=quality[cell.engine].get("ssim"),
            )
