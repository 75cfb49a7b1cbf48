"""The base layer of a new palm: the hand's own shading and skin colour, without its lines."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.protocols import Mask
from deidkit_engines.resynth.pyramid import Layer, Layers
from deidkit_engines.resynth.regions import PalmRegion

WORKING_WIDTH = 96.0
"""Pixels per palm width at which the base is computed; it holds no finer detail."""
SMOOTHING = 0.45
"""Standard deviation of the Gaussian average of lightness well inside the region. This and all lengths below are in
palm widths. No line is this wide, but a smaller value leaves the shading of mounds, which identifies people."""
COLOUR_SMOOTHING = 0.7
"""The same for colour: the positions of reddish blotches identify people."""
NEAR_SMOOTHING = 0.2
"""The same for both near untouched skin, where a wider average would leave a visible step of colour."""
NEAR_DEPTH = 0.3
"""Distance from untouched skin at which the average reaches its full width."""
CLOSING = 0.05
"""Width of the widest dark line that is removed by a morphological closing before averaging."""
DARK = 0.3
"""Log lightness below the surroundings at which a pixel is not skin but a gap between fingers or a deep fold."""
OUTER_SMOOTHING = 0.08
"""Standard deviation of the average outside the square that recognizers crop, where mounds keep their shading."""
OUTER_DEPTH = 0.15
"""Distance from that square at which the average reaches this width."""
BLEND_SMOOTHING = 0.015
"""Standard deviation of the average at the region's border, where the base blends into untouched skin."""
BLEND_DEPTH = 0.09
"""Distance from untouched skin at which this narrow average has faded out."""
NARROWEST = 4.0
"""Standard deviation in pixels to which a wide average is reduced by shrinking the picture first, to save time."""


def base_of(colours: Layers, palm: PalmRegion) -> Layers:
    """Smooth a palm down to its shading and skin colour.

    Dark lines are closed first, or the average would keep a trace of them. Then each pixel becomes a Gaussian average
    of the skin around it; the average is wider the further the pixel is from untouched skin.

    Args:
        colours: (h, w, 3) float32, logarithms of colour.
        palm: The palm in the same window.

    Returns:
        (h, w, 3) float32 logarithms of colour, meaningful within the region.
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
    blend = ramp(1 - _distance(stays) / np.float32(BLEND_DEPTH * unit))[..., None]
    base += blend * (average_of(small, inside, BLEND_SMOOTHING * unit) - base)
    # Closing lightens the palm; this restores its lightness, at the coarsest scale only.
    base += _base_average(np.where(foreign, np.float32(0), small - base), inside * own, SMOOTHING * unit, unit)
    return np.asarray(cv2.resize(base, skin.shape[::-1], interpolation=cv2.INTER_CUBIC), np.float32)


def ramp(values: Layer) -> Layer:
    """Smoothstep: values clipped to 0..1, with zero slope at both ends."""
    held = np.clip(values, 0, 1)
    return np.asarray(held * held * (3 - 2 * held), np.float32)


def depth_of(mask: Mask) -> Layer:
    """(h, w) distance in pixels from each pixel of a mask to the nearest one outside; picture borders do not count."""
    if mask.all():
        return np.full(mask.shape, np.float32(max(mask.shape)))
    padded = np.pad(mask.astype(np.uint8), 1, mode="edge")
    return np.asarray(cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1], np.float32)


def shrunk(values: Layers, size: tuple[int, int]) -> Layers:
    """Downsample by area averaging to a size of (columns, rows)."""
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)


def scaled(shape: tuple[int, ...], scale: float) -> tuple[int, int]:
    """(columns, rows) of an array of a given shape after scaling."""
    return max(round(shape[1] * scale), 1), max(round(shape[0] * scale), 1)


def disc(diameter: float) -> NDArray[np.uint8]:
    """(n, n) uint8 elliptical structuring element, at least 3 pixels wide."""
    side = 2 * max(1, round(diameter / 2)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)


def _distance(mask: Mask) -> Layer:
    """(h, w) distance to the nearest pixel of a mask, in pixels; very large where the mask is empty."""
    if not mask.any():
        return np.full(mask.shape, np.float32(1e6))
    return np.asarray(cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5), np.float32)


def average_of(values: Layers, weight: Layer, sigma: float) -> Layers:
    """Weighted Gaussian average.

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
    """Weighted Gaussian average of lightness; colour differences are averaged over `COLOUR_SMOOTHING`."""
    light, colour = (average_of(values, weight, each) for each in (sigma, COLOUR_SMOOTHING * unit))
    return np.asarray(colour + (light - colour).mean(axis=2, keepdims=True), np.float32)
