"""A shadow with a hard edge, as direct sun casts it: taken from a palm before it is drawn, and laid on again."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.protocols import Mask
from deidkit_engines.resynth.base import average_of, disc, scaled, shrunk
from deidkit_engines.resynth.pyramid import Layer, Layers
from deidkit_engines.resynth.regions import PalmRegion

WORKING_WIDTH = 96.0
"""Pixels in a palm width where a shadow is looked for."""
LEAST_STEP = 0.25
"""Difference of lightness on both sides of an edge, as a logarithm, from which it is a shadow's: lines are closed to
less by a median."""
LEAST_SHARE = 0.03
"""Of the region, that lies in the shadow, and in the light."""
LINE = 0.07
"""Width of what is no shadow but a line or a fold, in palm widths, as is what follows."""
BESIDE, FARTHER = 0.025, 0.08
"""How far on both sides of an edge lightness is averaged: near it, to tell it from a slope, and farther, to know all of
its height."""
STEEPEST = 0.5
"""Share of its height that an edge has near it at least."""
PENUMBRA = 0.03
"""How wide an edge is at most, on each side."""
NEAR = 0.06
"""How far an edge may lie from where it was found in the shrunk picture."""
CLEAN = 0.025
"""Width of what is no part of an edge, but a line that begins at it."""
LEVELS = 45.0
"""Grey levels in which 1 of a logarithm is counted where two sides are sought."""
SOFTNESS = (0.0, 0.004, 0.008, 0.015, 0.025)
"""Standard deviations of an edge that are tried."""


@dataclass(frozen=True)
class Shadow:
    """One shadow in the window of a palm.

    Attributes:
        shade: (h, w, 3) float32, 0 or below: what it takes from logarithms of colour.
        edge: (h, w) bool: where it goes over into the light.
    """

    shade: Layers
    edge: Mask


@dataclass(frozen=True)
class _Sides:
    """What lies beside an edge, in the shrunk picture.

    Attributes:
        dark: (r, c) bool, where the shadow is; off the skin, where it would be.
        step: (3,) how much darker its colours are, as logarithms.
        middle: (r, c) lightness between both sides.
    """

    dark: Mask
    step: NDArray[np.float32]
    middle: Layer


def shadow_of(colours: Layers, palm: PalmRegion) -> Shadow | None:
    """The shadow with a hard edge that lies across a palm, or None.

    Args:
        colours: (h, w, 3) float32, logarithms.
        palm: The palm in the same window.
    """
    scale = min(1.0, WORKING_WIDTH / palm.width)
    size = scaled(palm.skin.shape, scale)
    skin, region = (shrunk(mask.astype(np.float32), size) > 0.98 for mask in (palm.skin, palm.region))
    sides = _sides(shrunk(colours, size), skin, skin & region, palm.width * scale)
    if sides is None:
        return None
    light = np.asarray(colours.mean(axis=2), np.float32)
    share = _share(light, palm, sides)
    edge = cv2.dilate(((share > 0.02) & (share < 0.98)).astype(np.uint8), disc(CLEAN * palm.width)) > 0
    return Shadow(share[..., None] * sides.step, edge)


def _sides(small: Layers, skin: Mask, region: Mask, unit: float) -> _Sides | None:
    """Both sides of a hard edge, in a picture with so many pixels in a palm width; None where there is none."""
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
    """(r, c) where a palm is so much darker, over so wide a part, that no line does it; None where it is not."""
    if np.count_nonzero(region) < (2 * LINE * unit) ** 2:
        return None
    grey = np.clip(small.mean(axis=2) * LEVELS, 0, 255).astype(np.uint8)
    grey = np.asarray(cv2.medianBlur(grey, 2 * max(1, round(LINE * unit / 2)) + 1), np.uint8)
    limit, above = cv2.threshold(grey[region], 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    lit = np.asarray(above).ravel() > 0
    if lit.all() or grey[region][lit].mean() - grey[region][~lit].mean() < LEVELS * LEAST_STEP:
        return None
    least = LEAST_SHARE * np.count_nonzero(region)
    dark = _without_specks(_smooth((grey <= limit) & skin, LINE * unit) & skin, least)
    dark = _beyond(~_without_specks(skin & ~dark, least), skin)
    return dark if 0 < np.count_nonzero(dark & region) < np.count_nonzero(region) else None


def _share(light: Layer, palm: PalmRegion, sides: _Sides) -> Layer:
    """(h, w) 0..1: how much of the shadow each pixel has."""
    size, width = light.shape[::-1], palm.width
    coarse = np.asarray(cv2.resize(sides.dark.astype(np.float32), size)) > 0.5
    middle = np.asarray(cv2.resize(sides.middle, size), np.float32)
    reach = disc(2 * NEAR * width)
    inner, outer = (operate(coarse.astype(np.uint8), reach) > 0 for operate in (cv2.erode, cv2.dilate))
    near = outer & ~inner
    fine = np.asarray(cv2.GaussianBlur(light, (0, 0), max(0.004 * width, 0.5)) < middle)
    dark = _smooth(_beyond(np.where(near, fine, coarse), palm.skin), CLEAN * width).astype(np.float32)
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
    """A mask without parts, and without gaps, as narrow as a size in pixels."""
    kernel = disc(size)
    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, kernel)
    return np.asarray(cv2.morphologyEx(opened, cv2.MORPH_CLOSE, kernel) > 0)


def _without_specks(mask: Mask, least: float) -> Mask:
    """The parts of a mask that have so many pixels."""
    _, labels, found, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    return np.asarray((found[:, cv2.CC_STAT_AREA] >= least)[labels] & mask)


def _beyond(mask: Mask, skin: Mask) -> Mask:
    """The mask on skin, and off it that of the nearest skin."""
    _, nearest = cv2.distanceTransformWithLabels(
        (~skin).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    of_label = np.zeros(int(nearest.max()) + 1, bool)
    of_label[nearest[skin]] = mask[skin]
    return np.asarray(of_label[nearest])


def _eroded(mask: Mask, kernel: NDArray[np.uint8]) -> Layer:
    return np.asarray(cv2.erode(mask.astype(np.float32), kernel), np.float32)
