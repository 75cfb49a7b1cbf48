"""From the scores of an audit to its estimates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from deidkit.errors import NotComputable
from deidkit.metrics.bootstrap import BootstrapSettings, Interval, intervals
from deidkit.metrics.draw import Draw
from deidkit.metrics.measures import CELL, RECOGNIZER, Measure
from deidkit.result import Estimate, Histogram
from deidkit.scores import Identification, ScoreSet

FAILURE_TO_ACQUIRE = "failure_to_acquire_percent"
REJECTED_WITH_FAILURES = "rejection_rate_including_failures_percent"

RECOGNIZER_METRICS = (*(measure.name for measure in RECOGNIZER), FAILURE_TO_ACQUIRE)
"""Names of the metrics of a recognizer on originals."""

CELL_METRICS = (*(measure.name for measure in CELL), FAILURE_TO_ACQUIRE, REJECTED_WITH_FAILURES)
"""Names of the metrics of one engine against one recognizer."""

FIGURE_BINS = 100


@dataclass(frozen=True)
class CellScores:
    """Scores of one engine against one recognizer by kind; None or empty where there are none.

    Attributes:
        genuine: Originals of one identity.
        impostor: Originals of two identities.
        deidentified: Copies with the very picture they were made from.
        deidentified_other: Copies with other samples of their identity.
        deidentified_nonmated: Copies with originals of other identities.
        diversity: Copies of one picture with one another.
        linkage_mated: Copies of different samples of one identity.
        linkage_nonmated: Copies of different identities.
        identification_with_source: Search of the copies among all originals.
        identification_without_source: The same without each copy's own source.
    """

    genuine: ScoreSet | None
    impostor: ScoreSet | None
    deidentified: ScoreSet | None
    deidentified_other: ScoreSet | None
    deidentified_nonmated: ScoreSet | None
    diversity: ScoreSet | None
    linkage_mated: ScoreSet | None
    linkage_nonmated: ScoreSet | None
    identification_with_source: Identification | None
    identification_without_source: Identification | None

    def sets(self) -> dict[str, ScoreSet]:
        """Kind -> scores, without the kinds that have none."""
        found = {f.name: getattr(self, f.name) for f in fields(self) if not f.name.startswith("identification")}
        return {kind: scores for kind, scores in found.items() if scores is not None and scores.count}


def recognizer_metrics(
    genuine: ScoreSet,
    impostor: ScoreSet,
    identification: Identification | None,
    *,
    failures: int,
    attempts: int,
    settings: BootstrapSettings,
) -> dict[str, Estimate]:
    """What a recognizer does on originals.

    Args:
        genuine: Scores of one identity.
        impostor: Scores of two identities.
        identification: Search of each original among all others.
        failures: Originals that gave no template.
        attempts: All originals.
        settings: How intervals are made.

    Returns:
        An estimate for each of `RECOGNIZER_METRICS`.
    """
    sets = {kind: s for kind, s in (("genuine", genuine), ("impostor", impostor)) if s.count}
    searches = {} if identification is None else {"with_source": identification}
    estimates = _estimates(RECOGNIZER, sets, searches, settings)
    estimates[FAILURE_TO_ACQUIRE] = _failures(failures, attempts)
    return estimates


def cell_metrics(
    scores: CellScores, *, failures: int, attempts: int, settings: BootstrapSettings
) -> dict[str, Estimate]:
    """What one engine leaves to one recognizer.

    Args:
        scores: All scores of the two.
        failures: Copies that gave no template, pictures the engine failed on included.
        attempts: All copies that should have been made.
        settings: How intervals are made.

    Returns:
        An estimate for each of `CELL_METRICS`.
    """
    policies = {
        "with_source": scores.identification_with_source,
        "without_source": scores.identification_without_source,
    }
    searches = {policy: search for policy, search in policies.items() if search is not None}
    estimates = _estimates(CELL, scores.sets(), searches, settings)
    estimates[FAILURE_TO_ACQUIRE] = _failures(failures, attempts)
    estimates[REJECTED_WITH_FAILURES] = _with_failures(estimates["rejection_rate_percent"], failures, attempts)
    return estimates


def score_estimates(
    sets: Mapping[str, ScoreSet], settings: BootstrapSettings, measures: Sequence[Measure] | None = None
) -> dict[str, Estimate]:
    """Every metric that needs scores alone, of a recognizer and of an engine together.

    Args:
        sets: Kind -> scores, kinds as in `CellScores`.
        settings: How intervals are made.
        measures: Those wanted; all that need no search of a gallery where left out.
    """
    wanted = measures or [m for m in (*RECOGNIZER, *CELL) if "rank_1" not in m.name]
    return _estimates(wanted, {kind: scores for kind, scores in sets.items() if scores.count}, {}, settings)


def histograms(sets: Mapping[str, ScoreSet], bins: int = FIGURE_BINS) -> dict[str, Histogram]:
    """Counts of each kind over one common range, for a figure."""
    present = {kind: scores for kind, scores in sets.items() if scores.count}
    if not present:
        return {}
    ends = [s.distribution().values[np.flatnonzero(s.distribution().weights)[[0, -1]]] for s in present.values()]
    low, high = float(min(e[0] for e in ends)), float(max(e[1] for e in ends))
    if high <= low:
        low, high = low - 0.5, high + 0.5
    return {
        kind: Histogram(low=low, high=high, counts=scores.histogram(low, high, bins).tolist(), count=scores.count)
        for kind, scores in present.items()
    }


def _estimates(
    measures: Sequence[Measure],
    sets: Mapping[str, ScoreSet],
    searches: Mapping[str, Identification],
    settings: BootstrapSettings,
) -> dict[str, Estimate]:
    draw = Draw({kind: scores.distribution() for kind, scores in sets.items()}, searches)
    found = intervals(measures, sets, searches, settings)
    return {measure.name: _estimate(measure, draw, sets, found.get(measure.name)) for measure in measures}


def _estimate(measure: Measure, draw: Draw, sets: Mapping[str, ScoreSet], interval: Interval | None) -> Estimate:
    scores = sets.get(measure.kind)
    known = {
        "unit": measure.unit,
        "safer": measure.safer,
        "subjects": len(scores.subjects) if scores else None,
        "comparisons": scores.count if scores else None,
    }
    try:
        value = measure.compute(draw)
        if not math.isfinite(value):
            raise NotComputable("The scores give no finite value.", "Look at the score distributions.")
        parameters = measure.parameters(draw)
    except NotComputable as error:
        return Estimate(value=None, reason=error.reason, remedy=error.remedy, **known)  # type: ignore[arg-type]
    resolution = max((s.resolution for s in sets.values()), default=0.0)
    if resolution:
        parameters = {**parameters, "score_resolution": resolution}
    return Estimate(
        value=float(value),
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        interval=interval.text if interval else "",
        parameters=parameters,
        **known,  # type: ignore[arg-type]
    )


def _failures(failures: int, attempts: int) -> Estimate:
    if attempts == 0:
        return Estimate(
            value=None, unit="percent", reason="Nothing was attempted.", remedy="Use a data set with samples."
        )
    return Estimate(
        value=100.0 * failures / attempts,
        unit="percent",
        comparisons=attempts,
        interval="none: a count of this audit's pictures",
        exact=True,
        parameters={"failures": failures, "attempts": attempts},
    )


def _with_failures(rejection: Estimate, failures: int, attempts: int) -> Estimate:
    """Failures to acquire counted as rejections: what an attacker who must answer every time gets."""
    if attempts == 0 or (rejection.value is None and failures < attempts):
        return Estimate(value=None, unit="percent", safer="higher", reason=rejection.reason, remedy=rejection.remedy)
    share = failures / attempts

    def widened(value: float | None) -> float | None:
        return None if value is None else 100.0 * share + (1 - share) * value

    return Estimate(
        value=widened(100.0 if rejection.value is None else rejection.value),
        unit="percent",
        safer="higher",
        low=widened(rejection.low),
        high=widened(rejection.high),
        interval=rejection.interval,
        subjects=rejection.subjects,
        comparisons=attempts,
        parameters={**rejection.parameters, "failures": failures, "attempts": attempts},
    )
