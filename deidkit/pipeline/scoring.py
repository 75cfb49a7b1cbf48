"""Computes scores and metrics from the templates of an audit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidkit.comparison import ComparisonSettings, PairScores, Templates, compare_all
from deidkit.comparison.all_pairs import PROBES, STRIPE_SCORES
from deidkit.comparison.contract import steps_of
from deidkit.measures import (
    Acquisition,
    CellScores,
    IntervalSettings,
    Measured,
    cell_curves,
    cmc_curve,
    det_of,
    histograms,
    recognizer_metrics,
)
from deidkit.pipeline.cluster import ClusterPartRunner
from deidkit.pipeline.comparison_checkpoint import ComparisonCheckpoint
from deidkit.pipeline.context import AuditContext
from deidkit.pipeline.numbering import Numbering
from deidkit.pipeline.records import TemplatesRecord
from deidkit.plugins import Loaded
from deidkit.protocols import Recognizer
from deidkit.result import Cell, Component, Curve, RecognizerResult
from deidkit.scores import ScoreSet

NO_CURVE = Curve(x=[], y=[])


def gathered(records: Iterable[TemplatesRecord], numbering: Numbering) -> Templates | None:
    """Concatenate the templates of one recognizer over all batches; None if there are none."""
    found = [(record.templates, record) for record in records if record.templates is not None]
    if not found:
        return None
    numbers = np.concatenate([np.asarray(record.numbers, np.int32) for _, record in found])
    seeds = [np.asarray(record.seeds or [0] * len(record.numbers), np.int32) for _, record in found]
    return numbering.templates(np.concatenate([data for data, _ in found]), numbers, np.concatenate(seeds))


def acquired_subjects(records: Iterable[TemplatesRecord], numbering: Numbering) -> NDArray[np.int32]:
    """(n,) subject number of each copy in which the recognizer found a region.

    A copy for which the original's region was used instead is a failure to acquire, although it is compared.
    """
    acquired: list[int] = []
    for record in records:
        failed = {(failure.number, failure.seed) for failure in record.failures}
        copies = dict.fromkeys(zip(record.numbers, record.seeds, strict=True))
        acquired += [number for number, seed in copies if (number, seed) not in failed]
    return numbering.subjects[np.asarray(acquired, np.int64)]


@dataclass(frozen=True)
class OriginalScores:
    """One recognizer's scores among the originals, shared by all engines."""

    recognizer: Loaded[Recognizer]
    originals: Templates
    pairs: PairScores
    acquisition: Acquisition


def compare_originals(
    recognizer: Loaded[Recognizer], originals: Templates, acquisition: Acquisition, context: AuditContext
) -> OriginalScores:
    """Compare all originals with one another."""
    pairs = _compared(recognizer, originals, None, context)
    return OriginalScores(recognizer, originals, pairs, acquisition)


def measure_originals(scores: OriginalScores, settings: IntervalSettings | None) -> Measured:
    """The metrics of a recognizer on originals."""
    pairs = scores.pairs
    search = pairs.identification_with_source
    return recognizer_metrics(pairs.same_identity, pairs.different_identity, search, scores.acquisition, settings)


def recognizer_result(scores: OriginalScores, measured: Measured) -> RecognizerResult:
    """Result of a recognizer on originals, from `measure_originals`."""
    genuine, impostor = scores.pairs.same_identity, scores.pairs.different_identity
    identification = scores.pairs.identification_with_source
    return RecognizerResult(
        component=scores.recognizer.component,
        metrics=measured.estimates,
        histograms=histograms({"genuine": genuine, "impostor": impostor}),
        det=det_of(genuine, impostor),
        cmc=cmc_curve(identification) if identification is not None else NO_CURVE,
        failures_to_acquire=int(scores.acquisition.failures.sum()),
    )


def original_sets(scores: OriginalScores) -> dict[str, ScoreSet | None]:
    """The scores among originals by kind, as the store keeps them."""
    return {"genuine": scores.pairs.same_identity, "impostor": scores.pairs.different_identity}


def compare_copies(scores: OriginalScores, copies: Templates, context: AuditContext) -> CellScores:
    """Compare the copies of one engine with all originals and with one another."""
    against = _compared(scores.recognizer, copies, scores.originals, context)
    among = _compared(scores.recognizer, copies, None, context, identify=False)
    return CellScores(
        genuine=scores.pairs.same_identity,
        impostor=scores.pairs.different_identity,
        deidentified=against.same_source,
        deidentified_other=against.same_identity,
        deidentified_nonmated=against.different_identity,
        diversity=among.same_source,
        linkage_mated=among.same_identity,
        linkage_nonmated=among.different_identity,
        identification_with_source=against.identification_with_source,
        identification_without_source=against.identification_without_source,
    )


def _compared(
    recognizer: Loaded[Recognizer],
    probes: Templates,
    references: Templates | None,
    context: AuditContext,
    *,
    identify: bool = True,
) -> PairScores:
    sets = (probes,) if references is None else (probes, references)
    checkpoint = ComparisonCheckpoint(
        context.workspace,
        recognizer.component,
        *sets,
        settings=(identify, context.plan.sample_pairs, PROBES, STRIPE_SCORES, steps_of(recognizer.plugin)),
    )
    named = f"recognizer '{recognizer.component.name}'"
    with context.process_state.restored_after(named, context.warnings):
        return compare_all(
            recognizer.plugin,
            probes,
            references,
            identify=identify,
            settings=ComparisonSettings(
                checkpoints=checkpoint,
                pairs=context.plan.sample_pairs,
                part_runner=ClusterPartRunner(context, recognizer.component.label, checkpoint.key, sets)
                if context.cluster
                else None,
            ),
            threads=context.threads,
            progress=context.progress,
        )


def copy_sets(scores: CellScores) -> dict[str, ScoreSet | None]:
    """The scores of one engine by kind, as the store keeps them."""
    return {
        "deidentified": scores.deidentified,
        "deidentified_other": scores.deidentified_other,
        "deidentified_nonmated": scores.deidentified_nonmated,
        "diversity": scores.diversity,
        "linkage_mated": scores.linkage_mated,
        "linkage_nonmated": scores.linkage_nonmated,
    }


def cell(
    engine: Component,
    of_originals: OriginalScores,
    scores: CellScores,
    acquisition: Acquisition,
    measured: Measured,
) -> Cell:
    """Result of one recognizer on one engine's copies, from `cell_metrics`."""
    sets: Mapping[str, ScoreSet | None] = {**original_sets(of_originals), **copy_sets(scores)}
    has_scores = scores.deidentified is not None
    curves = cell_curves(scores)
    return Cell(
        engine=engine.label,
        recognizer=of_originals.recognizer.component.label,
        metrics=measured.estimates,
        histograms=histograms({kind: s for kind, s in sets.items() if s is not None and s.count}) if has_scores else {},
        det=curves.own_source,
        det_other=curves.other_samples,
        det_copies=curves.among_copies,
        cmc=curves.cmc,
        failures_to_acquire=int(acquisition.failures.sum()),
    )
