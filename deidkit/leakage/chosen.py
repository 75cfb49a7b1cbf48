"""Detection of lighting and waves that were chosen per person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from deidkit.leakage import marks
from deidkit.leakage.traits import IN_PICTURE, IN_REGION, MIRRORED, SLOW_LIGHT, SLOW_LIGHT_IN_REGION, unmirrored

LARGEST_OWN_AUC = 0.68
"""Largest probability that low-frequency lighting resembles the copy's own original more than others: an engine that
keeps the hand's lighting, or leaves a coarse palm, adds no lighting or waves. Fresh palms reach 0.60, mosaics 0.91 and
more."""

DEVIATIONS = 3.5
"""Least deviation from permuted identities, in standard deviations, of the lighting: honest copies reach 1.1."""

LEAST_WAVE_AUC = 0.6
"""Least AUC of the wave's frequency, in the picture as well as in the palm's region. In the coordinates in which an
engine adds the wave, the same wave for everybody has the same frequency."""

_LEAST_LIGHT_AUC = 0.9
"""Least AUC of low-frequency lighting: one palm for all, which differs by its outline only, reaches 0.83, lighting
chosen per person 0.94 and more."""

_PERMUTATIONS = 200
_LEAST_LIGHT = 0.5
"""Least standard deviation of a coefficient, in grey levels; lighting without any larger one is rounding, or follows
from the colour of the hand."""

_VARIED = 0.99
"""Least standard deviation of a standardised coefficient in lighting that varies at all: 1 but for rounding."""

_SHRINKAGE, _RIDGE = 0.3, 0.02
"""Shrinkage of the within-person covariance towards its diagonal, and multiple of the identity added to it, since there
are few copies per person."""


def chosen_traits(
    originals: NDArray[np.float32], copies: NDArray[np.float32], people: NDArray[np.int64]
) -> list[marks.Mark]:
    """Find the traits of copies that were chosen per person.

    Args:
        originals: (n, `TRAITS`) traits of the original of each copy.
        copies: (n, `TRAITS`) traits of the copies.
        people: (n,) identity of each copy.
    """
    ours, theirs = _standardised(originals[:, SLOW_LIGHT]), _standardised(copies[:, SLOW_LIGHT])
    if _own_original_auc(ours, theirs, people) > LARGEST_OWN_AUC:
        return []
    # An engine may lay one palm for all into regions as a hand shows them, or as they look mirrored to a right palm.
    regions = [(originals, copies)]
    if copies[:, MIRRORED].any():
        regions.append((unmirrored(originals), unmirrored(copies)))
    waves = [(originals[:, IN_PICTURE], copies[:, IN_PICTURE])]
    waves += [(before[:, IN_REGION], after[:, IN_REGION]) for before, after in regions]
    lights = [theirs]
    if copies[:, SLOW_LIGHT_IN_REGION].any():
        lights += [_standardised(after[:, SLOW_LIGHT_IN_REGION]) for _, after in regions]
    return _chosen_wave(waves, people) + _chosen_light(ours, lights, people)


def _chosen_wave(
    places: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]], people: NDArray[np.int64]
) -> list[marks.Mark]:
    """Test whether a wave was chosen per person: its frequency differs in the picture and in the palm's region."""
    found = []
    for ours, theirs in places:
        before, after = _frequency_mark(ours, people), _frequency_mark(theirs, people)
        if before is None or after is None or after.auc < max(LEAST_WAVE_AUC, before.auc):
            return []
        found.append(replace(after, name="wave"))
    return [mark for mark in found if mark.certain][:1]


def _frequency_mark(places: NDArray[np.float32], people: NDArray[np.int64]) -> marks.Mark | None:
    return marks.mark_of(-np.linalg.norm(places[:, None] - places, axis=2), people)


def _chosen_light(
    original: NDArray[np.float64], places: Sequence[NDArray[np.float64]], people: NDArray[np.int64]
) -> list[marks.Mark]:
    """Test whether lighting was chosen per person: it differs in all coordinates in which it was measured.

    A palm that is the same for all differs by person in the picture, but not in the palm's region. If the lighting of
    the originals separates people as well, a palm that is filled in from its rim explains the difference.
    """
    found = [_light_mark(after, people) for after in places]
    own = _light_mark(original, people)
    least = 0.0 if own is None else own.deviations
    certain = [mark for mark in found if mark is not None and mark.auc >= _LEAST_LIGHT_AUC]
    weakest = min((mark.deviations for mark in certain), default=0.0)
    return certain[:1] if len(certain) == len(places) and weakest > least else []


def _light_mark(light: NDArray[np.float64], people: NDArray[np.int64]) -> marks.Mark | None:
    """Separation of people by all coefficients of low-frequency lighting together; None if there is none."""
    if light.std(axis=0).max() < _VARIED:
        return None
    numbers = np.unique(people, return_inverse=True)[1]
    observed = _log_hotelling_trace(light, numbers)
    draw = np.random.default_rng(0)
    permuted = [_log_hotelling_trace(light, draw.permutation(numbers)) for _ in range(_PERMUTATIONS)]
    deviations = (observed - float(np.mean(permuted))) / max(float(np.std(permuted)), 1e-6)
    mark = marks.mark_of(-_distances(light, numbers), people)
    if mark is None or deviations < DEVIATIONS:
        return None
    return marks.Mark("slow light", mark.auc, deviations)


def _standardised(light: NDArray[np.float32]) -> NDArray[np.float64]:
    centred = light.astype(np.float64) - light.mean(axis=0, dtype=np.float64)
    return np.asarray(centred / np.maximum(centred.std(axis=0), _LEAST_LIGHT))


def _own_original_auc(originals: NDArray[np.float64], copies: NDArray[np.float64], people: NDArray[np.int64]) -> float:
    """Probability that a copy resembles its own original more than another person's."""
    alike = _unit_rows(copies) @ _unit_rows(originals).T
    others = people[:, None] != people
    higher = (np.diagonal(alike)[:, None] > alike) & others
    return float((higher.sum(axis=1) / np.maximum(others.sum(axis=1), 1)).mean())


def _unit_rows(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9))


def _log_hotelling_trace(light: NDArray[np.float64], numbers: NDArray[np.intp]) -> float:
    """Log of the Hotelling trace: variance between people relative to that within, over all coefficients."""
    means, within = _person_statistics(light, numbers)
    counts = np.bincount(numbers)
    between = (means * counts[:, None]).T @ means
    return float(np.log(np.trace(np.linalg.solve(within, between)) + 1e-9))


def _distances(light: NDArray[np.float64], numbers: NDArray[np.intp]) -> NDArray[np.float32]:
    """(n, n) squared Mahalanobis distances of copies, by the covariance within people."""
    _, within = _person_statistics(light, numbers)
    values, vectors = np.linalg.eigh(within)
    white = light @ (vectors / np.sqrt(values))
    squares = (white**2).sum(axis=1)
    return np.asarray(squares[:, None] + squares - 2 * white @ white.T, np.float32)


def _person_statistics(
    light: NDArray[np.float64], numbers: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Means of people and the regularised covariance within people."""
    counts = np.bincount(numbers)
    means = np.zeros((len(counts), light.shape[1]))
    np.add.at(means, numbers, light)
    means /= counts[:, None]
    rest = light - means[numbers]
    within = rest.T @ rest / max(1, len(light) - len(counts))
    own = np.diag(np.diagonal(within))
    return means, (1 - _SHRINKAGE) * within + _SHRINKAGE * own + _RIDGE * np.eye(len(within))
