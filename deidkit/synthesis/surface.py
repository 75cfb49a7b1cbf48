"""Skin of one hand as maps in the hand's coordinates: distance to the outline, height, creases and blood."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.synthesis.anatomy import CHAINS, Anatomy, outlines
from deidkit.synthesis.creases import Lines, draw_creases
from deidkit.synthesis.noise import normal_noise

Layer = NDArray[np.float32]
_Real = TypeVar("_Real", np.float32, np.float64)

LEFT, TOP, RIGHT, BOTTOM = -1.3, -3.45, 1.75, 1.3
"""Extent of the maps in palm widths."""
OUTLINE, HEIGHT, CREASE, BLOOD = range(4)
"""Indices of the maps in `Surface.layers`."""

_LEVELS = (0.6, 1.2, 2.4)
"""Half-widths, in texels, at which lines are rasterized; a line between two levels is interpolated from both."""


@dataclass(frozen=True)
class Surface:
    """Maps of one hand.

    Attributes:
        layers: (height, width, 4) float32: distance to the outline in palm widths, positive inside; height in palm
            widths; crease darkness, about 0..1; redness, about -1..1.
        texels: Map pixels in one palm width.
    """

    layers: Layer
    texels: float

    def on_map(self, points: NDArray[_Real]) -> NDArray[_Real]:
        """Convert (..., 2) points in the hand's coordinates to map coordinates in OpenCV's convention."""
        at = points * points.dtype.type(self.texels)
        # one axis at a time: NumPy is slow on rows of length two
        at[..., 0] += points.dtype.type(-LEFT * self.texels - 0.5)
        at[..., 1] += points.dtype.type(-TOP * self.texels - 0.5)
        return np.asarray(at)


def draw_surface(anatomy: Anatomy, rng: np.random.Generator, texels: float) -> Surface:
    """Generate the skin of one hand, with `texels` map pixels in one palm width."""
    shape = (round((BOTTOM - TOP) * texels), round((RIGHT - LEFT) * texels))
    surface = Surface(np.empty((*shape, 4), np.float32), texels)
    distance = _outline_distance(anatomy, surface)
    lines = _rasterized(draw_creases(anatomy, rng, 0.8 / texels), surface)
    mottle = _octaves(rng, shape, (3, 6, 12, 24, 48), (0.45, 0.5, 0.6, 0.7, 0.6))
    grain = _grain(rng, shape)
    height = _relief(anatomy, surface, distance)
    height += (1 / texels) * (-1.0 * lines + 0.13 * grain + 0.1 * mottle)
    crease = lines + 0.022 * grain + 0.035 * mottle
    blood = 0.17 * mottle + _redness(anatomy, surface)
    cv2.merge([distance, height, crease, blood], surface.layers)  # in the order of `OUTLINE`, `HEIGHT` ...
    return surface


def _outline_distance(anatomy: Anatomy, surface: Surface) -> Layer:
    mask = np.zeros(surface.layers.shape[:2], np.uint8)
    for outline in outlines(anatomy):
        cv2.fillPoly(mask, [np.round(surface.on_map(outline) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    # Blurring and thresholding at half rounds sharp corners of the polygons, above all in the finger valleys.
    soft = cv2.GaussianBlur(mask, (0, 0), 0.022 * surface.texels)
    inside = cv2.distanceTransform((soft > 127).astype(np.uint8), cv2.DIST_L2, 5)
    outside = cv2.distanceTransform((soft <= 127).astype(np.uint8), cv2.DIST_L2, 5)
    distance = cv2.GaussianBlur(inside - outside, (0, 0), 1.2)
    return np.asarray(distance / surface.texels, np.float32)


def _relief(anatomy: Anatomy, surface: Surface, distance: Layer) -> Layer:
    """Height map: fingers as cylinders, the palm as a cushion with mounds."""
    roundness = 0.17
    rim = np.clip(distance / roundness, 0, 1)
    height = roundness * np.sqrt(rim * (2 - rim))
    k = anatomy.keypoints
    mounds: list[tuple[NDArray[np.float64], float, float, float, float]] = [
        (0.55 * k[1] + 0.4 * k[2] + [-0.10, 0.0], 0.20, 0.32, 0.50, 0.16),
        (np.array([-0.44, -0.55]), 0.18, 0.40, -0.1, 0.12),
        (np.array([0.02, -0.80]), 0.26, 0.30, 0.3, -0.05),
        (np.array([0.0, 0.12]), 0.5, 0.10, 0.0, -0.03),
    ]
    mounds += [(anatomy.web(one, one + 4) + np.array([0.0, 0.24]), 0.10, 0.11, 0.0, 0.04) for one in (5, 9, 13)]
    for chain in CHAINS:
        for one, other in pairwise(chain[1:]):
            bone = k[other] - k[one]
            angle = float(np.arctan2(bone[0], -bone[1]))
            mounds.append((k[one] + 0.55 * bone, 0.11, 0.14, angle, 0.030))
    coarse = 4  # mounds are smooth: a quarter of the resolution suffices
    rows, columns = distance.shape
    x = np.linspace(LEFT, RIGHT, columns // coarse, dtype=np.float32)
    y = np.linspace(TOP, BOTTOM, rows // coarse, dtype=np.float32)
    bumps = np.zeros((len(y), len(x)), np.float32)
    for centre, across, along, angle, size in mounds:
        dx, dy = x[None] - np.float32(centre[0]), y[:, None] - np.float32(centre[1])
        cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        far = ((dx * cos + dy * sin) / across) ** 2 + ((dy * cos - dx * sin) / along) ** 2
        bumps += np.float32(size) * np.exp(-0.5 * far)
    height = cv2.GaussianBlur(height, (0, 0), 0.014 * surface.texels)
    return np.asarray(height + cv2.resize(bumps, (columns, rows), interpolation=cv2.INTER_LINEAR), np.float32)


def _redness(anatomy: Anatomy, surface: Surface) -> Layer:
    """Redness map: redder fingertips, mounds and knuckle pads, a paler middle."""
    k = anatomy.keypoints
    rows, columns = surface.layers.shape[:2]
    coarse = 8
    x = np.linspace(LEFT, RIGHT, columns // coarse, dtype=np.float32)
    y = np.linspace(TOP, BOTTOM, rows // coarse, dtype=np.float32)
    flush = np.zeros((len(y), len(x)), np.float32)
    spots = [(k[tip], 0.16, 0.55) for tip in (4, 8, 12, 16, 20)]
    spots += [(0.5 * (k[1] + k[2]) + [-0.1, 0.1], 0.28, 0.30), (np.array([-0.5, -0.4]), 0.28, 0.35)]
    spots += [(anatomy.web(one, one + 4) + np.array([0, 0.2]), 0.14, 0.28) for one in (5, 9, 13)]
    spots += [(np.array([0.0, -0.8]), 0.28, -0.25), (np.array([0.0, 0.9]), 0.6, -0.5)]
    for centre, radius, size in spots:
        square = (x[None] - np.float32(centre[0])) ** 2 + (y[:, None] - np.float32(centre[1])) ** 2
        flush += np.float32(size) * np.exp(-0.5 * square / np.float32(radius) ** 2)
    return np.asarray(cv2.resize(flush, (columns, rows), interpolation=cv2.INTER_LINEAR), np.float32)


def _rasterized(lines: Lines, surface: Surface) -> Layer:
    """Rasterize the dots of lines: bilinear splatting into two width levels, each then blurred to its width."""
    rows, columns = surface.layers.shape[:2]
    at = surface.on_map(lines.points)
    corner = np.floor(at).astype(np.int64)
    kept = (corner >= 0).all(1) & (corner[:, 0] < columns - 1) & (corner[:, 1] < rows - 1)
    at, corner = at[kept], corner[kept]
    u, v = (at - corner).T
    first = corner[:, 1] * columns + corner[:, 0]
    cells = np.stack([first, first + 1, first + columns, first + columns + 1])
    spread = np.stack([(1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v]) * (surface.texels * lines.strengths[kept])
    level = np.clip(np.log2(np.maximum(lines.widths[kept] * surface.texels, 1e-3) / _LEVELS[0]), 0, len(_LEVELS) - 1)
    drawn = np.zeros((rows, columns), np.float32)
    for number, sigma in enumerate(_LEVELS):
        near = np.abs(level - number) < 1
        weights = spread[:, near] * (1 - np.abs(level[near] - number))
        canvas = np.bincount(cells[:, near].ravel(), weights.ravel(), rows * columns).reshape(rows, columns)
        blurred = cv2.GaussianBlur(canvas.astype(np.float32), (0, 0), sigma)
        drawn += np.float32(sigma * np.sqrt(2 * np.pi)) * blurred
    small = cv2.resize(drawn, (columns // 3, rows // 3), interpolation=cv2.INTER_AREA)
    shoulder = cv2.resize(cv2.GaussianBlur(small, (0, 0), 1.6), (columns, rows), interpolation=cv2.INTER_LINEAR)
    return np.asarray(drawn / (1 + 0.35 * drawn) + 0.75 * shoulder, np.float32)


def _octaves(
    rng: np.random.Generator, shape: tuple[int, int], sizes: tuple[int, ...], weights: tuple[float, ...]
) -> Layer:
    """Sum of smooth noise at several scales, each with a standard deviation of about its weight."""
    total = np.zeros(shape, np.float32)
    for size, weight in zip(sizes, weights, strict=True):
        grid = (shape[0] // size + 4, shape[1] // size + 4)
        noise = rng.standard_normal(grid, np.float32)
        large = cv2.resize(noise, (grid[1] * size, grid[0] * size), interpolation=cv2.INTER_CUBIC)
        total += np.float32(1.3 * weight) * large[size : size + shape[0], size : size + shape[1]]
    return total


def _grain(rng: np.random.Generator, shape: tuple[int, int]) -> Layer:
    """Fine skin texture: noise filtered along a smoothly varying direction."""
    noise = normal_noise(rng, shape)
    turn = _octaves(rng, (shape[0] // 8 + 1, shape[1] // 8 + 1), (14,), (1.2,)) + np.float32(rng.uniform(0, np.pi))
    turn = np.asarray(cv2.resize(turn, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR), np.float32)
    total = np.zeros(shape, np.float32)
    for number in range(3):
        angle = number * np.pi / 3
        weight = np.maximum(np.cos(2 * (turn - np.float32(angle))), 0)
        total += weight * cv2.filter2D(noise, cv2.CV_32F, _ridge_kernel(angle), borderType=cv2.BORDER_REFLECT)
    return total


def _ridge_kernel(angle: float) -> NDArray[np.float32]:
    y, x = np.mgrid[-3:4, -3:4].astype(np.float32)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    kernel = np.exp(-0.5 * ((along / 1.35) ** 2 + (across / 1.1) ** 2)) * np.cos(2 * np.pi * across / 3.6)
    kernel -= kernel.mean()
    return np.asarray(kernel / np.sqrt((kernel**2).sum()), np.float32)
