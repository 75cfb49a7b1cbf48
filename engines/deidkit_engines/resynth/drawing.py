"""The lines of a palm that nobody has, drawn where a hand's palm is."""

from __future__ import annotations

import cv2
import numpy as np

from deidkit.hand import square_below
from deidkit.synthesis.anatomy import ROI_OFFSET, ROI_SIDE, WEB, Anatomy, Points, draw_anatomy
from deidkit.synthesis.creases import Lines, draw_creases
from deidkit_engines.resynth.pyramid import Layer
from deidkit_engines.resynth.regions import PalmRegion
from deidkit_engines.resynth.warp import ThinPlate

LANDMARKS = (0, 1, 2, 5, 9, 13, 17)
"""Keypoints that hold the drawn palm to the hand: the wrist, the thumb's root, the knuckles."""
VALLEYS = ((5, 9), (9, 13), (13, 17))
"""Knuckles beside each finger valley; the valleys hold the palm, too."""

FINEST = 480.0
"""Pixels in a palm width up to which lines are drawn; on a larger hand they are enlarged."""
SPACING = 0.8 / FINEST
"""Distance of dots along a line, in palm widths: the same at every size, so that a palm is the same at every size."""
WEAVE = 1500
"""Faint lines all over the palm, where the principal lines and the bundles of wrinkles leave room."""
THINNER = 0.75
"""Width of a line, in parts of the generator's: beside a photograph's own, those look smeared."""
_PIXELS = 1000.0
"""Pixels in a palm width where a drawn hand's ROI is placed: the rule is one for pictures."""
_HALF_WIDTHS = (0.5, 1.0, 2.0, 4.0)
"""Half-widths of lines in pixels; one between two of them is drawn in both."""
_DEEP, _SHOULDER = 0.4, 0.3
"""How dark a line is towards which the skin sinks, and how far it does."""


def draw_palm(palm: PalmRegion, rng: np.random.Generator) -> Layer:
    """Draw a palm's lines in the window of a region.

    Args:
        palm: Where.
        rng: Whose palm: equal streams give equal palms, whatever the hand's size and pose.

    Returns:
        (h, w) float32: how dark each pixel is, 0 where no line is, about 1 in a deep one.
    """
    shape = palm.region.shape
    anatomy = draw_anatomy(rng, rng)
    plate = _placed(anatomy, palm)
    lines = [draw_creases(anatomy, rng, SPACING), _weave(rng)]
    points, strengths, widths = (
        np.concatenate([getattr(part, name) for part in lines]) for name in ("points", "strengths", "widths")
    )
    shrink = min(1.0, FINEST / palm.width)
    size = (max(round(shape[0] * shrink), 1), max(round(shape[1] * shrink), 1))
    unit = plate.scale * shrink
    at = plate(points) * (np.array(size[::-1]) / shape[::-1]) - 0.5
    drawn = _drawn(Lines(at, strengths * unit, THINNER * widths * unit), size)
    drawn = _sunk(drawn / (1 + np.float32(0.35) * drawn), 0.006 * unit)
    if size == shape:
        return drawn
    return np.asarray(cv2.resize(drawn, shape[::-1], interpolation=cv2.INTER_CUBIC), np.float32)


def _placed(anatomy: Anatomy, palm: PalmRegion) -> ThinPlate:
    """The map from the drawn hand to the window."""
    if palm.keypoints is None:
        first, second, wrist = _PIXELS * np.stack([*anatomy.valleys(), anatomy.keypoints[0]])
        corners = square_below(first, second, wrist, ROI_OFFSET, ROI_SIDE, "wrist").astype(np.float64) / _PIXELS
        height, width = palm.region.shape
        return ThinPlate.fitted(corners, np.array([[0.0, 0.0], [width, 0.0], [width, height], [0.0, height]]))
    return ThinPlate.fitted(_landmarks(anatomy.keypoints), _landmarks(palm.keypoints))


def _landmarks(keypoints: Points) -> Points:
    k = keypoints
    valleys = [(1 - WEB) * (k[a] + k[b]) / 2 + WEB * (k[a + 1] + k[b + 1]) / 2 for a, b in VALLEYS]
    return np.concatenate([k[list(LANDMARKS)], valleys])


def _weave(rng: np.random.Generator) -> Lines:
    """Faint short lines all over the palm, in two families that cross each other and turn slowly."""
    starts = rng.uniform([-0.95, -1.75], [0.85, 0.25], (WEAVE, 2))
    waves = rng.normal(0, 0.9, (4, 2))
    turn = (0.45 * np.sin(2.2 * starts @ waves.T + rng.uniform(0, 2 * np.pi, 4))).sum(axis=1)
    second = rng.random(WEAVE) < rng.uniform(0.35, 0.65)
    crossing = np.where(second, np.pi / 2 + rng.normal(0, 0.25), 0)
    angles = rng.uniform(-0.5, 0.5) + turn + crossing + rng.normal(0, 0.10, WEAVE)
    lengths = np.minimum(rng.exponential(0.10, WEAVE) + 0.05, 0.45)
    count = 50
    directions = angles[:, None] + rng.normal(0, 0.35, WEAVE)[:, None] * np.linspace(-0.5, 0.5, count)
    step = (lengths / count)[:, None]
    arms = step[..., None] * np.stack([np.cos(directions), np.sin(directions)], axis=2)
    swell = np.sin(np.pi * (np.arange(count) + 0.5) / count)
    strengths = 0.5 * rng.beta(1.5, 3.5, WEAVE)[:, None] * step * swell
    widths = np.broadcast_to(rng.uniform(0.0022, 0.0045, WEAVE)[:, None], strengths.shape)
    return Lines((starts[:, None] + np.cumsum(arms, axis=1)).reshape(-1, 2), strengths.ravel(), widths.ravel())


def _drawn(lines: Lines, shape: tuple[int, int]) -> Layer:
    """Spread each dot over four pixels of its half-widths, each of which is then blurred.

    Args:
        lines: In pixels, whole numbers at the centres of pixels.
        shape: (h, w).
    """
    rows, columns = shape
    corner = np.floor(lines.points).astype(np.int64)
    kept = (corner >= 0).all(axis=1) & (corner[:, 0] < columns - 1) & (corner[:, 1] < rows - 1)
    corner = corner[kept]
    u, v = (lines.points[kept] - corner).T
    first = corner[:, 1] * columns + corner[:, 0]
    cells = np.stack([first, first + 1, first + columns, first + columns + 1])
    spread = np.stack([(1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v]) * lines.strengths[kept]
    level = np.interp(lines.widths[kept], _HALF_WIDTHS, np.arange(len(_HALF_WIDTHS)))
    drawn = np.zeros(shape, np.float32)
    for number, sigma in enumerate(_HALF_WIDTHS):
        near = np.abs(level - number) < 1
        weights = spread[:, near] * (1 - np.abs(level[near] - number))
        canvas = np.bincount(cells[:, near].ravel(), weights.ravel(), rows * columns).reshape(shape)
        blurred = cv2.GaussianBlur(canvas.astype(np.float32), (0, 0), sigma)
        drawn += np.float32(sigma * np.sqrt(2 * np.pi)) * blurred
    return drawn


def _sunk(drawn: Layer, sigma: float) -> Layer:
    """The skin sinks towards a deep line: a soft shade on both sides of it."""
    half = (drawn.shape[1] // 2 + 1, drawn.shape[0] // 2 + 1)
    deep = cv2.resize(np.maximum(drawn - np.float32(_DEEP), 0), half, interpolation=cv2.INTER_AREA)
    shade = cv2.GaussianBlur(deep, (0, 0), max(sigma / 2, 0.4))
    return drawn + np.float32(_SHOULDER) * np.asarray(cv2.resize(shade, drawn.shape[::-1]), np.float32)
