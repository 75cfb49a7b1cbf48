"""From the templates of an audit to its scores and what they say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidkit.audit.workspace import Workspace
from deidkit.comparison import PairScores, Templates, compare_all
from deidkit.metrics import (
    BootstrapSettings,
    CellScores,
    cell_metrics,
    cmc_curve,
    det_curve,
    histograms,
    recognizer_metrics,
)
from deidkit.progress import Progress
from deidkit.protocols import Recognizer
from deidkit.result import Cell, Component, Curve, RecognizerResult
from deidkit.scores import ScoreSet

NO_CURVE = Curve(x=[], y=[])


@dataclass(frozen=True)
class Numbering:
    """Which identity and which subject each sample of the audit belongs to, as numbers.

    Attributes:
        identities: (n,) int32 by sample number.
        subjects: (n,) int32 by sample number.
    """

    identities: NDArray[np.int32]
    subjects: NDArray[np.int32]

    def templates(self, data: NDArray[Any], samples: NDArray[np.int32]) -> Templates:
        """Label templates by the samples they come from."""
        return Templates(
            data=data, identities=self.identities[samples], subjects=self.subjects[samples], sources=samples
        )


def original_templates(workspace: Workspace, keys: Iterable[str], index: int, numbering: Numbering) -> Templates | None:
    """All templates that one recognizer made of originals; None where there is none."""
    return _gather(workspace, keys, f"templates.{index}", f"numbers.{index}", numbering)


def copy_templates(workspace: Workspace, keys: Iterable[str], index: int, numbering: Numbering) -> Templates | None:
    """All templates that one recognizer made of an engine's copies; None where there is none."""
    return _gather(workspace, keys, f"templates.{index}", f"copies.{index}", numbering)


def _gather(
    workspace: Workspace, keys: Iterable[str], data_name: str, sample_name: str, numbering: Numbering
) -> Templates | None:
    data, samples = [], []
    for key in keys:
        stored = workspace.load(key)
        assert stored is not None, "a batch that was processed is in the workspace"
        arrays, _ = stored
        if data_name in arrays:
            data.append(arrays[data_name])
            numbers = arrays[sample_name]
            samples.append(numbers[:, 0] if numbers.ndim == 2 else numbers)
    return numbering.templates(np.concatenate(data), np.concatenate(samples)) if data else None


@dataclass(frozen=True)
class Baseline:
    """One recognizer on the originals, kept for every engine it is held against."""

    recognizer: Recognizer
    component: Component
    originals: Templates
    pairs: PairScores


def baseline(
    recognizer: Recognizer, component: Component, originals: Templates, threads: int, progress: Progress
) -> Baseline:
    """Compare all originals with one another."""
    pairs = compare_all(recognizer, originals, threads=threads, progress=progress)
    return Baseline(recognizer, component, originals, pairs)


def recognizer_result(base: Baseline, *, failures: int, attempts: int, settings: BootstrapSettings) -> RecognizerResult:
    """How good a recognizer is on originals."""
    genuine, impostor = base.pairs.same_identity, base.pairs.different_identity
    identification = base.pairs.identification_with_source
    both = bool(genuine.count and impostor.count)
    return RecognizerResult(
        component=base.component,
        metrics=recognizer_metrics(
            genuine, impostor, identification, failures=failures, attempts=attempts, settings=settings
        ),
        histograms=histograms({"genuine": genuine, "impostor": impostor}),
        det=det_curve(genuine.distribution(), impostor.distribution()) if both else NO_CURVE,
        cmc=cmc_curve(identification) if identification is not None else NO_CURVE,
        failures_to_acquire=failures,
    )


def original_sets(base: Baseline) -> dict[str, ScoreSet | None]:
    """The scores among originals by kind, as the store keeps them."""
    return {"genuine": base.pairs.same_identity, "impostor": base.pairs.different_identity}


def compare_copies(base: Baseline, copies: Templates, threads: int, progress: Progress) -> CellScores:
    """Compare the copies of one engine with all originals and with one another."""
    against = compare_all(base.recognizer, copies, base.originals, threads=threads, progress=progress)
    among = compare_all(base.recognizer, copies, identify=False, threads=threads, progress=progress)
    return CellScores(
        genuine=base.pairs.same_identity,
        impostor=base.pairs.different_identity,
        deidentified=against.same_source,
        deidentified_other=against.same_identity,
        deidentified_nonmated=against.different_identity,
        diversity=among.same_source,
        linkage_mated=among.same_identity,
        linkage_nonmated=among.different_identity,
        identification_with_source=against.identification_with_source,
        identification_without_source=against.identification_without_source,
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
    base: Baseline,
    scores: CellScores,
    *,
    failures: int,
    attempts: int,
    settings: BootstrapSettings,
) -> Cell:
    """What one engine leaves to one recognizer."""
    sets: Mapping[str, ScoreSet | None] = {**original_sets(base), **copy_sets(scores)}
    mated, nonmated = scores.deidentified, scores.deidentified_nonmated
    identification = scores.identification_with_source
    return Cell(
        engine=engine.label,
        recognizer=base.component.label,
        metrics=cell_metrics(scores, failures=failures, attempts=attempts, settings=settings),
        histograms=histograms({kind: s for kind, s in sets.items() if s is not None and s.count}),
        det=_det(mated, nonmated),
        cmc=cmc_curve(identification) if identification is not None else NO_CURVE,
        failures_to_acquire=failures,
    )


def _det(mated: ScoreSet | None, nonmated: ScoreSet | None) -> Curve:
    if mated is None or nonmated is None or not mated.count or not nonmated.count:
        return NO_CURVE
    return det_curve(mated.distribution(), nonmated.distribution())
