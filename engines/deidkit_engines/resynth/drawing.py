"""Draws the lines of a procedural palm at the place of a hand's palm."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.synthesis.anatomy import Anatomy, Points, draw_anatomy
from deidkit.synthesis.creases import Lines, RoiFrame, draw_creases
from deidkit_engines.resynth.pyramid import Layer
from deidkit_engines.resynth.regions import PalmRegion
from deidkit_engines.resynth.warp import ThinPlate

LANDMARKS = (0, 1, 2)
"""Keypoints to which the drawn palm is aligned, besides the square that recognizers crop: the wrist and two of the
thumb."""
DRAWN_LINES = np.array([
    [[1.02, 0.51], [0.84, 0.59], [0.68, 0.72], [0.56, 0.89], [0.49, 1.08]],
    [[1.02, 0.46], [0.78, 0.50], [0.54, 0.57], [0.32, 0.66], [0.10, 0.78]],
    [[0.80, 0.23], [0.60, 0.31], [0.40, 0.37], [0.19, 0.41], [-0.02, 0.43]],
])  # fmt: skip
"""Mean course of the generator's life, head and heart lines in the square; the thumb is on the right."""
REAL_LINES = np.array([
    [[1.02, 0.48], [0.80, 0.56], [0.62, 0.70], [0.48, 0.86], [0.37, 1.08]],
    [[1.02, 0.45], [0.76, 0.48], [0.51, 0.54], [0.26, 0.62], [0.02, 0.71]],
    [[0.72, 0.13], [0.57, 0.27], [0.39, 0.35], [0.19, 0.39], [-0.02, 0.41]],
])  # fmt: skip
"""Their course in photographs: curves fitted to the mean picture of 22 people's palms (COEP, XJTU, 11K Hands)."""
VARIETY = 0.7
"""Variation of principal lines between palms, relative to the generator's. The annotations on which that rests also
contain the variation of cropping. With this value, MTCC separates copies as well as it separates people."""
CUT_TURN, CUT_SIZE, CUT_SHIFT = 0.12, 0.09, 0.05
"""Standard deviations of the cropping of ready ROIs: rotation (radians), scale (logarithm) and shift (sides)."""
MINOR = 0.55
"""Strength of secondary lines and wrinkles relative to the generator's; in photographs, principal lines stand out."""
_SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])

FINEST = 480.0
"""Most pixels per palm width at which lines are drawn; for larger hands the drawing is enlarged."""
SPACING = 0.8 / FINEST
"""Distance between the dots of a line, in palm widths; fixed, so that a palm is the same at every size."""
SPARSEST = 0.75
"""Largest distance between dots, in pixels, at which a line is still closed; small palms need fewer dots."""
FAINT_LINES = 750
"""Number of faint lines spread all over the palm."""
ACROSS = (0.2, 0.5)
"""Range of the share of them that run across the folds of the skin instead of along."""
LEVEL = 0.35
"""Share of them that follow the palm's width, as folds of a closing hand do, instead of the nearest principal line."""
STRAY = 0.35
"""Standard deviation of their directions, in radians."""
HATCHING, HATCHING_DEPTH = (40, 160), 0.6
"""Range of the number of fine wrinkles across the thumb's mound, and their depth."""
MOUND, MOUND_SPREAD = (0.88, 0.85), (0.16, 0.17)
"""Centre and standard deviation of the thumb's mound in the generator's square."""
THINNER = 0.75
"""Width of a line relative to the generator's, which look smeared beside those of a photograph."""
PADS = 0.06
"""Lightness of the pads between the finger roots, relative to the darkness of a deep line. Real palms have them, and
3-D keypoints depend on them."""
PADS_APART, FIRST_PAD, PADS_HEIGHT = 0.36, 0.11, 0.14
"""Spacing of the pads, position of the one next to the little finger, and how far below the square's edge they lie and
reach, all in sides of the square; from the mean picture of photographs."""
_HALF_WIDTHS = (0.5, 1.0, 2.0, 4.0)
"""Half-widths, in pixels, at which lines are drawn; one in between is split between its two neighbours."""
_DEEP, _SHADING = 0.4, 0.3
"""Darkness from which a line has soft shading beside it, and the strength of that shading."""


@dataclass(frozen=True)
class NewPalm:
    """A procedural palm before it is placed on a hand.

    Attributes:
        anatomy: The generated hand that it belongs to.
        lines: Its lines, in that hand's frame.
        pads: (3,) position, height and strength of the pads between the finger roots.
        cut: (2, 3) affine map of the square's coordinates that simulates the cropping of a ready ROI.
    """

    anatomy: Anatomy
    lines: Lines
    pads: NDArray[np.float64]
    cut: NDArray[np.float64]

    @classmethod
    def of(cls, rng: np.random.Generator) -> NewPalm:
        """Generate a palm; equal random streams give equal palms."""
        anatomy = draw_anatomy(rng, rng)
        frame = RoiFrame(anatomy)
        parts = [
            draw_creases(anatomy, rng, SPACING, variety=VARIETY, minor=MINOR, fingers=False),
            _faint_lines(frame, rng),
            _hatching(frame, rng),
        ]
        names = ("points", "strengths", "widths")
        lines = Lines(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
        pads = rng.normal([FIRST_PAD, PADS_HEIGHT, 1.0], [0.03, 0.03, 0.25])
        return cls(anatomy, lines, pads, _cut(rng))


def draw_palm(palm: PalmRegion, new: NewPalm) -> Layer:
    """Draw a palm's lines in the window of a region.

    Args:
        palm: The region to draw in.
        new: The palm to draw; the same for any size and pose of the hand.

    Returns:
        (h, w) float32 darkness: 0 without a line, about 1 in a deep one.
    """
    shape = palm.region.shape
    plate = _placed(new, palm)
    points, strengths, widths = new.lines.points, new.lines.strengths, new.lines.widths
    step = max(1, int(SPARSEST * FINEST / palm.width))
    points, strengths, widths = points[::step], step * strengths[::step], widths[::step]
    shrink = min(1.0, FINEST / palm.width)
    size = (max(round(shape[0] * shrink), 1), max(round(shape[1] * shrink), 1))
    unit = plate.scale * shrink
    at = plate(points) * (np.array(size[::-1]) / shape[::-1]) - 0.5
    drawn = _rasterized(Lines(at, strengths * unit, THINNER * widths * unit), size)
    drawn = _with_shading(drawn / (1 + np.float32(0.35) * drawn), 0.006 * unit) - _pads(palm, size, new.pads)
    if size == shape:
        return drawn
    return np.asarray(cv2.resize(drawn, shape[::-1], interpolation=cv2.INTER_CUBIC), np.float32)


def _cut(rng: np.random.Generator) -> NDArray[np.float64]:
    """(2, 3) random affine map of a ready ROI: mirrored or not, rotated, scaled and shifted."""
    angle, size = rng.normal(0, CUT_TURN), np.exp(rng.normal(0, CUT_SIZE))
    turn = size * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turn[:, 0] *= rng.choice([-1, 1])
    return np.column_stack([turn, 0.5 - turn @ [0.5, 0.5] + rng.normal(0, CUT_SHIFT, 2)])


def _placed(new: NewPalm, palm: PalmRegion) -> ThinPlate:
    """The map from the generated hand to the window."""
    source = RoiFrame(new.anatomy)(np.concatenate([_SQUARE, *DRAWN_LINES]))
    wanted = np.concatenate([_SQUARE, *REAL_LINES])
    if palm.keypoints is None:
        wanted = wanted @ new.cut[:, :2].T + new.cut[:, 2]
    target = palm.square[0] + wanted @ (palm.square[[1, 3]] - palm.square[0])
    if palm.keypoints is None:
        return ThinPlate.fitted(source, target)
    held = list(LANDMARKS)
    return ThinPlate.fitted(
        np.concatenate([source, new.anatomy.keypoints[held]]), np.concatenate([target, palm.keypoints[held]])
    )


def _pads(palm: PalmRegion, size: tuple[int, int], pads: NDArray[np.float64]) -> Layer:
    """(h, w) of a size: lightness of the pads between the finger roots, negative in the gaps between them."""
    to_square = np.linalg.inv((palm.square[[1, 3]] - palm.square[0]).T)
    grid = [(np.arange(n) + 0.5) * (whole / n) for n, whole in zip(size, palm.region.shape, strict=True)]
    x, y = (places - start for places, start in zip(grid[::-1], palm.square[0], strict=True))
    across, down = (np.add.outer(np.float32(axis[1] * y), np.float32(axis[0] * x)) for axis in to_square)
    first, height, strength = pads.astype(np.float32)  # or everything below is computed in float64
    waves = np.cos(np.float32(2 * np.pi) * (across - first) / PADS_APART)
    return np.asarray(PADS * strength * waves * np.exp(-np.square((down - height) / PADS_HEIGHT)), np.float32)


def _faint_lines(frame: RoiFrame, rng: np.random.Generator) -> Lines:
    """Short faint lines all over the palm; most run along the folds of the skin, the others across."""
    starts = rng.uniform([-0.95, -1.75], [0.85, 0.25], (FAINT_LINES, 2))
    across = np.where(rng.random(FAINT_LINES) < rng.uniform(*ACROSS), np.pi / 2, 0)
    side = np.subtract(*frame(_SQUARE[[1, 0]]))
    along = np.where(rng.random(FAINT_LINES) < LEVEL, np.arctan2(side[1], side[0]), _folds(frame, starts))
    angles = along + across + rng.normal(0, STRAY, FAINT_LINES)
    lengths = np.minimum(rng.exponential(0.10, FAINT_LINES) + 0.05, 0.45)
    return _thin_lines(starts, angles, lengths, 0.5 * rng.beta(1.5, 3.5, FAINT_LINES), rng)


def _hatching(frame: RoiFrame, rng: np.random.Generator) -> Lines:
    """Fine, nearly straight wrinkles across the thumb's mound, in two crossing families of parallels."""
    count = int(rng.integers(*HATCHING))
    middles = frame(rng.normal(MOUND, MOUND_SPREAD, (count, 2)))
    second = rng.random(count) < rng.uniform(0.2, 0.5)
    angles = _folds(frame, middles) + np.pi / 2 + rng.normal(0, 0.15) + second * rng.uniform(0.5, 1.1)
    angles += rng.normal(0, 0.06, count)
    lengths = rng.uniform(0.1, 0.35, count)
    starts = middles - lengths[:, None] / 2 * np.column_stack([np.cos(angles), np.sin(angles)])
    depths = HATCHING_DEPTH * rng.uniform(0.5, 1.5) * rng.beta(2, 3, count)
    return _thin_lines(starts, angles, lengths, depths, rng, bend=0.1)


def _thin_lines(
    starts: Points,
    angles: NDArray[np.float64],
    lengths: NDArray[np.float64],
    depths: NDArray[np.float64],
    rng: np.random.Generator,
    bend: float = 0.35,
) -> Lines:
    """Thin, slightly curved lines that fade at both ends, from (n, 2) starts and (n,) angles, lengths and depths."""
    count, dots = len(starts), 50
    directions = angles[:, None] + rng.normal(0, bend, count)[:, None] * np.linspace(-0.5, 0.5, dots)
    step = (lengths / dots)[:, None]
    arms = step[..., None] * np.stack([np.cos(directions), np.sin(directions)], axis=2)
    swell = np.sin(np.pi * (np.arange(dots) + 0.5) / dots)
    strengths = depths[:, None] * step * swell
    widths = np.broadcast_to(rng.uniform(0.0022, 0.0045, count)[:, None], strengths.shape)
    return Lines((starts[:, None] + np.cumsum(arms, axis=1)).reshape(-1, 2), strengths.ravel(), widths.ravel())


def _folds(frame: RoiFrame, points: Points) -> NDArray[np.float64]:
    """(n,) direction of skin folds at (n, 2) points of the generated hand: that of the mean lines near them."""
    lines = frame(DRAWN_LINES)
    middles, arms = (lines[:, 1:] + lines[:, :-1]).reshape(-1, 2) / 2, np.diff(lines, axis=1).reshape(-1, 2)
    twice = 2 * np.arctan2(arms[:, 1], arms[:, 0])
    apart = np.square(points[:, None] - middles).sum(axis=2)
    near = np.hypot(*arms.T) / np.square(apart + 0.15**2)
    return np.asarray(np.arctan2(near @ np.sin(twice), near @ np.cos(twice)) / 2)


def _rasterized(lines: Lines, shape: tuple[int, int]) -> Layer:
    """Rasterize lines: each dot is added bilinearly to the image of its half-width, and each image is then blurred.

    Args:
        lines: In pixels; pixel centres are at whole numbers.
        shape: (h, w).
    """
    rows, columns = shape
    corner = np.floor(lines.points).astype(np.int64)
    kept = (corner >= 0).all(axis=1) & (corner[:, 0] < columns - 1) & (corner[:, 1] < rows - 1)
    corner = corner[kept]
    u, v = (lines.points[kept] - corner).T
    level = np.interp(lines.widths[kept], _HALF_WIDTHS, np.arange(len(_HALF_WIDTHS)))
    lower = np.minimum(level.astype(np.int64), len(_HALF_WIDTHS) - 2)
    upper_share = level - lower
    first = (lower * rows + corner[:, 1]) * columns + corner[:, 0]
    corners = {0: (1 - u) * (1 - v), 1: u * (1 - v), columns: (1 - u) * v, columns + 1: u * v}
    strengths = lines.strengths[kept]
    images = np.zeros(len(_HALF_WIDTHS) * rows * columns)
    for higher, part in ((0, (1 - upper_share) * strengths), (rows * columns, upper_share * strengths)):
        for offset, share in corners.items():
            np.add.at(images, first + (higher + offset), share * part)
    drawn = np.zeros(shape, np.float32)
    for sigma, image in zip(_HALF_WIDTHS, images.reshape(-1, rows, columns).astype(np.float32), strict=True):
        drawn += np.float32(sigma * np.sqrt(2 * np.pi)) * cv2.GaussianBlur(image, (0, 0), sigma)
    return drawn


def _with_shading(drawn: Layer, sigma: float) -> Layer:
    """Add soft shading on both sides of deep lines."""
    half = (drawn.shape[1] // 2 + 1, drawn.shape[0] // 2 + 1)
    deep = cv2.resize(np.maximum(drawn - np.float32(_DEEP), 0), half, interpolation=cv2.INTER_AREA)
    shade = cv2.GaussianBlur(deep, (0, 0), max(sigma / 2, 0.4))
    return drawn + np.float32(_SHADING) * np.asarray(cv2.resize(shade, drawn.shape[::-1]), np.float32)
