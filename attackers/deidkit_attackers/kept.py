"""Compare copies with originals at the pixels where other people's copies preserve the original's level."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.attacks import AttackMaterial
from deidkit_attackers import lines
from deidkit_attackers.selection import by_row, splits

_BACKGROUND_SIGMA = 2.0
"""Standard deviation in pixels of the Gaussian subtracted from copies: a preserved pixel deviates from it with the
original's level, whereas lighting that an engine preserves is removed."""

_SELECTED = 0.02
"""Share of the pixels that is compared."""

_NOISE_FLOOR = 0.5
"""Grey levels added to the standard deviation of each pixel, since lower values come from rounding."""


def kept_places(material: AttackMaterial) -> NDArray[np.float32]:
    """Compare by the few pixels whose copies and originals correlate most for other people, weighted by correlation.

    Returns:
        (copies, originals) distances as `by_row` gives them.
    """
    originals, copies, sources = material.originals, material.copies, material.source_rows()
    levels = originals.regions.reshape(len(originals), -1).astype(np.float32)
    detail = copies.regions.astype(np.float32)
    detail = np.stack([plane - cv2.GaussianBlur(plane, (0, 0), _BACKGROUND_SIGMA) for plane in detail]).reshape(
        len(copies), -1
    )
    found = np.zeros((len(copies), len(originals)), np.float32)
    for attacked, learned, _ in splits(copies.labels, originals.labels, material.folds):
        material.check()
        rows = np.flatnonzero(learned & (sources >= 0))
        ours, theirs = _standardised(detail, detail[rows]), _standardised(levels, levels[sources[rows]])
        correlations = (ours[rows] * theirs[sources[rows]]).mean(axis=0)
        places = np.argsort(-correlations)[: int(_SELECTED * len(correlations))]
        weights = np.sqrt(np.maximum(correlations[places], 0))
        mine = lines.unit(ours[attacked][:, places] * weights)
        found[attacked] = -mine @ lines.unit(theirs[:, places] * weights).T
    return by_row(found)


def _standardised(values: NDArray[np.float32], known: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, d) values standardised by the mean and standard deviation of the known ones."""
    return np.asarray((values - known.mean(axis=0)) / (known.std(axis=0) + _NOISE_FLOOR), np.float32)
