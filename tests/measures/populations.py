"""A made-up population of people whose scores are known, to see how often intervals cover the truth.

People lie about a common direction, so that impostor scores depend on both; each has a spread of its own, and copies that
keep a share of the original which differs from person to person. Scores are cosine distances.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidkit.measures.inputs import MetricInputs
from deidkit.measures.metric import ScoreMetric
from deidkit.scores import Distribution, Identification, Scores

SAMPLES = 4
BINS = 40_000


@dataclass(frozen=True)
class Population:
    """How people and copies are drawn.

    Attributes:
        dimensions: Of a template.
        common: How far all people lie in one direction.
        spread: Of the samples of a person, in the middle.
        kept: Parameters of the beta law of the share of the original that a copy keeps.
    """

    dimensions: int
    common: float
    spread: float
    kept: tuple[float, float]

    def drawn(self, rng: np.random.Generator, people: int) -> tuple[NDArray, NDArray, NDArray[np.int32]]:
        """Templates of originals and copies, and whose they are."""
        centre = np.full(self.dimensions, self.common)
        own = centre + rng.normal(size=(people, self.dimensions))
        spread = self.spread * np.exp(0.3 * rng.normal(size=people))
        shape = (people, SAMPLES, self.dimensions)
        originals = own[:, None] + spread[:, None, None] * rng.normal(size=shape)
        kept = rng.beta(*self.kept, size=people)[:, None, None]
        copies = kept * originals + (1 - kept) * (centre + rng.normal(size=shape))
        subjects = np.repeat(np.arange(people, dtype=np.int32), SAMPLES)
        return _unit(originals), _unit(copies), subjects


MIDDLING = Population(24, 0.6, 0.62, (2.2, 6.0))
"""EER 5.3 %, RR 39 %."""

SHARP = Population(48, 0.4, 0.45, (2.0, 11.0))
"""EER 0.45 %, RR 79 %: errors come from few people."""


def sample(
    population: Population, rng: np.random.Generator, people: int
) -> tuple[dict[str, Scores], dict[str, Identification]]:
    """All scores and searches of some people, as an audit has them."""
    originals, copies, subjects = population.drawn(rng, people)
    numbers = np.arange(len(subjects))
    among, against, copied = (1 - one @ other.T for one, other in
                              ((originals, originals), (copies, originals), (copies, copies)))  # fmt: skip
    same, own = subjects[:, None] == subjects, numbers[:, None] == numbers
    above = numbers[:, None] < numbers
    masks = {
        "genuine": (among, same & above),
        "impostor": (among, ~same & above),
        "deidentified": (against, own),
        "deidentified_other": (against, same & ~own),
        "deidentified_nonmated": (against, ~same),
        "linkage_mated": (copied, same & above),
        "linkage_nonmated": (copied, ~same & above),
    }
    sets = {}
    for kind, (matrix, mask) in masks.items():
        probes, references = np.nonzero(mask)
        sets[kind] = Scores(matrix[mask], subjects[probes], subjects[references])
    searches = {
        "with_source": _searched(against, subjects),
        "without_source": _searched(np.where(own, np.inf, against), subjects),
    }
    return sets, searches


def truth(population: Population, metrics: list[ScoreMetric], people: int = 1_000, sets: int = 10) -> dict[str, float]:
    """The metrics of the whole population, by name: the mean over some large samples of it."""
    found = [_of_many(population, metrics, people, seed) for seed in range(sets)]
    return {metric.name: float(np.mean([values[metric.name] for values in found])) for metric in metrics}


def _of_many(population: Population, metrics: list[ScoreMetric], people: int, seed: int) -> dict[str, float]:
    originals, copies, subjects = population.drawn(np.random.default_rng([1_000, seed]), people)
    originals, copies = originals.astype(np.float32), copies.astype(np.float32)
    counts: dict[str, NDArray] = {}
    moments: dict[str, NDArray] = {}

    def add(kind: str, values: NDArray) -> None:
        bins = ((values + 0.1) / 2.2 * BINS).astype(np.int64)
        counts[kind] = counts.get(kind, 0) + np.bincount(bins, minlength=BINS)
        wide = values.astype(np.float64)
        moments[kind] = moments.get(kind, 0) + np.array([wide.size, wide.sum(), wide @ wide])

    numbers = np.arange(len(subjects))
    for start in range(0, len(subjects), 500):
        rows = slice(start, start + 500)
        same, own = subjects[rows, None] == subjects, numbers[rows, None] == numbers
        above = numbers[rows, None] < numbers
        for left, right, kinds in (
            (originals, originals, {"genuine": same & above, "impostor": ~same & above}),
            (
                copies,
                originals,
                {"deidentified": own, "deidentified_other": same & ~own, "deidentified_nonmated": ~same},
            ),
            (copies, copies, {"linkage_mated": same & above, "linkage_nonmated": ~same & above}),
        ):
            distances = 1 - left[rows] @ right.T
            for kind, mask in kinds.items():
                add(kind, distances[mask])
    middles = -0.1 + (np.arange(BINS) + 0.5) * 2.2 / BINS
    distributions = {}
    for kind, (count, total, squares) in moments.items():
        filled = counts[kind] > 0
        mean = total / count
        weights = counts[kind][filled].astype(np.float64)
        distributions[kind] = Distribution.weighted(
            middles[filled], weights, (mean, float(np.sqrt(squares / count - mean**2)))
        )
    inputs = MetricInputs(distributions, {})
    return {metric.name: metric.compute(inputs) for metric in metrics}


def _searched(distances: NDArray, subjects: NDArray[np.int32]) -> Identification:
    people = int(subjects.max()) + 1
    nearest = distances.reshape(len(subjects), people, SAMPLES).min(axis=2)
    rows = np.arange(len(subjects))
    own = nearest[rows, subjects].copy()
    nearest[rows, subjects] = np.inf
    better, ties = (nearest < own[:, None]).sum(axis=1), (nearest == own[:, None]).sum(axis=1)
    return Identification(better.astype(np.int32), ties.astype(np.int32), subjects, people)


def _unit(templates: NDArray) -> NDArray:
    flat = templates.reshape(-1, templates.shape[-1])
    return np.asarray(flat / np.linalg.norm(flat, axis=1, keepdims=True))
