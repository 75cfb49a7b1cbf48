"""Metrics of scores and pictures, each with an interval or the reason why it has none."""

from deidkit.measures.acquisition import Acquisition
from deidkit.measures.contributions import Contributions, MetricKey
from deidkit.measures.evaluate import (
    MATED_KINDS,
    SCORE_KINDS,
    CellCurves,
    CellScores,
    Measured,
    cell_curves,
    cell_metrics,
    det_of,
    histograms,
    recognizer_metrics,
    score_estimates,
)
from deidkit.measures.identification import cmc_curve
from deidkit.measures.registry import OF_ATTACKS, OF_CELLS, OF_RECOGNIZERS, names
from deidkit.protocols import IntervalSettings

CELL_METRICS = names(OF_CELLS)
"""Names of the metrics of one engine against one recognizer."""

ATTACK_METRICS = names(OF_ATTACKS)
"""Names of the metrics of the strongest attack on an engine."""

RECOGNIZER_METRICS = names(OF_RECOGNIZERS)
"""Names of the metrics of a recognizer on originals."""

__all__ = [
    "ATTACK_METRICS",
    "CELL_METRICS",
    "MATED_KINDS",
    "RECOGNIZER_METRICS",
    "SCORE_KINDS",
    "Acquisition",
    "CellCurves",
    "CellScores",
    "Contributions",
    "IntervalSettings",
    "Measured",
    "MetricKey",
    "cell_curves",
    "cell_metrics",
    "cmc_curve",
    "det_of",
    "histograms",
    "recognizer_metrics",
    "score_estimates",
]
