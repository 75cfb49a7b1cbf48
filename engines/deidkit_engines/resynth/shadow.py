"""Finds a shadow with a hard edge, as cast by direct sun; it is removed before a palm is painted and restored after."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.protocols import Mask
from deidkit_engines.resynth.base import average_of, disc, scaled, shrunk
from deidkit_engines.resynth.pyramid import Layer, Layers, lightness_of
from deidkit_engines.resynth.regions import PalmRegion

WORKING_WIDTH = 96.0
"""Pixels per palm width at which a shadow is detected."""
LEAST_STEP = 0.25
"""Log difference of lightness across an edge from which it is a shadow's; after the median filter, lines have less."""
LEAST_SHARE = 0.03
"""Smallest share of the region that lies in the shadow, and in the light."""
LINE = 0.07
"""Largest width of a line or fold, as opposed to a shadow. This and all lengths below are in palm widths."""
BESIDE, FARTHER = 0.025, 0.08
"""Distances from an edge within which lightness is averaged on both sides: close, to tell an edge from a gradual slope,
and wide, to measure its full height."""
STEEPEST = 0.5
"""Smallest share of its full height that an edge must have within the close distance."""
PENUMBRA = 0.03
"""Largest width of the penumbra on each side of an edge."""
NEAR = 0.06
"""Largest distance of an edge from where it was detected at the working scale."""
CLEAN = 0.025
"""Largest width of a structure that is not part of an edge but a line that starts at it."""
LEVELS = 45.0
"""Grey levels per unit of log lightness in the thresholded picture."""
SOFTNESS = (0.0, 0.004, 0.008, 0.015, 0.025)
"""Candidate standard deviations of an edge's blur."""


@dataclass(frozen=True)
class Shadow:
    """One shadow in the window of a palm.

    Attributes:
        shade: (h, w, 3) float32, 0 or negative: its effect on logarithms of colour.
        edge: (h, w) bool, the transition between shadow and light.
    """

    shade: Layers
    edge: Mask


@dataclass(frozen=True)
class _Sides:
    """The two sides of an edge, at the working scale.

    Attributes:
        dark: (r, c) bool, the shadow, extended beyond the skin.
        step: (3,) float32 log difference of colours from light to shadow.
        middle: (r, c) float32 lightness halfway between both sides.
    """

    dark: Mask
    step: NDArray[np.float32]
    middle: Layer


def shadow_of(colours: Layers, palm: PalmRegion) -> Shadow | None:
    """The shadow with a hard edge across a palm, or None.

    Args:
        colours: (h, w, 3) float32, logarithms of colour.
        palm: The palm in the same window.
    """
    scale = min(1.0, WORKING_WIDTH / palm.width)
    size = scaled(palm.skin.shape, scale)
    skin, region = (shrunk(mask.astype(np.float32), size) > 0.98 for mask in (palm.skin, palm.region))
    sides = _sides(shrunk(colours, size), skin, skin & region, palm.width * scale)
    if sides is None:
        return None
    light = lightness_of(colours)
    share = _share(light, palm, sides)
    edge = cv2.dilate(((share > 0.02) & (share < 0.98)).astype(np.uint8), disc(CLEAN * palm.width)) > 0
    return Shadow(share[..., None] * sides.step, edge)


def _sides(small: Layers, skin: Mask, region: Mask, unit: float) -> _Sides | None:
    """Both sides of a hard edge, or None; `unit` is the palm width in pixels of the shrunk picture."""
    dark = _darker_side(small, skin, region, unit)
    if dark is None:
        return None
    gradient = cv2.morphologyEx(dark.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    edge = (gradient > 0) & region
    if not edge.any():
        return None
    core = disc(2 * PENUMBRA * unit)
    near = [average_of(small, np.asarray(side & skin, np.float32), BESIDE * unit) for side in (dark, ~dark)]
    far = [average_of(small, _eroded(side, core) * skin, FARTHER * unit) for side in (dark, ~dark)]
    sharp, step = (np.median((below - above)[edge], axis=0) for below, above in (near, far))
    if -sharp.mean() < max(LEAST_STEP, -STEEPEST * step.mean()):
        return None
    return _Sides(dark, step.astype(np.float32), np.asarray((far[0] + far[1]).mean(axis=2) / 2, np.float32))


def _darker_side(small: Layers, skin: Mask, region: Mask, unit: float) -> Mask | None:
    """(r, c) the part of a palm that is too dark and too wide to be a line; None where there is none."""
    if np.count_nonzero(region) < (2 * LINE * unit) ** 2:
        return None
    grey = np.clip(lightness_of(small) * LEVELS, 0, 255).astype(np.uint8)
    grey = np.asarray(cv2.medianBlur(grey, 2 * max(1, round(LINE * unit / 2)) + 1), np.uint8)
    limit, above = cv2.threshold(grey[region], 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    lit = np.asarray(above).ravel() > 0
    if lit.all() or grey[region][lit].mean() - grey[region][~lit].mean() < LEVELS * LEAST_STEP:
        return None
    least = LEAST_SHARE * np.count_nonzero(region)
    dark = _without_specks(_smooth((grey <= limit) & skin, LINE * unit) & skin, least)
    dark = _extended(~_without_specks(skin & ~dark, least), skin)
    return dark if 0 < np.count_nonzero(dark & region) < np.count_nonzero(region) else None


def _share(light: Layer, palm: PalmRegion, sides: _Sides) -> Layer:
    """(h, w) float32 strength of the shadow, 0..1."""
    size, width = light.shape[::-1], palm.width
    coarse = np.asarray(cv2.resize(sides.dark.astype(np.float32), size)) > 0.5
    middle = np.asarray(cv2.resize(sides.middle, size), np.float32)
    reach = disc(2 * NEAR * width)
    inner, outer = (operate(coarse.astype(np.uint8), reach) > 0 for operate in (cv2.erode, cv2.dilate))
    near = outer & ~inner
    fine = np.asarray(cv2.GaussianBlur(light, (0, 0), max(0.004 * width, 0.5)) < middle)
    dark = _smooth(_extended(np.where(near, fine, coarse), palm.skin), CLEAN * width).astype(np.float32)
    judged = near & palm.region
    best, least = dark, np.inf
    for softness in SOFTNESS:
        share = np.asarray(cv2.GaussianBlur(dark, (0, 0), max(softness * width, 0.5)), np.float32)
        rest = light - share * np.float32(sides.step.mean())
        left = float(np.square(rest - cv2.GaussianBlur(rest, (0, 0), 0.02 * width))[judged].sum())
        if left < least:
            best, least = share, left
    return best


def _smooth(mask: Mask, size: float) -> Mask:
    """A mask without parts and gaps narrower than a size in pixels (opening, then closing)."""
    kernel = disc(size)
    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, kernel)
    return np.asarray(cv2.morphologyEx(opened, cv2.MORPH_CLOSE, kernel) > 0)


def _without_specks(mask: Mask, least: float) -> Mask:
    """The connected parts of a mask that have at least so many pixels."""
    _, labels, found, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    return np.asarray((found[:, cv2.CC_STAT_AREA] >= least)[labels] & mask)


def _extended(mask: Mask, skin: Mask) -> Mask:
    """A mask extended beyond the skin by the value of the nearest skin pixel."""
    _, nearest = cv2.distanceTransformWithLabels(
        (~skin).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    of_label = np.zeros(int(nearest.max()) + 1, bool)
    of_label[nearest[skin]] = mask[skin]
    return np.asarray(of_label[nearest])


def _eroded(mask: Mask, kernel: NDArray[np.uint8]) -> Layer:
    return np.asarray(cv2.erode(mask.astype(np.float32), kernel), np.float32)
