"""Computes the estimates of an audit from its scores."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from deidkit.errors import NotComputable
from deidkit.measures import contributions
from deidkit.measures.acquisition import Acquisition, failure_to_acquire, rejection_with_failures
from deidkit.measures.error_rates import det_curve
from deidkit.measures.evidence import Evidence, Influence
from deidkit.measures.identification import cmc_curve
from deidkit.measures.inputs import NOT_GIVEN
from deidkit.measures.intervals import interval
from deidkit.measures.metric import ScoreMetric
from deidkit.measures.recognition import RECOGNIZER
from deidkit.measures.registry import CELL, FAILURE_TO_ACQUIRE, REJECTED_WITH_FAILURES
from deidkit.protocols import IntervalSettings
from deidkit.result import Curve, Estimate, Histogram
from deidkit.scores import Identification, ScoreSet

log = logging.getLogger(__name__)

FIGURE_BINS = 100


@dataclass(frozen=True)
class CellScores:
    """Scores of one engine against one recognizer by kind; None or empty if there are none.

    Attributes:
        deidentified: Copies with their source originals.
        deidentified_other: Copies with other samples of their identity.
        deidentified_nonmated: Copies with originals of other identities.
        diversity: Copies of one picture with one another.
        linkage_mated: Copies of different samples of one identity.
        linkage_nonmated: Copies of different identities.
        identification_with_source: Search of the copies among all originals.
        identification_without_source: Search among all originals but the copy's own source.
    """

    genuine: ScoreSet | None
    impostor: ScoreSet | None
    deidentified: ScoreSet | None = None
    deidentified_other: ScoreSet | None = None
    deidentified_nonmated: ScoreSet | None = None
    diversity: ScoreSet | None = None
    linkage_mated: ScoreSet | None = None
    linkage_nonmated: ScoreSet | None = None
    identification_with_source: Identification | None = None
    identification_without_source: Identification | None = None

    def sets(self) -> dict[str, ScoreSet]:
        """Kind -> scores, without empty kinds."""
        found = {f.name: getattr(self, f.name) for f in fields(self) if not f.name.startswith("identification")}
        return {kind: scores for kind, scores in found.items() if scores is not None and scores.count}


SCORE_KINDS = tuple(field.name for field in fields(CellScores) if not field.name.startswith("identification"))
"""Kinds of scores."""

MATED_KINDS = ("genuine", "deidentified", "deidentified_other", "diversity", "linkage_mated")
"""Kinds of mated scores: both samples are of one person."""


@dataclass(frozen=True)
class Measured:
    """Estimates and people's contributions to them.

    Attributes:
        estimates: Metric name -> estimate.
        contributions: Metric name -> each person's contribution, for metrics that have one.
    """

    estimates: dict[str, Estimate]
    contributions: dict[str, Influence]


@dataclass(frozen=True)
class CellCurves:
    """Curves of one engine against one recognizer; empty if there are no scores.

    Attributes:
        own_source: DET of linkage to the source original: FNMR (y) against FMR (x) in percent.
        other_samples: DET of linkage to other samples of the identity.
        among_copies: DET of linkage among copies.
        cmc: Identification rate in percent (y) against rank (x), with the source original in the gallery.
    """

    own_source: Curve
    other_samples: Curve
    among_copies: Curve
    cmc: Curve


def recognizer_metrics(
    genuine: ScoreSet,
    impostor: ScoreSet,
    identification: Identification | None,
    acquisition: Acquisition,
    settings: IntervalSettings | None,
) -> Measured:
    """Compute the metrics of a recognizer on originals, with people's contributions; no intervals without settings."""
    sets = {kind: s for kind, s in (("genuine", genuine), ("impostor", impostor)) if s.count}
    searches = {} if identification is None else {"with_source": identification}
    found = _measured(RECOGNIZER, Evidence(sets, searches), acquisition, settings)
    return Measured(
        found.estimates | {FAILURE_TO_ACQUIRE.name: failure_to_acquire(acquisition, settings)}, found.contributions
    )


def cell_metrics(scores: CellScores, acquisition: Acquisition, settings: IntervalSettings | None) -> Measured:
    """Compute the metrics of one engine against one recognizer, with people's contributions.

    Pictures on which the engine failed count as attempted acquisitions. Without settings there are no intervals.
    """
    policies = {
        "with_source": scores.identification_with_source,
        "without_source": scores.identification_without_source,
    }
    searches = {policy: search for policy, search in policies.items() if search is not None}
    evidence = Evidence(scores.sets(), searches)
    found = _measured(CELL, evidence, acquisition, settings)
    rejection = found.estimates["rejection_rate_percent"]
    acquired = {
        FAILURE_TO_ACQUIRE.name: failure_to_acquire(acquisition, settings),
        REJECTED_WITH_FAILURES.name: rejection_with_failures(rejection, evidence, acquisition, settings),
    }
    return Measured(found.estimates | acquired, found.contributions)


def score_estimates(
    sets: Mapping[str, ScoreSet],
    settings: IntervalSettings | None,
    metrics: Sequence[ScoreMetric] | None = None,
    searches: Mapping[str, Identification] | None = None,
) -> dict[str, Estimate]:
    """Compute metrics from scores alone, both of recognizers and of engines.

    Args:
        sets: Kind -> scores, kinds as in `CellScores`.
        settings: Settings of the intervals; None for no intervals.
        metrics: Metrics to compute; None for all but identification rates, which need a gallery search.
        searches: Gallery policy -> search, for identification rates in `metrics`.
    """
    selected = metrics or [metric for metric in (*RECOGNIZER, *CELL) if "rank_1" not in metric.name]
    evidence = Evidence({kind: scores for kind, scores in sets.items() if scores.count}, searches or {}, NOT_GIVEN)
    return _estimates(selected, evidence, settings)


def cell_curves(scores: CellScores) -> CellCurves:
    """Compute the curves of linkage and identification."""
    search = scores.identification_with_source
    return CellCurves(
        own_source=det_of(scores.deidentified, scores.deidentified_nonmated),
        other_samples=det_of(scores.deidentified_other, scores.deidentified_nonmated),
        among_copies=det_of(scores.linkage_mated, scores.linkage_nonmated),
        cmc=cmc_curve(search) if search is not None else Curve(x=[], y=[]),
    )


def det_of(mated: ScoreSet | None, nonmated: ScoreSet | None) -> Curve:
    """DET of two kinds of scores, see `det_curve`; empty if not computable, for example if all scores are equal."""
    if mated is None or nonmated is None:
        return Curve(x=[], y=[])
    try:
        return det_curve(mated.distribution(), nonmated.distribution())
    except NotComputable:
        return Curve(x=[], y=[])


def histograms(sets: Mapping[str, ScoreSet]) -> dict[str, Histogram]:
    """Histograms of all kinds over a common range, for a figure."""
    present = {kind: scores for kind, scores in sets.items() if scores.count}
    if not present:
        return {}
    ends = [scores.distribution().order.ends for scores in present.values()]
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    if high - low <= 4 * FIGURE_BINS * np.spacing(max(abs(low), abs(high))):  # too narrow for so many bins
        low, high = low - 0.5, high + 0.5
    return {
        kind: Histogram(
            low=low, high=high, counts=scores.histogram(low, high, FIGURE_BINS).tolist(), count=scores.count
        )
        for kind, scores in present.items()
    }


def _measured(
    metrics: Sequence[ScoreMetric], evidence: Evidence, acquisition: Acquisition, settings: IntervalSettings | None
) -> Measured:
    if settings is None:
        return Measured(_estimates(metrics, evidence, None), {})
    evidence.leave_each_out(contributions.left_out(metrics))
    estimates = {metric.name: _estimate(metric, evidence, settings) for metric in metrics}
    of_people = contributions.of_scores(metrics, evidence, estimates)
    failures = contributions.of_failures(acquisition)
    return Measured(estimates, of_people | ({FAILURE_TO_ACQUIRE.name: failures} if failures is not None else {}))


def _estimates(
    metrics: Sequence[ScoreMetric], evidence: Evidence, settings: IntervalSettings | None
) -> dict[str, Estimate]:
    if settings is not None:
        evidence.leave_each_out([metric for metric in metrics if metric.interval.jackknife])
    return {metric.name: _estimate(metric, evidence, settings) for metric in metrics}


def _estimate(metric: ScoreMetric, evidence: Evidence, settings: IntervalSettings | None) -> Estimate:
    scores = evidence.sets.get(metric.kinds[0])
    people = evidence.fewest_subjects(metric.kinds) if scores else None
    comparisons = scores.count if scores else None
    try:
        value = metric.compute(evidence.inputs)
        if not math.isfinite(value):
            raise NotComputable("The scores give no finite value.", "Look at the score distributions.")
    except NotComputable as error:
        return Estimate(
            value=None,
            unit=metric.unit,
            safer=metric.safer,
            subjects=people,
            comparisons=comparisons,
            reason=error.reason,
            remedy=error.remedy,
        )
    found = interval(metric.interval, metric.name, float(value), evidence, settings)
    return Estimate(
        value=float(value),
        unit=metric.unit,
        safer=metric.safer,
        low=found.low,
        high=found.high,
        interval=found.text,
        subjects=people if found.subjects is None else found.subjects,
        comparisons=comparisons,
        parameters=_parameters(metric, evidence),
    )


def _parameters(metric: ScoreMetric, evidence: Evidence) -> dict[str, object]:
    """Parameters of a metric; an error in them is logged and recorded instead."""
    try:
        parameters = metric.parameters(evidence.inputs)
    except Exception as error:  # parameters only explain a number and must not abort an audit
        log.warning("the parameters of %s were not computed: %r", metric.name, error)
        parameters = {"not_computed": f"the parameters of this number: {error}"}
    resolution = max((scores.resolution for scores in evidence.sets.values()), default=0.0)
    return {**parameters, "score_resolution": resolution} if resolution else {**parameters}
