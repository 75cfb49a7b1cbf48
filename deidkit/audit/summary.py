"""Gathers what the stages recorded into the records of a result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from deidkit.audit.context import AuditContext
from deidkit.audit.engine_calls import asked, seeds_of
from deidkit.audit.records import CopyExamination, FailedSample, TemplatesRecord, Thumbnail
from deidkit.audit.scoring import Numbering
from deidkit.audit.stage_plan import EngineStages, StagePlan
from deidkit.audit.stages import StageResults
from deidkit.datasets.walking import GALLERY
from deidkit.metrics import BootstrapSettings
from deidkit.metrics.quality import quality_metrics
from deidkit.metrics.usability import usability_metrics
from deidkit.plugins import Loaded
from deidkit.protocols import Engine, Failure, Sample
from deidkit.result import (
    Cell,
    Component,
    CoverageFinding,
    DatasetSummary,
    EngineResult,
    Estimate,
    Exclusion,
    FailureCount,
    GalleryItem,
    RecognizerResult,
)
from deidkit.store import FailureRow


def number(samples: Sequence[Sample]) -> Numbering:
    """Number identities and subjects in the order of their names."""
    _, identities = np.unique([sample.identity for sample in samples], return_inverse=True)
    _, subjects = np.unique([sample.subject for sample in samples], return_inverse=True)
    return Numbering(identities.astype(np.int32), subjects.astype(np.int32))


class FailureLog:
    """Every picture that gave no result at some stage.

    A hand that is not found fails for all recognizers alike and is listed once.
    """

    def __init__(self) -> None:
        self._rows: dict[tuple[str | None, FailedSample], FailureRow] = {}

    def add(self, engine: Component | None, failures: Sequence[FailedSample]) -> None:
        """Add failures of an engine's copies, or of originals where `engine` is None."""
        label = engine.label if engine else None
        for failed in failures:
            failure = Failure(failed.stage, failed.reason)
            row = FailureRow(engine=engine, sample=failed.number, seed=failed.seed, failure=failure)
            self._rows.setdefault((label, failed), row)

    @property
    def rows(self) -> list[FailureRow]:
        """Each failure once."""
        return list(self._rows.values())

    def counts(self) -> list[FailureCount]:
        """Failures by stage, whose picture, and reason."""
        counted = Counter(
            (row.failure.stage, row.engine.label if row.engine else "original", row.failure.reason) for row in self.rows
        )
        return [
            FailureCount(stage=stage, subject=subject, reason=reason, count=count)
            for (stage, subject, reason), count in sorted(counted.items())
        ]


def nothing_acquired(component: Component, records: Sequence[TemplatesRecord]) -> str:
    """Why a recognizer got no template of any original."""
    reasons = Counter(f"{failed.stage}: {failed.reason}" for record in records for failed in record.failures)
    listed = "; ".join(f"{reason} ({count})" for reason, count in reasons.most_common(3))
    return (
        f"{component.label} could take no template of any original: {listed}. "
        "Look at the data set with: deidkit datasets check"
    )


@dataclass(frozen=True)
class OriginalsSummary:
    """The originals as pictures.

    Attributes:
        dataset: What was audited.
        pixel_hashes: SHA-256 of the pixels of each original that can be read.
    """

    dataset: DatasetSummary
    pixel_hashes: frozenset[str]


def originals(context: AuditContext, stages: StagePlan, results: StageResults) -> OriginalsSummary:
    """What was audited, with what turned out to be unreadable on the way."""
    records = list(results.of(stages.originals))
    unreadable = Counter(failed.reason for record in records for failed in record.unreadable)
    inspection = context.inspection
    samples = inspection.samples
    sessions = {sample.session for sample in samples}
    kinds = {sample.kind for sample in samples}
    summary = DatasetSummary(
        component=context.plugins.dataset.component,
        fingerprint=inspection.fingerprint,
        samples=len(samples) - sum(unreadable.values()),
        subjects=len({sample.subject for sample in samples}),
        identities=len({sample.identity for sample in samples}),
        sessions=None if None in sessions else len(sessions),
        kind=kinds.pop() if len(kinds) == 1 else "mixed",
        exclusions=[
            *inspection.exclusions,
            *(Exclusion(reason=f"unreadable: {reason}", count=count) for reason, count in sorted(unreadable.items())),
        ],
        notes=inspection.notes,
    )
    return OriginalsSummary(summary, frozenset(sha for record in records for sha in record.pixel_hashes))


@dataclass(frozen=True)
class EngineSummary:
    """What one engine did to the pictures, and those to show.

    Attributes:
        result: For the report.
        thumbnails: Name, relative to the report's folder, and content of each picture.
    """

    result: EngineResult
    thumbnails: list[tuple[str, bytes]]


class EngineSummaries:
    """Summarizes engines one after the other.

    Args:
        context: The audit.
        results: The results of all stages.
        pixel_hashes: SHA-256 of the pixels of all originals.
        failures: Where failures of engines are added.
    """

    def __init__(
        self, context: AuditContext, results: StageResults, pixel_hashes: frozenset[str], failures: FailureLog
    ) -> None:
        self._context, self._results = context, results
        self._pixel_hashes, self._failures = pixel_hashes, failures
        self._settings = BootstrapSettings(resamples=context.plan.resamples, seed=context.plan.bootstrap_seed)
        self._subjects = number(context.inspection.samples).subjects

    def of(self, stages: EngineStages) -> EngineSummary:
        """What one engine did."""
        engine, component = stages.engine
        seconds, attempted = 0.0, 0
        for record in self._results.of(stages.copies):
            self._failures.add(component, record.failures)
            seconds += record.seconds
            attempted += len(record.copies) + len(record.failures)
        copies = [copy for record in self._results.of(stages.examinations) for copy in record.copies]
        seeds = seeds_of(engine, self._context.plan.seeds)
        thumbnails = self._shown(stages, copies)
        result = EngineResult(
            component=component,
            produced=len(copies),
            expected=len(self._context.inspection.samples) * len(seeds),
            seeds=seeds,
            coverage=self._coverage(stages.engine, copies),
            quality=self._quality(stages, copies),
            usability=self._usability(copies),
            gallery=[
                GalleryItem(
                    file=self._file(stages, item),
                    original=self._file(stages, item, original=True) if item.original is not None else None,
                    caption=f"sample {item.number}, seed {seeds[0]}",
                )
                for item in thumbnails
            ],
            seconds_per_image=seconds / attempted if attempted else None,
        )
        return EngineSummary(result, list(self._files(stages, thumbnails)))

    def _quality(self, stages: EngineStages, copies: Sequence[CopyExamination]) -> dict[str, Estimate]:
        subjects = self._subjects[[copy.number for copy in copies]]
        quality = quality_metrics([copy.quality for copy in copies], subjects, self._settings)
        for measurements in stages.measurements:
            records = [record for record in self._results.of(measurements) if record.values is not None]
            if not records:
                continue
            values = np.concatenate([record.values.array for record in records if record.values is not None])
            numbers = np.concatenate([np.asarray(record.numbers, np.int32) for record in records])
            measure = measurements.measure.plugin
            quality[measure.metric] = measure.estimate(values, numbers, self._subjects[numbers], self._settings)
        return quality

    def _usability(self, copies: Sequence[CopyExamination]) -> dict[str, Estimate]:
        rows = [(copy.number, copy.usability) for copy in copies if copy.usability is not None]
        subjects = self._subjects[[number for number, _ in rows]]
        return usability_metrics([usability for _, usability in rows], subjects, self._settings)

    def _coverage(self, engine: Loaded[Engine], copies: Sequence[CopyExamination]) -> list[CoverageFinding]:
        samples = self._context.inspection.samples
        findings = list(asked(engine, "coverage", lambda: engine.plugin.coverage(samples)))
        changes: Counter[str] = Counter(found for copy in copies for found in (copy.change, copy.size) if found)
        changes["another original"] = sum(self._is_of_another(copy) for copy in copies)
        return findings + [
            CoverageFinding(
                finding=name,
                count=changes[name],
                explanation=explanation,
                serious=not engine.component.control and name not in ("resized", "swapped"),
            )
            for name, explanation in _CHANGES.items()
            if changes[name]
        ]

    def _is_of_another(self, copy: CopyExamination) -> bool:
        """Whether a copy is somebody else's original."""
        return copy.sha256 in self._pixel_hashes and not copy.change

    def _shown(self, stages: EngineStages, copies: Sequence[CopyExamination]) -> list[Thumbnail]:
        """A copy that is somebody's original is shown no more than an original is."""
        hidden = {copy.number for copy in copies if self._is_of_another(copy)}
        if self._context.plan.include_originals:
            hidden = set()
        kept = [item for record in self._results.of(stages.thumbnails) for item in record.thumbnails]
        return [item for item in kept if item.number not in hidden]

    def _files(self, stages: EngineStages, thumbnails: Sequence[Thumbnail]) -> Iterator[tuple[str, bytes]]:
        for item in thumbnails:
            yield self._file(stages, item), item.copy
            if item.original is not None:
                yield self._file(stages, item, original=True), item.original

    def _file(self, stages: EngineStages, item: Thumbnail, *, original: bool = False) -> str:
        suffix = "-original" if original else ""
        return f"{GALLERY}/{self._context.audit_id}-engine{stages.number}-{item.number}{suffix}.webp"


_CHANGES = {
    "another original": "the de-identified picture is the original of another sample, pixel for pixel",
    "unchanged": "the de-identified picture is the original, pixel for pixel",
    "hardly changed": "the palm differs from the original by less than a camera's noise",
    "resized": "the de-identified picture is of another size than the original and was brought to it for the audit",
    "swapped": "the de-identified picture has width and height exchanged and was compared turned back",
    "reshaped": "the de-identified picture is cut or padded: its places are not those of the original",
}


WEAK_EER_PERCENT = 10.0
"""A recognizer with more errors than this on originals is too weak to prove anything."""


def notes(
    recognizers: Sequence[RecognizerResult], cells: Sequence[Cell], engine_results: Sequence[EngineResult]
) -> list[str]:
    """What a reader must know before trusting a number."""
    notes = []
    for recognizer in recognizers:
        eer = recognizer.metrics["eer_percent"]
        if eer.value is not None and eer.value > WEAK_EER_PERCENT:
            notes.append(
                f"{recognizer.component.label} has an equal error rate of {eer.value:.1f} % on the originals: it "
                "recognizes too little for its failure on copies to be evidence of de-identification."
            )
    controls = {result.component.label for result in engine_results if result.component.control}
    for cell in cells:
        rejected = cell.metrics["rejection_rate_percent"].value
        if cell.engine in controls and rejected is not None and rejected > WEAK_EER_PERCENT:
            notes.append(
                f"the control {cell.engine} is rejected by {cell.recognizer} in {rejected:.1f} % of comparisons: the "
                "measurement itself fails there, so its other numbers are not evidence."
            )
    if not controls:
        notes.append("No control engine was audited; add --engine identity to see what the measurement itself costs.")
    return notes
