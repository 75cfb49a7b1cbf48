"""Summarizes the stage records for the result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from deidkit import leakage
from deidkit.datasets.walking import GALLERY
from deidkit.errors import SampleError
from deidkit.findings import (
    CHANGING,
    METADATA,
    NOT_EXAMINED,
    NOT_REPEATABLE,
    ORIGINAL_IN_FILE,
    SHOWN_AGAIN,
    UNTREATED_HAND,
)
from deidkit.hand.census import CUT_OUT
from deidkit.images import file_bytes, file_encoding
from deidkit.leakage import Pictures
from deidkit.measures import IntervalSettings
from deidkit.measures.evidence import Influence
from deidkit.measures.quality import quality_contributions, quality_metrics
from deidkit.measures.usability import usability_contributions, usability_metrics
from deidkit.pipeline.context import AuditContext
from deidkit.pipeline.engine_calls import seeds_of
from deidkit.pipeline.numbering import number
from deidkit.pipeline.records import (
    CopiesRecord,
    CopyExamination,
    ExaminationRecord,
    FailedSample,
    OriginalsRecord,
    TemplatesRecord,
    Thumbnail,
)
from deidkit.pipeline.stage_plan import EngineStages, StagePlan
from deidkit.pipeline.stages import StageResults
from deidkit.plugins import errors_attributed_to
from deidkit.protocols import Failure
from deidkit.result import (
    Component,
    CoverageFinding,
    DatasetSummary,
    EngineResult,
    Estimate,
    Exclusion,
    FailureCount,
    GalleryItem,
)
from deidkit.store import FailureRow


class FailureLog:
    """All pictures without a result at some stage.

    An undetected hand fails for all recognizers and is listed once.
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
        """Number of failures by stage, kind of picture and reason."""
        counted = Counter(
            (row.failure.stage, row.engine.label if row.engine else "original", row.failure.reason) for row in self.rows
        )
        return [
            FailureCount(stage=stage, subject=subject, reason=reason, count=count)
            for (stage, subject, reason), count in sorted(counted.items())
        ]


def nothing_acquired(component: Component, records: Sequence[TemplatesRecord]) -> str:
    """Reason why a recognizer got no template of any original."""
    reasons = Counter(f"{failed.stage}: {failed.reason}" for record in records for failed in record.failures)
    listed = "; ".join(f"{reason} ({count})" for reason, count in reasons.most_common(3))
    hint = CUT_OUT if any("no hand" in reason for reason in reasons) else ""
    return (
        f"{component.label} extracted no template from any original: {listed}. "
        f"Look at the data set with: deidkit datasets check.{hint}"
    )


@dataclass(frozen=True)
class OriginalsSummary:
    """Summary of the originals.

    Attributes:
        pictures: Every readable original, in the form needed for leak detection.
    """

    dataset: DatasetSummary
    pictures: Pictures


def originals(context: AuditContext, stages: StagePlan, results: StageResults) -> OriginalsSummary:
    """Summarize the originals, including those that were unreadable."""
    records, fingerprints = _without_fingerprints(results.of(stages.originals), len(context.inspection.samples))
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
        notes=[*inspection.notes, *_hand_notes(records)],
        hands=dict(sorted(Counter(count for record in records for count in record.hands).items())),
    )
    numbers = np.asarray([number for record in records for number in record.numbers], np.int64)
    pictures = Pictures(
        numbers=numbers,
        identities=number(samples).identities[numbers].astype(np.int64),
        hashes=[sha for record in records for sha in record.pixel_hashes],
        fingerprints=fingerprints,
    )
    return OriginalsSummary(summary, pictures)


_Record = TypeVar("_Record", OriginalsRecord, ExaminationRecord)


def _without_fingerprints(records: Iterable[_Record], most: int) -> tuple[list[_Record], NDArray[np.uint8]]:
    """Move the fingerprints of records into one array, to hold them in memory only once.

    Returns:
        The records, and (n, `LENGTH`) uint8.
    """
    kept: list[_Record] = []
    rows = np.empty((most, leakage.LENGTH), np.uint8)  # takes no memory until it is written to
    count = 0
    for record in records:
        fingerprints = record.fingerprints
        rows[count : count + len(fingerprints)] = fingerprints
        count += len(fingerprints)
        kept.append(msgspec.structs.replace(record, fingerprints=fingerprints[:0]))
    return kept, rows[:count]


def _hand_notes(records: Sequence[OriginalsRecord]) -> list[str]:
    """Caveats about the hands in the originals."""
    counts = Counter(count for record in records for count in record.hands)
    several = sum(pictures for hands, pictures in counts.items() if hands > 1)
    backs = sum(record.backs for record in records)
    notes = []
    if several:
        notes.append(
            f"{several} pictures show several hands; every hand of a copy is compared with every hand of an original, "
            "and the best match counts."
        )
    if backs:
        notes.append(f"{backs} hands show the back, which has no palm; exclude their pictures.")
    return notes


@dataclass(frozen=True)
class EngineSummary:
    """Summary of one engine, with the pictures to show.

    Attributes:
        thumbnails: Name, relative to the report's folder, and content of each picture.
        contributions: ``quality`` and ``usability`` -> contribution of each person to each metric.
    """

    result: EngineResult
    thumbnails: list[tuple[str, bytes]]
    contributions: dict[str, dict[str, Influence]]


class EngineSummaries:
    """Summarizes engines one after another."""

    def __init__(self, context: AuditContext, results: StageResults, originals: Pictures, failures: FailureLog) -> None:
        self._context, self._results = context, results
        self._originals, self._failures = originals, failures
        self._settings = IntervalSettings()
        self._numbering = number(context.inspection.samples)
        self._subjects = self._numbering.subjects

    def of(self, stages: EngineStages) -> EngineSummary:
        """Summarize one engine."""
        engine, component = stages.engine
        made = list(self._results.of(stages.copies))
        for record in made:
            self._failures.add(component, record.failures)
        seeds = seeds_of(engine, self._context.plan.seeds)
        most = len(seeds) * len(self._context.inspection.samples)
        examined, fingerprints = _without_fingerprints(self._results.of(stages.examinations), most)
        copies = [copy for record in examined for copy in record.copies]
        attempted = sum(len(record.copies) + len(record.failures) for record in made)
        seconds = sum(record.seconds for record in made)
        thumbnails = self._thumbnails(stages, copies)
        with errors_attributed_to(component, "coverage"):
            coverage = engine.coverage(self._context.inspection.samples)
        result = EngineResult(
            component=component,
            produced=len(copies),
            expected=len(self._originals.numbers) * len(seeds),
            seeds=seeds,
            coverage=[
                *coverage,
                *self._not_examined(stages),
                *_file_findings(made),
                *self._leaks(component.label, copies, fingerprints, _encodings(made)),
                *self._repetitions(stages),
            ],
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
            warnings=list(dict.fromkeys(sentence for record in made for sentence in record.warnings)),
        )
        return EngineSummary(result, list(self._files(stages, thumbnails)), self._contributions(copies))

    def _not_examined(self, stages: EngineStages) -> list[CoverageFinding]:
        """Delivered copies that were not requested, as a folder can contain."""
        engine, component = stages.engine
        if not (engine.finished and engine.diverse):
            return []
        following = len(seeds_of(engine, self._context.plan.seeds))
        with errors_attributed_to(component, "delivers"):
            count = sum(engine.delivers(sample, following) for sample in self._context.inspection.samples)
        return [NOT_EXAMINED.found(count)] if count else []

    def _quality(self, stages: EngineStages, copies: Sequence[CopyExamination]) -> dict[str, Estimate]:
        subjects = self._subjects[[copy.number for copy in copies]]
        small_pictures = self._context.plan.small_pictures
        quality = quality_metrics([copy.quality for copy in copies], subjects, self._settings, small_pictures)
        for measurements in stages.measurements:
            records = list(self._results.of(measurements))
            found = [record.values for record in records if record.values is not None]
            if not found:
                continue
            values = np.concatenate(found)
            numbers = np.asarray([number for record in records for number in record.numbers], np.int32)
            measure = measurements.measure.plugin
            quality[measure.metric] = measure.estimate(values, numbers, self._subjects[numbers], self._settings)
        return quality

    def _usability(self, copies: Sequence[CopyExamination]) -> dict[str, Estimate]:
        found, subjects = self._analysed(copies)
        return usability_metrics(found, subjects, self._settings)

    def _analysed(
        self, copies: Sequence[CopyExamination]
    ) -> tuple[list[dict[str, dict[str, float | None]]], NDArray[np.int32]]:
        """The usability of each copy that has one, and the subject of each."""
        rows = [(copy.number, copy.usability) for copy in copies if copy.usability is not None]
        return [usability for _, usability in rows], self._subjects[[number for number, _ in rows]]

    def _contributions(self, copies: Sequence[CopyExamination]) -> dict[str, dict[str, Influence]]:
        subjects = self._subjects[[copy.number for copy in copies]]
        return {
            "quality": quality_contributions([copy.quality for copy in copies], subjects),
            "usability": usability_contributions(*self._analysed(copies)),
        }

    def _leaks(
        self,
        label: str,
        copies: Sequence[CopyExamination],
        fingerprints: NDArray[np.uint8],
        encodings: Mapping[tuple[int, int], str],
    ) -> list[CoverageFinding]:
        """Leaks of originals in the copies."""
        if not copies:
            return []
        numbers = np.asarray([copy.number for copy in copies], np.int64)
        pictures = Pictures(
            numbers=numbers,
            identities=self._numbering.identities[numbers].astype(np.int64),
            hashes=[copy.sha256 for copy in copies],
            fingerprints=fingerprints,
            encodings=[encodings[copy.number, copy.seed] for copy in copies],
        )
        name = f"originals among copies, {label}"
        with (
            self._context.progress.stage(name, len(copies)) as progress,
            self._context.clock.time(name, len(copies)),
        ):
            leaks = [copy.leak for copy in copies]
            found = leakage.findings(self._originals, pictures, leaks, progress.advance, self._encoding_of)
        untreated = sum(copy.untreated_hands > 0 for copy in copies)
        return [*found, UNTREATED_HAND.found(untreated)] if untreated else found

    def _encoding_of(self, number: int) -> str:
        """Encoding of an original's file; empty if there is none or it cannot be read any more."""
        path = self._context.inspection.samples[number].path
        try:
            return file_encoding(file_bytes(path)) if path is not None else ""
        except SampleError:
            return ""

    def _repetitions(self, stages: EngineStages) -> list[CoverageFinding]:
        """Findings from calling the engine again."""
        made = list(self._results.of(stages.own_copies)) if stages.own_copies else []
        changed, shown = sum(record.changed for record in made), sum(len(record.shown) for record in made)
        kind = NOT_REPEATABLE if stages.engine.plugin.deterministic else CHANGING
        tried, repeated = sum(record.tried for record in made), sum(record.repeated for record in made)
        counts = ((SHOWN_AGAIN, shown, tried), (kind, changed, repeated))
        return [finding.found(count, f"of {of} tried") for finding, count, of in counts if count]

    def _thumbnails(self, stages: EngineStages, copies: Sequence[CopyExamination]) -> list[Thumbnail]:
        """Thumbnails to show; copies that are another sample's original only if originals are shown."""
        originals = set(self._originals.hashes)
        hidden = {copy.number for copy in copies if copy.sha256 in originals}
        if self._context.plan.include_originals:
            hidden = set()
        thumbnails = [item for record in self._results.of(stages.thumbnails) for item in record.thumbnails]
        return [item for item in thumbnails if item.number not in hidden]

    def _files(self, stages: EngineStages, thumbnails: Sequence[Thumbnail]) -> Iterator[tuple[str, bytes]]:
        for item in thumbnails:
            yield self._file(stages, item), item.copy
            if item.original is not None:
                yield self._file(stages, item, original=True), item.original

    def _file(self, stages: EngineStages, item: Thumbnail, *, original: bool = False) -> str:
        suffix = "-original" if original else ""
        return f"{GALLERY}/{self._context.audit_id}-engine{stages.number}-{item.number}{suffix}.webp"


def _encodings(made: Sequence[CopiesRecord]) -> dict[tuple[int, int], str]:
    """Encoding of each copy's file, by sample number and seed."""
    return {(entry.number, entry.seed): entry.encoding for record in made for entry in record.copies}


def _file_findings(made: Sequence[CopiesRecord]) -> list[CoverageFinding]:
    """Contents of the copies' files besides pixels."""
    entries = [entry for record in made for entry in record.copies]
    carried = Counter(kind for entry in entries for kind in entry.carried)
    found = [METADATA.found(count, kind) for kind, count in sorted(carried.items())]
    originals = sum(entry.original_in_file for entry in entries)
    return [*found, ORIGINAL_IN_FILE.found(originals)] if originals else found
