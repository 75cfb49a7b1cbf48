"""Gathers what the batches recorded into the records of a result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from deidkit.audit import engines
from deidkit.audit.parts import Parts
from deidkit.audit.plan import AuditPlan
from deidkit.audit.scoring import NO_CURVE, Baseline, Numbering
from deidkit.audit.workspace import Arrays, Keys, Workspace
from deidkit.datasets import Inspection
from deidkit.datasets.walking import GALLERY
from deidkit.metrics import BootstrapSettings, CellScores, cell_metrics
from deidkit.metrics.quality import quality_metrics
from deidkit.metrics.usability import usability_metrics
from deidkit.protocols import Engine, Failure, Sample
from deidkit.result import (
    Cell,
    Component,
    CoverageFinding,
    DatasetSummary,
    EngineResult,
    Exclusion,
    FailureCount,
    GalleryItem,
)

FailureRow = tuple[Component | None, int | None, int | None, Failure]
"""Engine (None for an original), sample number, seed, failure."""


def number(samples: Sequence[Sample]) -> Numbering:
    """Number identities and subjects in the order of their names."""
    _, identities = np.unique([sample.identity for sample in samples], return_inverse=True)
    _, subjects = np.unique([sample.subject for sample in samples], return_inverse=True)
    return Numbering(identities.astype(np.int32), subjects.astype(np.int32))


def _stored(workspace: Workspace, keys: Sequence[str]) -> Iterator[tuple[Arrays, dict[str, Any]]]:
    for key in keys:
        stored = workspace.load(key)
        assert stored is not None, "a batch that was processed is in the workspace"
        yield stored


def failures(keys: Keys, workspace: Workspace, parts: Parts) -> list[FailureRow]:
    """Every picture that gave no result at some stage.

    A hand that is not found fails for all recognizers alike and is listed once.
    """
    rows: dict[tuple[Any, ...], FailureRow] = {}

    def add(engine: Component | None, sample: int, seed: int | None, stage: str, reason: str) -> None:
        label = engine.label if engine else None
        rows.setdefault((label, sample, seed, stage, reason), (engine, sample, seed, Failure(stage, reason)))

    for _, records in _stored(workspace, keys.originals):
        for failed in records["failures"].values():
            for sample, stage, reason in failed:
                add(None, sample, None, stage, reason)
    for position, (_, component) in enumerate(parts.engines):
        for _, records in _stored(workspace, keys.copies[position]):
            for sample, seed, stage, reason in records["engine_failures"]:
                add(component, sample, seed, stage, reason)
            for failed in records["failures"].values():
                for sample, seed, stage, reason in failed:
                    add(component, sample, seed, stage, reason)
    return list(rows.values())


def failure_counts(rows: Sequence[FailureRow]) -> list[FailureCount]:
    """Failures by stage, whose picture, and reason."""
    counted = Counter((f.stage, engine.label if engine else "original", f.reason) for engine, _, _, f in rows)
    return [
        FailureCount(stage=stage, subject=subject, reason=reason, count=count)
        for (stage, subject, reason), count in sorted(counted.items())
    ]


def dataset(parts: Parts, inspection: Inspection, keys: Sequence[str], workspace: Workspace) -> DatasetSummary:
    """What was audited, with what turned out to be unreadable on the way."""
    samples = inspection.samples
    unreadable = Counter(reason for _, records in _stored(workspace, keys) for _, _, reason in records["unreadable"])
    sessions = {sample.session for sample in samples}
    kinds = {sample.kind for sample in samples}
    return DatasetSummary(
        component=parts.dataset_component,
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


def nothing_acquired(component: Component, workspace: Workspace, keys: Sequence[str], index: int) -> str:
    """Why a recognizer got no template of any original."""
    reasons = Counter(
        f"{stage}: {reason}"
        for _, records in _stored(workspace, keys)
        for _, stage, reason in records["failures"][str(index)]
    )
    said = "; ".join(f"{reason} ({count})" for reason, count in reasons.most_common(3))
    return (
        f"{component.label} could take no template of any original: {said}. "
        "Look at the data set with: deidkit datasets check"
    )


def empty_cell(engine: Component, base: Baseline, expected: int) -> Cell:
    """A cell for an engine none of whose copies gave a template."""
    nothing = CellScores(
        genuine=base.pairs.same_identity,
        impostor=base.pairs.different_identity,
        deidentified=None,
        deidentified_other=None,
        deidentified_nonmated=None,
        diversity=None,
        linkage_mated=None,
        linkage_nonmated=None,
        identification_with_source=None,
        identification_without_source=None,
    )
    return Cell(
        engine=engine.label,
        recognizer=base.component.label,
        metrics=cell_metrics(
            nothing, failures=expected, attempts=expected, settings=BootstrapSettings(resamples=0, seed=0)
        ),
        histograms={},
        det=NO_CURVE,
        cmc=NO_CURVE,
        failures_to_acquire=expected,
    )


def engine_result(
    parts: Parts,
    plan: AuditPlan,
    position: int,
    inspection: Inspection,
    keys: Sequence[str],
    originals: frozenset[str],
    workspace: Workspace,
    settings: BootstrapSettings,
    audit_id: str,
) -> EngineResult:
    """What one engine did to the pictures; `originals` are the hashes of all originals' pixels."""
    engine, component = parts.engines[position]
    seeds = engines.seeds_of(engine, plan.seeds)
    records: list[dict[str, Any]] = []
    seconds, gallery, attempted = 0.0, [], 0
    measured: list[list[Any]] = [[] for _ in parts.quality]
    for arrays, batch in _stored(workspace, keys):
        records += batch["copies"]
        for index, values in enumerate(measured):
            if f"quality.{index}" in arrays:
                values.append(arrays[f"quality.{index}"])
        seconds += batch["seconds"]
        attempted += len(batch["copies"]) + len(batch["engine_failures"])
        # A copy that is somebody's original is shown no more than an original is.
        foreign = {
            str(copy["number"]) for copy in batch["copies"] if copy["sha256"] in originals and not copy["change"]
        }
        hidden = foreign if not plan.include_originals else set()
        gallery += [
            GalleryItem(
                file=_file(audit_id, position, name),
                original=_file(audit_id, position, name.replace("thumbnail", "original"))
                if plan.include_originals
                else None,
                caption=f"sample {name.partition('.')[2]}, seed {seeds[0]}",
            )
            for name in arrays
            if name.startswith("thumbnail.") and name.partition(".")[2] not in hidden
        ]
    subjects = number(inspection.samples).subjects
    of_copies = np.asarray([subjects[record["number"]] for record in records], dtype=np.int32)
    usable = [index for index, record in enumerate(records) if "usability" in record]
    quality = quality_metrics([record["quality"] for record in records], of_copies, settings)
    for (measure, _), values in zip(parts.quality, measured, strict=True):
        if values:
            samples = np.array([record["number"] for record in records], np.int32)
            quality[measure.metric] = measure.estimate(np.concatenate(values), samples, of_copies, settings)
    return EngineResult(
        component=component,
        produced=len(records),
        expected=len(inspection.samples) * len(seeds),
        seeds=seeds,
        coverage=_coverage(engine, component, inspection.samples, records, originals),
        quality=quality,
        usability=usability_metrics([records[index]["usability"] for index in usable], of_copies[usable], settings),
        gallery=gallery,
        seconds_per_image=seconds / attempted if attempted else None,
    )


def original_pixels(workspace: Workspace, keys: Sequence[str]) -> frozenset[str]:
    """The hashes of all originals' pixels."""
    return frozenset(pixels for _, records in _stored(workspace, keys) for pixels in records["pixels"])


def _coverage(
    engine: Engine,
    component: Component,
    samples: Sequence[Sample],
    records: Sequence[dict[str, Any]],
    originals: frozenset[str],
) -> list[CoverageFinding]:
    findings: list[CoverageFinding] = list(engines.ask(engine, component, "coverage", samples) or ())
    changes = Counter(record[what] for record in records for what in ("change", "size") if record[what])
    changes["another original"] = sum(record["sha256"] in originals and not record["change"] for record in records)
    explained = {
        "another original": "the de-identified picture is the original of another sample, pixel for pixel",
        "unchanged": "the de-identified picture is the original, pixel for pixel",
        "hardly changed": "the palm differs from the original by less than a camera's noise",
        "resized": "the de-identified picture is of another size than the original and was brought to it for the audit",
        "reshaped": "the de-identified picture is cut, padded or turned: its places are not those of the original",
    }
    findings += [
        CoverageFinding(
            finding=name,
            count=changes[name],
            explanation=explained[name],
            serious=not component.control and name != "resized",
        )
        for name in explained
        if changes[name]
    ]
    return findings


def thumbnails(keys: Sequence[Sequence[str]], workspace: Workspace, audit_id: str) -> Iterator[tuple[str, bytes]]:
    """Gallery files by name, relative to the report's folder."""
    for position, of_engine in enumerate(keys):
        for arrays, _ in _stored(workspace, of_engine):
            for name, data in arrays.items():
                if name.startswith(("thumbnail.", "original.")):
                    yield _file(audit_id, position, name), data.tobytes()


def _file(audit_id: str, position: int, name: str) -> str:
    kind, _, sample = name.partition(".")
    return f"{GALLERY}/{audit_id}-engine{position + 1}-{sample}{'-original' if kind == 'original' else ''}.webp"


WEAK_EER_PERCENT = 10.0
"""A recognizer with more errors than this on originals is too weak to prove anything."""


def notes(recognizers: Sequence[Any], cells: Sequence[Cell], engine_results: Sequence[EngineResult]) -> list[str]:
    """What a reader must know before trusting a number."""
    said = []
    for recognizer in recognizers:
        eer = recognizer.metrics["eer_percent"]
        if eer.value is not None and eer.value > WEAK_EER_PERCENT:
            said.append(
                f"{recognizer.component.label} has an equal error rate of {eer.value:.1f} % on the originals: it "
                "recognizes too little for its failure on copies to be evidence of de-identification."
            )
    controls = {result.component.label for result in engine_results if result.component.control}
    for cell in cells:
        rejected = cell.metrics["rejection_rate_percent"].value
        if cell.engine in controls and rejected is not None and rejected > WEAK_EER_PERCENT:
            said.append(
                f"the control {cell.engine} is rejected by {cell.recognizer} in {rejected:.1f} % of comparisons: the "
                "measurement itself fails there, so its other numbers are not evidence."
            )
    if not controls:
        said.append("No control engine was audited; add --engine identity to see what the measurement itself costs.")
    return said
