"""The lines of a palm that nobody has, drawn where the hand's palm is."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.hand import square_below
from deidkit.synthesis.anatomy import ROI_OFFSET, ROI_SIDE, Anatomy, Points, draw_anatomy
from deidkit.synthesis.creases import Lines, draw_creases
from deidkit_engines.resynth.regions import PalmRegion
from deidkit_engines.resynth.warp import ThinPlate

Layer = NDArray[np.float32]

LANDMARKS = (0, 1, 2, 5, 9, 13, 17)
"""Keypoints that hold the drawn palm to the hand: the wrist, the thumb's root, the knuckles."""
WEBS = ((5, 9), (9, 13), (13, 17))
"""Knuckles beside each finger valley; with `LANDMARKS` they hold the palm."""
_WEB = 0.45
"""Where a valley lies on the way from the knuckles to the joints above, as in the ROI rule."""

FINEST = 480.0
"""Pixels in a palm width up to which lines are drawn; on a larger hand they are enlarged, their grain is not."""
_HALF_WIDTHS = (0.0, 1.0, 2.0, 4.0)
"""Half-widths of lines in pixels; one between two is drawn in both."""


def draw_palm(palm: PalmRegion, rng: np.random.Generator) -> Layer:
    """Draw a palm's lines in the window of a region.

    Args:
        palm: Where.
        rng: Whose palm: equal streams give equal lines.

    Returns:
        (h, w) float32: how dark each pixel is, 0 where no line is.
    """
    shape = palm.region.shape
    anatomy = draw_anatomy(rng, rng)
    shrink = min(1.0, FINEST / palm.width)
    size = (max(round(shape[0] * shrink), 1), max(round(shape[1] * shrink), 1))
    plate = _placed(anatomy, palm)
    unit = plate.scale * shrink
    lines = draw_creases(anatomy, rng, 0.8 / unit)
    weave = draw_weave(rng, unit)
    points = np.concatenate([lines.points, weave.points])
    strengths, widths = (np.concatenate([getattr(lines, n), getattr(weave, n)]) for n in ("strengths", "widths"))
    at = plate(points) * (np.array(size[::-1]) / shape[::-1]) - 0.5
    drawn = _drawn(at, strengths * unit, widths * unit, size, unit)
    if size == shape:
        return drawn
    return np.asarray(cv2.resize(drawn, shape[::-1], interpolation=cv2.INTER_CUBIC), np.float32)


DEEP, SHOULDER = 0.4, 0.8

WEAVE = 1200
"""Faint lines all over the palm."""


def draw_weave(rng: np.random.Generator, unit: float) -> Lines:
    """Faint short lines all over the palm, in two families that cross each other and turn slowly."""
    starts = rng.uniform([-0.95, -1.75], [0.85, 0.25], (WEAVE, 2))
    waves = rng.normal(0, 0.9, (4, 2))
    turn = (0.45 * np.sin(2.2 * starts @ waves.T + rng.uniform(0, 2 * np.pi, 4))).sum(axis=1)
    family = rng.random(WEAVE) < rng.uniform(0.35, 0.65)
    angles = rng.uniform(-0.5, 0.5) + turn + np.where(family, np.pi / 2 + rng.normal(0, 0.25), 0) + rng.normal(0, 0.10, WEAVE)
    lengths = np.minimum(rng.exponential(0.10, WEAVE) + 0.05, 0.45)
    count = max(12, round(0.12 * unit))
    bends = rng.normal(0, 0.35, WEAVE)
    directions = angles[:, None] + bends[:, None] * np.linspace(-0.5, 0.5, count)
    step = (lengths / count)[:, None]
    points = starts[:, None] + np.cumsum(step[..., None] * np.stack([np.cos(directions), np.sin(directions)], axis=2), axis=1)
    swell = np.sin(np.pi * (np.arange(count) + 0.5) / count)
    strengths = rng.beta(1.5, 3.5, WEAVE)[:, None] * 0.5 * step * swell
    widths = np.broadcast_to(rng.uniform(0.0022, 0.0045, WEAVE)[:, None], strengths.shape)
    return Lines(points.reshape(-1, 2), strengths.ravel(), widths.ravel())


def _placed(anatomy: Anatomy, palm: PalmRegion) -> ThinPlate:
    """The map from the drawn hand to the window."""
    if palm.keypoints is None:
        first, second = anatomy.valleys()
        corners = square_below(first, second, anatomy.keypoints[0], ROI_OFFSET, ROI_SIDE, "wrist").astype(np.float64)
        height, width = palm.region.shape
        return ThinPlate.fitted(corners, np.array([[0.0, 0.0], [width, 0.0], [width, height], [0.0, height]]))
    return ThinPlate.fitted(_landmarks(anatomy.keypoints), _landmarks(palm.keypoints))


def _landmarks(keypoints: Points) -> Points:
    k = keypoints
    valleys = [(1 - _WEB) * (k[a] + k[b]) / 2 + _WEB * (k[a + 1] + k[b + 1]) / 2 for a, b in WEBS]
    return np.concatenate([k[list(LANDMARKS)], valleys])


def _drawn(at: Points, strengths: NDArray[np.float64], widths: NDArray[np.float64], shape: tuple[int, int], unit: float) -> Layer:
    """Spread each dot over four pixels of its widths, each of which is then blurred.

    Args:
        at: (n, 2) x y, whole numbers at pixels' centres.
        strengths: (n,) darkness times the length that a dot stands for, in pixels.
        widths: (n,) half-widths in pixels.
        shape: (h, w).
    """
    rows, columns = shape
    corner = np.floor(at).astype(np.int64)
    kept = (corner >= 0).all(axis=1) & (corner[:, 0] < columns - 1) & (corner[:, 1] < rows - 1)
    at, corner = at[kept], corner[kept]
    u, v = (at - corner).T
    first = corner[:, 1] * columns + corner[:, 0]
    cells = np.stack([first, first + 1, first + columns, first + columns + 1])
    spread = np.stack([(1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v]) * strengths[kept]
    level = np.interp(widths[kept], _HALF_WIDTHS, np.arange(len(_HALF_WIDTHS)))
    drawn = np.zeros(shape, np.float32)
    for number, sigma in enumerate(_HALF_WIDTHS):
        near = np.abs(level - number) < 1
        weights = spread[:, near] * (1 - np.abs(level[near] - number))
        canvas = np.bincount(cells[:, near].ravel(), weights.ravel(), rows * columns).reshape(shape).astype(np.float32)
        sigma = max(sigma, 0.5)
        drawn += np.float32(sigma * np.sqrt(2 * np.pi)) * cv2.GaussianBlur(canvas, (0, 0), sigma)
    drawn /= 1 + np.float32(0.35) * drawn
    # The skin sinks towards a deep line.
    deep = cv2.resize(np.maximum(drawn - np.float32(DEEP), 0), (columns // 2 + 1, rows // 2 + 1), interpolation=cv2.INTER_AREA)
    deep = cv2.GaussianBlur(deep, (0, 0), max(0.006 * unit / 2, 0.4))
    return drawn + np.float32(SHOULDER) * cv2.resize(deep, (columns, rows), interpolation=cv2.INTER_LINEAR)
