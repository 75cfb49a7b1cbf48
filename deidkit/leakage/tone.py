"""Detection of lighting changes of whole pictures that were chosen per person.

The surroundings of the palm reveal the change to a fraction of a grey level, whatever palm was synthesized. Only a
uniform change of all levels counts: a filled hand or a replaced background depends on what the original shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.leakage import marks
from deidkit.leakage.residuals import residuals, standardised
from deidkit.protocols import Image, Mask

_SIDE, _REACH = 64, 0.2
"""Side of the reduced pictures that are compared, in pixels, and distance that the treatment of a palm may reach, in
parts of its side."""

_FEWEST, _DARKEST, _LIGHTEST = 200, 16, 235
"""Least number of pixels; range of grey levels within which a pixel can become darker and lighter."""

_CHANGED, _EXPLAINED, _BINS = 0.9, 0.9, 32
"""Least share of pixels changed by half a level or more; least share of the change explained by the level alone; number
of bins of levels for that test."""

_LEAST_SPREAD = 0.02
"""Least standard deviation of the log change that the originals do not explain."""

LEAST_AUC = 0.85
"""Least AUC: exposures and gammas chosen for each of ten synthetic people reach 0.92; automatic exposure, white
balance, stretched and equalized levels at most 0.68."""

_LIGHT = "light of the whole picture"


class Tone(NamedTuple):
    """Lighting beside the palm, per colour channel.

    Attributes:
        levels: Logarithms of the original's mean levels.
        gains: Change of these logarithms.
        gammas: The same as the log exponent of a curve that preserves black and white.
    """

    levels: tuple[float, float, float]
    gains: tuple[float, float, float]
    gammas: tuple[float, float, float]


def tone(original: Image, copy: Image, palm: Mask) -> Tone | None:
    """Measure the change of lighting beside the palm, (h, w) bool, in a copy of the original's size.

    Returns:
        None if no uniform change of levels explains the copy, as after a local change.
    """
    if not np.any(cv2.copyTo(cv2.absdiff(original, copy), (~palm).astype(np.uint8))):
        return None
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
    if not any(_is_uniform_change(old[:, channel], new[:, channel]) for channel in range(3)):
        return None
    levels, changed = (np.log(np.clip(part.mean(axis=0), 1, 254)) for part in (old, new))
    curved = np.log((np.log(255) - changed) / (np.log(255) - levels))
    return Tone((*levels.tolist(),), (*(changed - levels).tolist(),), (*curved.tolist(),))


def _is_uniform_change(old: NDArray[np.float32], new: NDArray[np.float32]) -> bool:
    change = new - old
    if np.mean(np.abs(change) >= 0.5) < _CHANGED:
        return False
    steps = (old * (_BINS / 256)).astype(np.int64)
    means = np.bincount(steps, change, _BINS) / np.maximum(np.bincount(steps, minlength=_BINS), 1)
    return float(((change - means[steps]) ** 2).sum()) <= (1 - _EXPLAINED) * float((change**2).sum())


def chosen_tones(tones: Sequence[Tone | None], people: NDArray[np.int64]) -> list[marks.Mark]:
    """Test whether lighting was changed per person: the changes separate people better than the originals do.

    Args:
        tones: Tone of each of n copies; copies without one are left out.
        people: (n,) identity of each copy.
    """
    changed = [tone for tone in tones if tone is not None]
    if not changed:
        return []
    people = people[[tone is not None for tone in tones]]
    levels, gains, gammas = (np.array(values) for values in zip(*changed, strict=True))
    known = standardised(levels)
    before = [marks.mark_of(marks.nearness(known[:, channel]), people) for channel in range(3)]
    auc_before = max(LEAST_AUC, *(mark.auc if mark else 1.0 for mark in before))
    found = []
    for changes in (*gains.T, *gammas.T):
        left = residuals(changes, known)
        mark = marks.mark_of(marks.nearness(left), people) if left.std() >= _LEAST_SPREAD else None
        if mark is not None and mark.certain and mark.auc > auc_before:
            found.append(marks.Mark(_LIGHT, mark.auc, mark.deviations))
    return found[:1]
