"""Statistics of one octave of a relief, and lookup tables that adjust its values."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.protocols import Mask
from deidkit_engines.resynth.pyramid import Layer

MOST = 20_000
"""Most pixels of an octave that statistics are computed from; more would not improve them."""
REACH = 2.5
"""Standard deviation of the Gaussian window for local contrast and direction, in pixels of the octave."""
LOOKED_AT = 256
"""Side of the square in which directions are measured, in pixels of the octave."""
_STEPS = 512


def sampled(values: NDArray[np.float32], inside: Mask) -> NDArray[np.float32]:
    """Values within a mask, subsampled to about `MOST`."""
    found = values[inside]
    return found[:: 1 + len(found) // MOST]


def standardized(values: NDArray[np.float32], inside: Mask) -> NDArray[np.float32]:
    """Values standardized to mean 0 and standard deviation 1 within a mask; 0 where they are constant."""
    seen = sampled(values, inside)
    mean, spread = np.atleast_1d(seen.mean(axis=0)), np.atleast_1d(np.maximum(seen.std(axis=0), np.float32(1e-6)))
    centred = cv2.transform(values, np.column_stack([np.eye(len(mean)), -mean]))
    return np.asarray(cv2.transform(centred, np.diag(1 / spread)), np.float32)


def contrast(light: Layer) -> Layer:
    """(h, w) local contrast: root mean square of the values around each pixel."""
    return np.asarray(np.sqrt(cv2.GaussianBlur(light * light, (0, 0), REACH) + np.float32(1e-12)), np.float32)


def coherence(light: Layer, inside: Mask) -> float:
    """Mean coherence of the structure tensor, 0..1, in the middle of a mask."""
    left, top, columns, rows = cv2.boundingRect(inside.astype(np.uint8))
    top, left = top + max(rows - LOOKED_AT, 0) // 2, left + max(columns - LOOKED_AT, 0) // 2
    box = (slice(top, top + min(rows, LOOKED_AT)), slice(left, left + min(columns, LOOKED_AT)))
    if not inside[box].any():
        box = (slice(None), slice(None))
    right, down = (cv2.Sobel(light[box], cv2.CV_32F, *way) for way in ((1, 0), (0, 1)))
    across, along, both = (cv2.GaussianBlur(p, (0, 0), REACH) for p in (right * right, down * down, right * down))
    found = np.hypot(across - along, 2 * both) / (across + along + np.float32(1e-12))
    return float(found[inside[box]].mean())


def mapped(values: Layer, have: NDArray[np.floating], want: NDArray[np.floating]) -> Layer:
    """Map values so that quantiles `have` become quantiles `want`; values beyond the outermost are clipped."""
    return np.asarray(interpolated(values, have, np.asarray(want)[:, None])[0])


def interpolated(at: Layer, places: NDArray[np.floating], values: NDArray[np.floating]) -> NDArray[np.float32]:
    """(n, h, w) values interpolated, by a table, at (h, w) positions between k rising places with (k, n) values."""
    low, high = float(places[0]), float(places[-1])
    steps = np.linspace(low, high, _STEPS)
    index = (at - np.float32(low)) * np.float32((_STEPS - 1) / max(high - low, 1e-9))
    index = np.clip(index, 0, _STEPS - 1).astype(np.intp)
    return np.stack([np.interp(steps, places, column).astype(np.float32)[index] for column in values.T])
