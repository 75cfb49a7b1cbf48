"""Records of differences between audits, made by `deidkit compare` and used by its reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from deidkit.result import Estimate, Status

SCHEMA_VERSION = 2

Direction = Literal["better", "worse", "within the noise", "changed", "not decided"]
"""``changed``: a number of which neither way is better, or that lies beyond a perfect anonymizer's; ``not decided``: no
interval can tell."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One number before and after.

    Attributes:
        scope: ``cell``, ``attacks``, ``quality``, ``usability`` or ``findings``.
        recognizer: Label; empty where the number is of no recognizer.
        metric: Its name.
        title: In words.
        before: In the first audit; None where it was not measured.
        after: In the other.
        difference: After less before with its interval, or the reason why there is none.
        direction: What the interval says.
        paired: Whether the interval rests on the differences of the same people.
        headline: Whether it is among the numbers that a reader sees first.
    """

    scope: Literal["cell", "attacks", "quality", "usability", "findings"]
    recognizer: str
    metric: str
    title: str
    before: Estimate | None
    after: Estimate | None
    difference: Estimate
    direction: Direction
    paired: bool
    headline: bool


@dataclass(frozen=True, kw_only=True)
class EngineChange:
    """One engine of an audit compared with one of another.

    Attributes:
        before: Label of the first.
        after: Label of the other.
        verdict_before: What its audit says about it; empty for a control or baseline.
        verdict_after: The same of the other.
        changes: Every number that one of them has.
    """

    before: str
    after: str
    verdict_before: Status | Literal[""]
    verdict_after: Status | Literal[""]
    changes: list[Change]

    def count(self, direction: Direction) -> int:
        """Number of changes in a direction."""
        return Counter(change.direction for change in self.changes)[direction]

    @property
    def sentence(self) -> str:
        """Summary of the directions of all changes, separately for privacy and for its costs."""
        label = self.after if self.before == self.after else f"{self.after} against {self.before}"
        cost = ("quality", "usability")
        groups = {
            "identity left": [change for change in self.changes if change.scope not in cost],
            "quality and usability": [change for change in self.changes if change.scope in cost],
        }
        parts = [f"{name}: {_counted(changes)}" for name, changes in groups.items() if changes]
        return f"{label}: {'; '.join(parts) or 'no number in common'}."


def _counted(changes: Sequence[Change]) -> str:
    counts = Counter(change.direction for change in changes)
    ways: tuple[Direction, ...] = ("better", "worse", "within the noise", "changed", "not decided")
    return ", ".join(f"{counts[way]} {way}" for way in ways if counts[way])


@dataclass(frozen=True, kw_only=True)
class AuditReference:
    """What identifies one of the audits.

    Attributes:
        finished: UTC, ISO 8601.
        deidkit: Version, with the commit where it ran from a checkout.
        dataset: Label.
        fingerprint: Of the data set.
        subjects: Number of people.
        policy: Name and beginning of the digest; empty where none was stated.
        verdict: Of the whole audit.
    """

    audit_id: str
    finished: str
    deidkit: str
    dataset: str
    fingerprint: str
    subjects: int
    policy: str
    verdict: Status


@dataclass(frozen=True, kw_only=True)
class AuditChange:
    """One audit against the first.

    Attributes:
        audit: Which.
        unlike: What makes the two no fair comparison, a sentence each; empty unless it was forced.
        engines: Pair by pair.
        removed: Labels of the engines that only the first audit has; empty where the user chose the engines to compare.
        added: Labels of those that only this one has; likewise.
    """

    audit: AuditReference
    unlike: list[str]
    engines: list[EngineChange]
    removed: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)

    @property
    def unpaired(self) -> list[str]:
        """A sentence for each engine that has no partner in the other audit."""
        audit = f"audit {self.audit.audit_id}"
        return [
            *(f"{label} is not in {audit}: none of its numbers is compared" for label in self.removed),
            *(f"{label} is in {audit} alone: none of its numbers is compared" for label in self.added),
        ]

    def of_metrics(self, metrics: Sequence[str]) -> AuditChange:
        """The same change, limited to some metrics of each engine."""
        kept = [[change for change in engine.changes if change.metric in metrics] for engine in self.engines]
        engines = [replace(engine, changes=changes) for engine, changes in zip(self.engines, kept, strict=True)]
        return replace(self, engines=engines)


@dataclass(frozen=True, kw_only=True)
class PlanePoint:
    """One engine as one recognizer sees it, for the figure of privacy against quality."""

    audit_id: str
    engine: str
    recognizer: str
    deid_ratio: Estimate | None
    ssim: Estimate | None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two or more audits.

    Attributes:
        schema_version: Of this record.
        first: What the others are compared with.
        others: One for each further audit, in the order given.
        plane: Every engine of every audit.
    """

    schema_version: int
    first: AuditReference
    others: list[AuditChange]
    plane: list[PlanePoint]

    @property
    def changes(self) -> list[Change]:
        """All changes of all engines of all further audits."""
        return [change for other in self.others for engine in other.engines for change in engine.changes]

    @property
    def worse(self) -> bool:
        """Whether any number is worse."""
        return any(change.direction == "worse" for change in self.changes)

    @property
    def lost(self) -> list[Change]:
        """Changes whose number the first audit has and another lacks."""
        return [change for change in self.changes if _has_value(change.before) and not _has_value(change.after)]

    def of_metrics(self, metrics: Sequence[str]) -> Comparison:
        """Restrict the comparison to some metrics."""
        return replace(self, others=[other.of_metrics(metrics) for other in self.others])


def _has_value(estimate: Estimate | None) -> bool:
    return estimate is not None and estimate.value is not None
