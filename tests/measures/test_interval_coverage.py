"""How often the intervals of a report hold the truth, on populations whose truth is known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from deidkit.measures import IntervalSettings, score_estimates
from deidkit.measures.recognition import RECOGNIZER
from deidkit.measures.registry import CELL

from .populations import MIDDLING, SHARP, Population, sample, truth

LEAST = 92.0
"""Percent of the intervals that must hold the truth: 95 are promised, and a few hundred are tried."""

SCORED = (
    "eer_percent", "auc_genuine_impostor", "d_prime_genuine_impostor", "fnmr_percent_at_fmr_1_percent",
    "impostor_mean", "deid_ratio_percent", "d_prime_genuine_deidentified", "rejection_rate_percent",
    "rejection_rate_percent_at_fmr_1_percent", "rejection_rate_percent_at_fmr_0_1_percent", "fmr_deidentified_percent",
    "linkage_eer_percent", "linkage_auc", "linkage_other_eer_percent", "linkage_other_auc", "copy_linkage_eer_percent",
    "copy_linkage_auc",
)  # fmt: skip
SEARCHED = ("rank_1_percent", "rank_1_without_source_percent")
"""Rates that depend on the size of the gallery: held against their mean over all sets of as many people."""

METRICS = [metric for metric in (*RECOGNIZER, *CELL) if metric.name in SCORED] + [
    metric for metric in CELL if metric.name in SEARCHED
]

TRIALS = {
    "10": (MIDDLING, 10, 300),
    "30": (MIDDLING, 30, 500),
    "100": (MIDDLING, 100, 300),
    "sharp 30": (SHARP, 30, 500),
}
"""Head of a column -> population, people in a set, sets."""


def coverage(population: Population, people: int, sets: int, wanted: Mapping[str, float]) -> dict[str, float]:
    """Percent of the intervals that hold the truth, by metric; those that say that there is none are not counted."""
    rng = np.random.default_rng(people)
    ends: dict[str, list[tuple[float, float, float]]] = {metric.name: [] for metric in METRICS}
    for _ in range(sets):
        scores, searches = sample(population, rng, people)
        for name, estimate in score_estimates(scores, IntervalSettings(), METRICS, searches=searches).items():
            if estimate.low is not None:
                ends[name].append((estimate.value, estimate.low, estimate.high))
    found = {}
    for name, rows in ends.items():
        if rows:
            value, low, high = np.array(rows).T
            right = wanted.get(name, value.mean())
            found[name] = 100 * float(np.mean((low <= right) & (right <= high)))
    return found


@pytest.mark.nightly
def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    truths = {id(p): truth(p, [m for m in METRICS if m.name in SCORED]) for p in (MIDDLING, SHARP)}
    table = {
        head: coverage(population, people, sets, truths[id(population)])
        for head, (population, people, sets) in TRIALS.items()
    }
    width = max(map(len, (*SCORED, *SEARCHED)))
    print(f"\n{'':{width}}  {'  '.join(f'{head:>8}' for head in TRIALS)}")
    for name in (*SCORED, *SEARCHED):
        print(f"{name:{width}}  {'  '.join(f'{of.get(name, np.nan):8.1f}' for of in table.values())}")
    low = {(head, name): share for head, of in table.items() for name, share in of.items() if share < LEAST}
    assert not low
