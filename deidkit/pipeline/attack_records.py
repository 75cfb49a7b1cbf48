"""Controls and outcomes of attacks as stored in the workspace, between the workers of a cluster and the audit."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from deidkit.attacks import AttackOutcome, AttackScores, Control, Labels, PooledPoint, Tier
from deidkit.attacks.controls import ControlName
from deidkit.attacks.outcome import Scope, Status
from deidkit.pipeline.records import StageRecord, StoredArray
from deidkit.result import Estimate


class StoredLabels(msgspec.Struct, frozen=True):
    """See `deidkit.attacks.Labels`."""

    identities: StoredArray
    subjects: StoredArray
    sources: StoredArray
    seeds: StoredArray

    @classmethod
    def of(cls, labels: Labels) -> StoredLabels:
        """Store labels."""
        return cls(*map(StoredArray.of, (labels.identities, labels.subjects, labels.sources, labels.seeds)))

    @property
    def labels(self) -> Labels:
        """The labels; read-only."""
        return Labels(self.identities.array, self.subjects.array, self.sources.array, self.seeds.array)


class StoredScores(msgspec.Struct, frozen=True):
    """See `deidkit.attacks.AttackScores`."""

    distances: StoredArray
    probes: StoredLabels
    references: StoredLabels
    within: bool
    note: str
    curve: tuple[PooledPoint, ...]

    @classmethod
    def of(cls, scores: AttackScores | None) -> StoredScores | None:
        """Store scores; None where there are none."""
        if scores is None:
            return None
        probes, references = StoredLabels.of(scores.probes), StoredLabels.of(scores.references)
        return cls(StoredArray.of(scores.distances), probes, references, scores.within, scores.note, scores.curve)

    @property
    def scores(self) -> AttackScores:
        """The scores; read-only."""
        distances, probes, references = self.distances.array, self.probes.labels, self.references.labels
        return AttackScores(distances, probes, references, self.within, self.note, self.curve)


class StoredControl(msgspec.Struct, frozen=True):
    """See `deidkit.attacks.Control`."""

    name: ControlName
    passed: bool
    rank_1_percent: float | None
    sentence: str
    scores: StoredScores | None
    given_up: bool

    @classmethod
    def of(cls, control: Control) -> StoredControl:
        """Store a control."""
        scores = StoredScores.of(control.scores)
        return cls(control.name, control.passed, control.rank_1_percent, control.sentence, scores, control.given_up)

    @property
    def control(self) -> Control:
        """The control."""
        scores = None if self.scores is None else self.scores.scores
        return Control(self.name, self.passed, self.rank_1_percent, self.sentence, scores, self.given_up)


class ControlsRecord(StageRecord, frozen=True, kw_only=True):
    """The controls of one attacker on the originals."""

    stored: tuple[StoredControl, ...]

    @property
    def controls(self) -> tuple[Control, ...]:
        """The controls."""
        return tuple(control.control for control in self.stored)


class OutcomeRecord(StageRecord, frozen=True, kw_only=True):
    """What came of one attack on one engine; see `deidkit.attacks.AttackOutcome`."""

    attacker: str
    tier: Tier
    scope: Scope
    status: Status
    sentence: str
    metrics: dict[str, Estimate]
    controls: tuple[StoredControl, ...]
    scores: StoredScores | None
    seconds: float

    @classmethod
    def of(cls, outcome: AttackOutcome, warnings: Sequence[str], notes: Sequence[str]) -> OutcomeRecord:
        """Store an outcome."""
        return cls(
            attacker=outcome.attacker,
            tier=outcome.tier,
            scope=outcome.scope,
            status=outcome.status,
            sentence=outcome.sentence,
            metrics=outcome.metrics,
            controls=tuple(map(StoredControl.of, outcome.controls)),
            scores=StoredScores.of(outcome.scores),
            seconds=outcome.seconds,
            warnings=list(warnings),
            notes=list(notes),
        )

    @property
    def outcome(self) -> AttackOutcome:
        """The outcome."""
        return AttackOutcome(
            attacker=self.attacker,
            tier=self.tier,
            scope=self.scope,
            status=self.status,
            sentence=self.sentence,
            metrics=self.metrics,
            controls=tuple(control.control for control in self.controls),
            scores=None if self.scores is None else self.scores.scores,
            seconds=self.seconds,
        )
