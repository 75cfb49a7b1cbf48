"""Copies compared with originals at the places where other people's copies keep something of the original's level."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.attacks import AttackMaterial
from deidkit_attackers import lines
from deidkit_attackers.selection import by_row, splits

_AROUND = 2.0
"""Standard deviation in pixels of the average that a copy's places are compared with: a pixel that is kept stands out
from it by how light the original is there, and light that an engine keeps does not stand out at all."""

_KEPT = 0.02
"""Share of the places that is compared, at most."""

_LEVELS = 0.5
"""Deviation in grey levels that is added to each place's: less is rounding."""


def kept_places(material: AttackMaterial) -> NDArray[np.float32]:
    """Compare by the few places at which copies and originals of other people go together most, weighted by how much.

    Returns:
        (copies, originals) distances as `by_row` gives them.
    """
    originals, copies, sources = material.originals, material.copies, material.source_rows()
    levels = originals.regions.reshape(len(originals), -1).astype(np.float32)
    detail = copies.regions.astype(np.float32)
    detail = np.stack([plane - cv2.GaussianBlur(plane, (0, 0), _AROUND) for plane in detail]).reshape(len(copies), -1)
    found = np.zeros((len(copies), len(originals)), np.float32)
    for attacked, learned, _ in splits(copies.labels, originals.labels, material.folds):
        material.check()
        rows = np.flatnonzero(learned & (sources >= 0))
        ours, theirs = _scaled(detail, detail[rows]), _scaled(levels, levels[sources[rows]])
        together = (ours[rows] * theirs[sources[rows]]).mean(axis=0)
        places = np.argsort(-together)[: int(_KEPT * len(together))]
        weights = np.sqrt(np.maximum(together[places], 0))
        mine = lines.unit(ours[attacked][:, places] * weights)
        found[attacked] = -mine @ lines.unit(theirs[:, places] * weights).T
    return by_row(found)


def _scaled(values: NDArray[np.float32], known: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, d) in deviations of those that are known."""
    return np.asarray((values - known.mean(axis=0)) / (known.std(axis=0) + _LEVELS), np.float32)
