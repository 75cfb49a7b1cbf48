"""Whether traits of copies were chosen for each person: slow light, a wave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from deidkit.leakage import marks
from deidkit.leakage.traits import IN_PICTURE, IN_REGION, SLOW_LIGHT, SLOW_LIGHT_IN_REGION

OF_OTHERS = 0.68
"""Probability, at most, that slow light is more like the own original's than like those of others: an engine that keeps
light of the hand, or leaves a coarse palm, has neither light nor waves of its own. Fresh palms reach 0.60, mosaics 0.91
and more."""

DEVIATIONS = 3.5
"""By how many standard deviations of deals people must differ in slow light: honest copies reach 1.1."""

LEAST_WAVE = 0.6
"""Least probability that two copies of one person are more alike by the place of a wave, in the picture as well as in
the palm's region: by the one that the engine laid it into, the same wave for everybody is at one place."""

_LIT_APART = 0.9
"""Least probability that two copies of one person are more alike by slow light: one palm for all, which only outlines
tell apart, reaches 0.83, chosen light 0.94 and more."""

_DEALS = 200
_LEAST_LIGHT = 0.5
"""Standard deviation, in grey levels, of a cosine that differs at all."""

_INDEPENDENT, _EVEN = 0.3, 0.02
"""Shares by which a covariance within people is drawn towards that of cosines that do not depend on one another, and
towards equal ones, since few copies show it."""


def chosen(originals: NDArray[np.float32], copies: NDArray[np.float32], people: NDArray[np.int64]) -> list[marks.Mark]:
    """Which traits of copies were chosen for each person.

    Args:
        originals: (n, `TRAITS`) traits of the originals of the copies.
        copies: (n, `TRAITS`) those of the copies.
        people: (n,) whose they are.
    """
    ours, theirs = _scaled(originals[:, SLOW_LIGHT]), _scaled(copies[:, SLOW_LIGHT])
    if _own(ours, theirs, people) > OF_OTHERS:
        return []
    places = [(ours, theirs)]
    if copies[:, SLOW_LIGHT_IN_REGION].any():
        places.append((_scaled(originals[:, SLOW_LIGHT_IN_REGION]), _scaled(copies[:, SLOW_LIGHT_IN_REGION])))
    return _wave(originals, copies, people) + _light(places, people)


def _wave(originals: NDArray[np.float32], copies: NDArray[np.float32], people: NDArray[np.int64]) -> list[marks.Mark]:
    """Whether a wave was chosen: its place differs between people in the picture and in the palm's region."""
    found = []
    for place in (IN_PICTURE, IN_REGION):
        before, after = _places_apart(originals[:, place], people), _places_apart(copies[:, place], people)
        if before is None or after is None or after.told_apart < max(LEAST_WAVE, before.told_apart):
            return []
        found.append(replace(after, name="wave"))
    return [mark for mark in found if mark.certain][:1]


def _places_apart(places: NDArray[np.float32], people: NDArray[np.int64]) -> marks.Mark | None:
    return marks.told_apart(-np.linalg.norm(places[:, None] - places, axis=2), people)


def _light(
    places: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]], people: NDArray[np.int64]
) -> list[marks.Mark]:
    """Whether slow light was chosen: it differs between people in each of the places where it was measured.

    A palm that is the same for all lies otherwise in each person's picture, but the same in the palm's region. Where
    people are known as well by the light of their originals, a palm that is filled from its rim tells them apart.
    """
    found = [_light_apart(after, people) for _, after in places]
    own = _light_apart(places[0][0], people)
    least = 0.0 if own is None else own.deviations
    certain = [mark for mark in found if mark is not None and mark.told_apart >= _LIT_APART]
    return certain[:1] if len(certain) == len(places) and certain[0].deviations > least else []


def _light_apart(light: NDArray[np.float64], people: NDArray[np.int64]) -> marks.Mark | None:
    """How well people are told apart by slow light, of all its cosines together; None where they are not."""
    if not light.any():
        return None
    numbers = np.unique(people, return_inverse=True)[1]
    observed = _apart(light, numbers)
    draw = np.random.default_rng(0)
    dealt = [_apart(light, draw.permutation(numbers)) for _ in range(_DEALS)]
    deviations = (observed - float(np.mean(dealt))) / max(float(np.std(dealt)), 1e-6)
    mark = marks.told_apart(-_distances(light, numbers), people)
    if mark is None or deviations < DEVIATIONS:
        return None
    return marks.Mark("slow light", mark.told_apart, deviations)


def _scaled(light: NDArray[np.float32]) -> NDArray[np.float64]:
    centred = light.astype(np.float64) - light.mean(axis=0, dtype=np.float64)
    return np.asarray(centred / np.maximum(centred.std(axis=0), _LEAST_LIGHT))


def _own(originals: NDArray[np.float64], copies: NDArray[np.float64], people: NDArray[np.int64]) -> float:
    """Probability that a copy is more like its own original than like that of somebody else."""
    alike = _unit(copies) @ _unit(originals).T
    others = people[:, None] != people
    higher = (np.diagonal(alike)[:, None] > alike) & others
    return float((higher.sum(axis=1) / np.maximum(others.sum(axis=1), 1)).mean())


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9))


def _apart(light: NDArray[np.float64], numbers: NDArray[np.intp]) -> float:
    """Variance between people in parts of that within, over all cosines (Hotelling's trace), as a logarithm."""
    means, within = _people(light, numbers)
    counts = np.bincount(numbers)
    between = (means * counts[:, None]).T @ means
    return float(np.log(np.trace(np.linalg.solve(within, between)) + 1e-9))


def _distances(light: NDArray[np.float64], numbers: NDArray[np.intp]) -> NDArray[np.float32]:
    """(n, n) distances of copies in parts of the variance within people (Mahalanobis)."""
    _, within = _people(light, numbers)
    values, vectors = np.linalg.eigh(within)
    white = light @ (vectors / np.sqrt(values))
    squares = (white**2).sum(axis=1)
    return np.asarray(squares[:, None] + squares - 2 * white @ white.T, np.float32)


def _people(light: NDArray[np.float64], numbers: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Means of people, and the covariance within them, drawn towards one of independent cosines."""
    counts = np.bincount(numbers)
    means = np.zeros((len(counts), light.shape[1]))
    np.add.at(means, numbers, light)
    means /= counts[:, None]
    rest = light - means[numbers]
    within = rest.T @ rest / max(1, len(light) - len(counts))
    own = np.diag(np.diagonal(within))
    return means, (1 - _INDEPENDENT) * within + _INDEPENDENT * own + _EVEN * np.eye(len(within))
