"""Whether the light of whole pictures was changed by as much as was chosen for each person.

What surrounds the palm tells by how much to a fraction of a level, whatever palm was drawn. Only one change of all
levels counts: a filled hand or a replaced background follow from what the original shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.leakage import marks
from deidkit.leakage.residuals import residuals, scaled
from deidkit.protocols import Image, Mask

_SIDE, _REACH = 64, 0.2
"""Side of the reduced pictures that are compared, and how far from the palm, in parts of their side, its treatment may
show in them."""

_FEWEST, _DARKEST, _LIGHTEST = 200, 16, 235
"""Places that are needed, and levels between which one can become darker and lighter."""

_CHANGED, _EXPLAINED, _BINS = 0.9, 0.9, 32
"""Least share of places that are changed by half a level or more, least share of the change that follows from the
level alone, and steps of levels by which that is told."""

_LEAST_SPREAD = 0.02
"""Least standard deviation, as a logarithm, of the change that the originals do not explain."""

TOLD_APART = 0.85
"""Least probability that two copies of one person are more alike by it: exposures and gammas chosen for each of ten
drawn people reach 0.92; automatic exposure, white balance, stretched and equalized levels 0.68 at most."""

_LIGHT = "light of the whole picture"


class Tone(NamedTuple):
    """Red, green and blue beside the palm.

    Attributes:
        levels: Logarithms of their means.
        gains: By how much these were changed.
        gammas: The same by the exponent of a curve that leaves black and white.
    """

    levels: tuple[float, float, float]
    gains: tuple[float, float, float]
    gammas: tuple[float, float, float]


def tone(original: Image, copy: Image, palm: Mask) -> Tone | None:
    """How the light of what surrounds the palm, (h, w) bool, was changed in a copy of the original's size.

    Returns:
        None where no one change of all levels explains the copy, as where a part of it alone was changed.
    """
    before, after, covered = (
        cv2.resize(plane, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
        for plane in (original, copy, palm.astype(np.uint8) * 255)
    )
    reach = 2 * round(_REACH * np.sqrt((covered > 0).sum())) + 1
    beside = ~(cv2.dilate(covered, np.ones((reach, reach), np.uint8)) > 0)
    beside &= (before > _DARKEST).all(axis=2) & (before < _LIGHTEST).all(axis=2)
    if np.count_nonzero(beside) < _FEWEST:
        return None
    old, new = before[beside], after[beside]
    if not any(_is_one_change(old[:, channel], new[:, channel]) for channel in range(3)):
        return None
    levels, changed = (np.log(np.clip(part.mean(axis=0), 1, 254)) for part in (old, new))
    curved = np.log((np.log(255) - changed) / (np.log(255) - levels))
    return Tone((*levels.tolist(),), (*(changed - levels).tolist(),), (*curved.tolist(),))


def _is_one_change(old: NDArray[np.float32], new: NDArray[np.float32]) -> bool:
    change = new - old
    if np.mean(np.abs(change) >= 0.5) < _CHANGED:
        return False
    steps = (old * (_BINS / 256)).astype(np.int64)
    means = np.bincount(steps, change, _BINS) / np.maximum(np.bincount(steps, minlength=_BINS), 1)
    return float(((change - means[steps]) ** 2).sum()) <= (1 - _EXPLAINED) * float((change**2).sum())


def tones_chosen(tones: Sequence[Tone | None], people: NDArray[np.int64]) -> list[marks.Mark]:
    """Whether the changes of copies were chosen for each person: they tell people apart better than the originals do.

    Args:
        tones: Of each of n copies; those without one are left out.
        people: (n,) whose they are.
    """
    changed = [tone for tone in tones if tone is not None]
    if not changed:
        return []
    people = people[[tone is not None for tone in tones]]
    levels, gains, gammas = (np.array(values) for values in zip(*changed, strict=True))
    known = scaled(levels)
    before = [marks.told_apart(marks.nearness(known[:, channel]), people) for channel in range(3)]
    told_before = max(TOLD_APART, *(mark.told_apart if mark else 1.0 for mark in before))
    found = []
    for changes in (*gains.T, *gammas.T):
        left = residuals(changes, known)
        mark = marks.told_apart(marks.nearness(left), people) if left.std() >= _LEAST_SPREAD else None
        if mark is not None and mark.certain and mark.told_apart > told_before:
            found.append(marks.Mark(_LIGHT, mark.told_apart, mark.deviations))
    return found[:1]
