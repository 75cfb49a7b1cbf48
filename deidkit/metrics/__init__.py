"""Metrics: what scores and pictures say, with intervals, or why they do not."""

from deidkit.metrics.bootstrap import BootstrapSettings
from deidkit.metrics.error_rates import det_curve
from deidkit.metrics.evaluate import (
    CELL_METRICS,
    RECOGNIZER_METRICS,
    CellScores,
    cell_metrics,
    histograms,
    recognizer_metrics,
    score_estimates,
)
from deidkit.metrics.identification import cmc_curve

__all__ = [
    "CELL_METRICS",
    "RECOGNIZER_METRICS",
    "BootstrapSettings",
    "CellScores",
    "cell_metrics",
    "cmc_curve",
    "det_curve",
    "histograms",
    "recognizer_metrics",
    "score_estimates",
]
