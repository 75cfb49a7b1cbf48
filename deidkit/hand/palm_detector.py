"""MediaPipe's palm detector: decodes the network's output for a 192 x 192 input into palms.

Zhang et al., "MediaPipe Hands: On-device Real-time Hand Tracking", 2020: a single-shot detector on two grids, with
score-weighted averaging of overlapping detections.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIDE = 192
"""Side of the detector's input in pixels."""

OUTPUTS = ("Identity", "Identity_1")
"""Names of the detector's outputs: (2016, 18) boxes with keypoints, (2016, 1) logits."""

_GRIDS = ((24, 2), (12, 6))
"""Cells per side, and anchors per cell, of each grid."""

_WRIST, _MIDDLE_KNUCKLE = 0, 2
"""Indices, among a palm's seven keypoints, of those that define its direction."""


@dataclass(frozen=True, slots=True)
class Palm:
    """One palm; coordinates are 0..1 from the top left corner of the detector's input.

    Attributes:
        centre: (2,) centre of its box.
        side: Longer side of its box.
        direction: (2,) from the wrist to the middle finger's knuckle.
    """

    score: float
    centre: NDArray[np.float32]
    side: float
    direction: NDArray[np.float32]


def _anchors() -> NDArray[np.float32]:
    """(2016, 2) centres of the cells in row-major order, repeated for each anchor."""
    grids = []
    for cells, repeats in _GRIDS:
        y, x = np.divmod(np.arange(cells * cells), cells)
        grids.append(np.repeat((np.stack([x, y], axis=1) + 0.5) / cells, repeats, axis=0))
    return np.concatenate(grids).astype(np.float32)


_ANCHORS = _anchors()


def decode(boxes: NDArray[np.float32], logits: NDArray[np.float32], minimum: float, overlap: float = 0.3) -> list[Palm]:
    """Decode the detector's outputs into palms, best first.

    Args:
        boxes: (2016, 18): centre, size and seven keypoints, in input pixels about the anchors.
        logits: (2016, 1).
        minimum: Minimum score.
        overlap: Intersection over union above which two boxes are the same palm.
    """
    scores = 1 / (1 + np.exp(-np.clip(logits.reshape(-1), -50, 50)))
    kept = np.flatnonzero(scores >= minimum)
    kept = kept[np.argsort(-scores[kept], kind="stable")]
    scores, values = scores[kept], boxes[kept] / np.float32(SIDE)
    values[:, :2] += _ANCHORS[kept]
    values[:, 4:] += np.tile(_ANCHORS[kept], 7)
    same = _overlaps(values) > overlap
    palms = []
    free = np.ones(len(kept), bool)
    for best in range(len(kept)):
        if not free[best]:
            continue
        group = free & same[best]
        group[best] = True  # a box without area overlaps nothing, not even itself
        free &= ~group
        mean = np.average(values[group], axis=0, weights=scores[group]).astype(np.float32)
        points = mean[4:].reshape(7, 2)
        palms.append(
            Palm(
                score=float(scores[best]),
                centre=mean[:2],
                side=float(mean[2:4].max()),
                direction=points[_MIDDLE_KNUCKLE] - points[_WRIST],
            )
        )
    return palms


def _overlaps(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, n) intersection over union of boxes given as centre and size."""
    low, high = values[:, :2] - values[:, 2:4] / 2, values[:, :2] + values[:, 2:4] / 2
    shared = np.minimum(high[:, None], high[None]) - np.maximum(low[:, None], low[None])
    both = np.clip(shared, 0, None).prod(axis=2)
    area = np.clip(high - low, 0, None).prod(axis=1)
    return np.asarray(both / np.maximum(area[:, None] + area[None] - both, 1e-9), np.float32)
