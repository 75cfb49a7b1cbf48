"""The hand's own light and skin colour without its lines."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.protocols import Mask

Layers = NDArray[np.float32]
"""(h, w, 3) float32: logarithms of colour."""

WORKING_WIDTH = 96.0
"""Pixels in a palm width where the base is computed: it holds nothing finer."""
DARK = 0.3
"""How much darker than its surroundings, as a logarithm, what is no skin but a gap between fingers or a fold."""
CLOSING = 0.05
"""Width of the widest line that is closed before anything is averaged; this and what follows in palm widths."""
SMOOTHING = 0.2
"""Standard deviation of the average, well inside."""
SEAM_SMOOTHING = 0.015
"""The same at the region's border, where the base must go over into what is left untouched."""
SEAM_DEPTH = 0.09
"""How far inside the border the average has reached its full width."""
RIM = (0.0, 0.015, 0.03, 0.06)
"""Distances from the hand's outline between which the rim's own shading is averaged, along the outline."""


def base_of(colours: Layers, skin: Mask, region: Mask, width: float) -> Layers:
    """Smooth a palm to its light and colour.

    Dark lines are closed first, or their average would keep a trace of them. Then each pixel becomes an average of
    the skin about it, over more the further it is from the region's border. Shading that follows the hand's outline is
    averaged along it.

    Args:
        colours: The window's picture.
        skin: (h, w) the hand.
        region: (h, w) the palm.
        width: Of the palm in pixels.

    Returns:
        (h, w, 3) float32, to be used within the region.
    """
    shape = skin.shape
    scale = min(1.0, WORKING_WIDTH / width)
    size = (max(round(shape[1] * scale), 1), max(round(shape[0] * scale), 1))
    unit = width * scale
    weight = cv2.resize(skin.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    small = cv2.resize(colours * skin[..., None], size, interpolation=cv2.INTER_AREA)
    small = small / np.maximum(weight, 1e-3)[..., None]
    inside = (weight > 0.98).astype(np.float32)
    own = cv2.resize(region.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.5
    spread = small * inside[..., None] + (1 - inside[..., None]) * _average(small, inside, 0.05 * unit)
    around = _average(spread, inside, 0.15 * unit)
    foreign = (spread - around).mean(axis=2) < -DARK
    side = 2 * max(1, round(CLOSING * unit / 2)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    closed = cv2.morphologyEx(np.where(foreign[..., None], around, spread), cv2.MORPH_CLOSE, kernel).astype(np.float32)
    wide = _average(closed, inside, SMOOTHING * unit)
    wide += _along_the_rim(closed - wide, inside, unit)
    # Far from skin that stays, only the wide average counts; the hand's outline is no such border.
    stays = (inside > 0) & ~own
    if stays.any():
        far = cv2.distanceTransform((~stays).astype(np.uint8), cv2.DIST_L2, 5) / np.float32(SEAM_DEPTH * unit)
        share = np.clip(1 - far, 0, 1)[..., None]
        share = share * share * (3 - 2 * share)
        wide += share * (_average(spread, inside, SEAM_SMOOTHING * unit) - wide)
    # Closing makes lighter: back to the palm's own lightness, in its coarsest features only.
    wide += _average(np.where(foreign[..., None], 0, spread - wide), inside * own, 0.35 * unit)
    return np.asarray(cv2.resize(wide, shape[::-1], interpolation=cv2.INTER_CUBIC), np.float32)


def _average(values: Layers, weight: NDArray[np.float32], sigma: float) -> Layers:
    """A Gaussian average of where the weight is."""
    sigma = max(sigma, 0.3)
    total = cv2.GaussianBlur(weight, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    summed = cv2.GaussianBlur(values * weight[..., None], (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    return np.asarray(summed / (total + 1e-4)[..., None], np.float32)


def _along_the_rim(rest: Layers, inside: NDArray[np.float32], unit: float) -> Layers:
    """What a wide average lacks near the outline, averaged along the outline at each distance from it."""
    if inside.all():
        return np.zeros_like(rest)
    padded = np.pad(inside, 1, mode="edge").astype(np.uint8)
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1] / np.float32(unit)
    steps = np.array(RIM)
    total = np.zeros_like(rest)
    for number in range(len(steps) - 1):
        knots = steps[max(number - 1, 0) : number + 2]
        heights = [0.0, 1.0, 0.0] if number else [1.0, 0.0]
        share = np.interp(distance, knots, heights).astype(np.float32) * inside
        total += share[..., None] * _average(rest, share, 0.3 * unit)
    return total
