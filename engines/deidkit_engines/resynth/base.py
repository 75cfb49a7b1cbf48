"""The hand's own light and skin colour without its lines."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.protocols import Mask
from deidkit_engines.resynth.pyramid import Layer, Layers
from deidkit_engines.resynth.regions import PalmRegion

WORKING_WIDTH = 96.0
"""Pixels in a palm width where the base is computed: it holds nothing finer."""
SMOOTHING = 0.45
"""Standard deviation of the average of lightness well inside, in palm widths, as is what follows: no line is that wide,
and people's mounds are told apart in less."""
COLOUR_SMOOTHING = 0.7
"""The same of colour: blotches of blood are told from one person to the next by their places."""
NEAR_SMOOTHING = 0.2
"""Of both near skin that is left untouched, or a step of colour would show there."""
NEAR_DEPTH = 0.3
"""How far inside the region's border it has become the full width."""
CLOSING = 0.05
"""Width of the widest dark line that is closed before anything is averaged."""
DARK = 0.3
"""How much darker than its surroundings, as a logarithm, what is no skin but a gap between fingers or a deep fold."""
OUTER_SMOOTHING = 0.08
"""The same beyond what recognizers read, where mounds keep their light."""
OUTER_DEPTH = 0.15
"""How far from what recognizers read it has become that."""
SEAM_SMOOTHING = 0.015
"""Standard deviation of the average at the region's border, where the base goes over into what is left untouched."""
SEAM_DEPTH = 0.09
"""How far inside the border the average has reached its full width."""
NARROWEST = 4.0
"""Standard deviation in pixels at which a wide average is taken, of a picture shrunk for it: wider ones cost more and
show nothing more."""


def base_of(colours: Layers, palm: PalmRegion) -> Layers:
    """Smooth a palm to its light and colour.

    Dark lines are closed first, or the average would keep a trace of them. Then each pixel becomes an average of the
    skin about it, over more the further it is from skin that stays as it is.

    Args:
        colours: (h, w, 3) float32, logarithms.
        palm: The palm in the same window.

    Returns:
        (h, w, 3) float32, to be used within the region.
    """
    skin, scale = palm.skin, min(1.0, WORKING_WIDTH / palm.width)
    size = scaled(skin.shape, scale)
    unit = palm.width * scale
    share = shrunk(skin.astype(np.float32), size)
    summed = shrunk(colours * skin[..., None], size)
    small = np.asarray(summed / np.maximum(share, 1e-3)[..., None], np.float32)
    inside = (share > 0.98).astype(np.float32)
    own, core = (shrunk(mask.astype(np.float32), size) > 0.5 for mask in (palm.region, palm.core))
    small += (1 - inside[..., None]) * (average_of(small, inside, 0.05 * unit) - small)
    around = average_of(small, inside, 0.15 * unit)
    foreign = ((small - around).mean(axis=2) < -DARK)[..., None]
    closed = np.asarray(
        cv2.morphologyEx(np.where(foreign, around, small), cv2.MORPH_CLOSE, disc(CLOSING * unit)), np.float32
    )
    base = _base_average(closed, inside, SMOOTHING * unit, unit)
    stays = (inside > 0) & ~own
    near = ramp(1 - _distance(stays) / np.float32(NEAR_DEPTH * unit))[..., None]
    base += near * (average_of(closed, inside, NEAR_SMOOTHING * unit) - base)
    outer = ramp(_distance(core) / np.float32(OUTER_DEPTH * unit))[..., None]
    base += outer * (average_of(closed, inside, OUTER_SMOOTHING * unit) - base)
    seam = ramp(1 - _distance(stays) / np.float32(SEAM_DEPTH * unit))[..., None]
    base += seam * (average_of(small, inside, SEAM_SMOOTHING * unit) - base)
    # Closing makes lighter: back to the palm's own lightness, in its coarsest features only.
    base += _base_average(np.where(foreign, np.float32(0), small - base), inside * own, SMOOTHING * unit, unit)
    return np.asarray(cv2.resize(base, skin.shape[::-1], interpolation=cv2.INTER_CUBIC), np.float32)


def ramp(values: Layer) -> Layer:
    """From 0 to 1, smooth at both ends."""
    held = np.clip(values, 0, 1)
    return np.asarray(held * held * (3 - 2 * held), np.float32)


def depth_of(mask: Mask) -> Layer:
    """(h, w) distance of each pixel of a mask to the nearest that is not; the picture's border is none."""
    if mask.all():
        return np.full(mask.shape, np.float32(max(mask.shape)))
    padded = np.pad(mask.astype(np.uint8), 1, mode="edge")
    return np.asarray(cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1], np.float32)


def shrunk(values: Layers, size: tuple[int, int]) -> Layers:
    """Means over larger pixels; size is (columns, rows)."""
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)


def scaled(shape: tuple[int, ...], scale: float) -> tuple[int, int]:
    """(columns, rows) of an array of such a shape at another scale."""
    return max(round(shape[1] * scale), 1), max(round(shape[0] * scale), 1)


def disc(diameter: float) -> NDArray[np.uint8]:
    """(n, n) uint8 structuring element, of 3 pixels across at least."""
    side = 2 * max(1, round(diameter / 2)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)


def _distance(mask: Mask) -> Layer:
    """(h, w) distance to a mask, in pixels; far where there is none."""
    if not mask.any():
        return np.full(mask.shape, np.float32(1e6))
    return np.asarray(cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5), np.float32)


def average_of(values: Layers, weight: Layer, sigma: float) -> Layers:
    """A Gaussian average of where the weight is.

    Args:
        values: (h, w, 3) float32.
        weight: (h, w) float32, 0..1.
        sigma: Standard deviation in pixels.
    """
    shape, scale = weight.shape, min(1.0, NARROWEST / max(sigma, 0.3))
    size = scaled(shape, scale)
    total, summed = (
        cv2.GaussianBlur(shrunk(each, size), (0, 0), max(sigma * scale, 0.3), borderType=cv2.BORDER_REFLECT)
        for each in (weight, values * weight[..., None])
    )
    average = summed / np.maximum(total, 1e-4)[..., None]
    return np.asarray(cv2.resize(average, shape[::-1], interpolation=cv2.INTER_CUBIC), np.float32)


def _base_average(values: Layers, weight: Layer, sigma: float, unit: float) -> Layers:
    """A Gaussian average of where the weight is, over `COLOUR_SMOOTHING` for differences of colour."""
    light, colour = (average_of(values, weight, each) for each in (sigma, COLOUR_SMOOTHING * unit))
    return np.asarray(colour + (light - colour).mean(axis=2, keepdims=True), np.float32)
