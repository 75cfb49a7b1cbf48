"""Measurement of picture properties that an engine can choose per person: size, light, colour, noise, compression."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.leakage.relief import median
from deidkit.leakage.sampling import grey
from deidkit.protocols import Image, Mask

OF_NO_HAND = (
    "odd levels",
    *(f"place of the blocks, {way}" for way in ("across", "across, half a step", "down", "down, half a step")),
    *(f"every second {what}" for what in ("row", "column", "pixel")),
    "pixels that stand out",
)
"""Properties that no hand has by itself, so that only the same property of an original can explain them."""

PLACED = (
    *(f"{way} of the pixel that stands out" for way in ("row", "column")),
    *(f"{colour} moved {way}" for colour in ("red", "blue") for way in ("across", "down")),
)
"""Positions of artefacts that no photograph has, so that only the same property of an original can explain them."""

STATISTICS = (
    *OF_NO_HAND,
    *PLACED,
    "height",
    "width",
    "red",
    "red in parts of green",
    "blue in parts of green",
    "darkest twentieth",
    "lightest twentieth",
    "contrast",
    "colours",
    "levels",
    "step between levels",
    "JPEG quality",
    *(f"detail of {2**octave} pixels" for octave in range(4)),
    *(f"frequencies {band}" for band in ("1 to 2", "3 to 5", "6 to 8", "9 to 14")),
    *(f"frequencies {band} that are zero" for band in ("3 to 5", "6 to 8", "9 to 14")),
    "direction of edges, upright",
    "direction of edges, slanting",
)
"""Names of all properties, in order."""

_BLOCK = 8
"""Side of JPEG blocks in pixels."""

_ZERO = 0.6
"""Coefficient, in grey levels, below which it counts as zero: rounding leaves 0.3."""

_ORDER = np.add.outer(np.arange(_BLOCK), np.arange(_BLOCK))
_BANDS = ((_ORDER > 0) & (_ORDER < 3), (_ORDER >= 3) & (_ORDER < 6), (_ORDER >= 6) & (_ORDER < 9), _ORDER >= 9)

_CLEAR_GRID = 0.06
"""Strength, 0..1, from which on the place of JPEG's grid counts in full: pictures without one reach 0.08, smooth ones
with one 1."""

_SLOW, _TABLE = (_ORDER > 0) & (_ORDER < 4), (11, 10, 16, 12, 12, 14, 14, 13, 14)
"""Mask of the DCT coefficients by which JPEG quality is estimated, and their quantization steps at quality 50
(ITU-T T.81, annex K)."""

_QUALITIES, _HIGHEST, _LEAST_MULTIPLES, _MULTIPLE = range(5, 93), 255, 100, 0.5
"""Qualities that can be distinguished, since finer steps are lost in rounding; largest magnitude that is counted; least
number of nonzero magnitudes, and least mean of their closeness, -1..1, to multiples of the step."""

_RARE = 0.001
"""Share of the pixels below which a level counts as absent."""

_RIM = 3
"""Ignored rim of the palm, in pixels."""

_COUNTED = 4096
"""Number of pixels sampled for counting colours, however large the palm is."""

_LARGEST = 256
"""Longest side of the part that is measured, in pixels; of a larger palm the middle."""


_LEAST_OUTLIER, _OUTLIER_RATIO, _SIMILAR, _MOST_SIMILAR = 20, 12.0, 0.6, 4
"""Least difference of an outlier pixel from its eight neighbours, in grey levels and in multiples of the mean; share of
the largest difference above which another outlier is similar, and largest number of those."""

_MOST_SHIFT, _PROFILE_WINDOW, _LEAST_CORRELATION = 8, 9, 0.6
"""Largest colour shift in pixels; window of the average subtracted from profiles; least correlation of profiles."""

_BESIDE = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], np.uint8)


def statistics(part: Image, inside: Mask, size: tuple[int, int]) -> NDArray[np.float32]:
    """Measure a picture.

    Args:
        part: (h, w, 3) uint8, from `middle`; for a copy, at its original's size.
        inside: (h, w) bool, its palm mask.
        size: (height, width) of the picture as returned by the engine.

    Returns:
        (len(`STATISTICS`),) float32.
    """
    plane = grey(part).astype(np.float32)
    shown = _shown(part, inside)
    red, green, blue = 1 + np.array(cv2.sumElems(shown[:, None])[:3]) / len(shown)
    levels = np.cumsum(np.bincount(plane[inside].astype(np.uint8), minlength=256))
    dark, light = np.searchsorted(levels, np.array([0.05, 0.95]) * len(shown))
    cosines = _dct_magnitudes(plane, inside)
    flat = shown[np.linspace(0, len(shown) - 1, _COUNTED).astype(int)].astype(np.int32)
    colours = len(np.unique(flat[:, 0] << 16 | flat[:, 1] << 8 | flat[:, 2]))
    return np.array(
        [
            _odd_levels(part, inside),
            *_grid_phase(plane, inside),
            *_alternation(plane, inside),
            *_outliers(plane, inside),
            *_colour_shifts(part, inside),
            *np.log(size),
            *(red, np.log(red / green), np.log(blue / green), dark, light, plane[inside].std()),
            *(np.log(colours), np.count_nonzero(np.diff(levels, prepend=0))),
            _step_of_levels(shown[:, 1]),
            _quality(cosines),
            *_detail_by_octave(plane, inside),
            *_dct_statistics(cosines),
            *_directions(plane, inside),
        ],
        np.float32,
    )


def middle(picture: Image, palm: Mask) -> tuple[Image, Mask]:
    """Crop a picture to the palm's bounding box, or its middle if it is large, aligned to JPEG blocks.

    Returns the crop and its palm mask without the rim: the outline and its surroundings are not the engine's work.
    """
    sides = []
    for axis in (1, 0):
        shown = np.flatnonzero(palm.any(axis=axis))
        low, high = int(shown[0]), int(shown[-1]) + 1
        if high - low > _LARGEST:
            low = (low + high - _LARGEST) // 2
            high = low + _LARGEST
        low = low // _BLOCK * _BLOCK
        sides.append(slice(low, high))
    part, inside = np.ascontiguousarray(picture[sides[0], sides[1]]), palm[sides[0], sides[1]]
    return part, without_rim(inside, _RIM) if inside.any() else np.ones_like(inside)


def without_rim(inside: Mask, pixels: int) -> Mask:
    """Mask of the pixels more than `pixels` from the palm's border; the whole palm if there are none."""
    inner = _eroded(inside.astype(np.uint8), inside.all(), pixels)
    return inner if inner.any() else inside


def _eroded(inside: NDArray[np.uint8], everything: bool | np.bool_, width: int = _RIM) -> Mask:
    """Erode a palm mask; a mask that covers everything is unchanged."""
    if everything:
        return inside > 0
    rim = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
    return np.asarray(cv2.erode(inside, rim, borderType=cv2.BORDER_CONSTANT, borderValue=1) > 0)


def _odd_levels(part: Image, inside: Mask) -> float:
    """Share of odd levels, away from the palm's outline, which JPEG blocks spread."""
    return float((_shown(part, without_rim(inside, _BLOCK)) & 1).mean())


def _shown(part: Image, inside: Mask) -> NDArray[np.uint8]:
    """(n, 3) colours within a mask, five times as fast as boolean indexing."""
    return part.reshape(-1, 3).compress(inside.ravel(), axis=0)


def _detail_by_octave(plane: NDArray[np.float32], inside: Mask) -> list[float]:
    """Log of the mean detail at full, half, quarter and eighth size."""
    found = []
    weight = inside.astype(np.uint8)
    for _ in range(4):
        smooth = cv2.GaussianBlur(plane, (0, 0), 1.0)
        kept = _eroded(weight, weight.all())
        found.append(float(np.log1p(np.abs(plane - smooth)[kept].mean())) if kept.any() else 0.0)
        half = max(1, plane.shape[1] // 2), max(1, plane.shape[0] // 2)
        plane = np.asarray(cv2.resize(smooth, half, interpolation=cv2.INTER_AREA), np.float32)
        weight = np.asarray(cv2.resize(weight, half, interpolation=cv2.INTER_NEAREST), np.uint8)
    return found


def _dct_magnitudes(plane: NDArray[np.float32], inside: Mask) -> NDArray[np.float32]:
    """(n, 8, 8) magnitudes of the DCT coefficients of each JPEG block within the palm."""
    from scipy import fft

    rows, columns = (length // _BLOCK for length in plane.shape)
    cut, within = (
        values[: rows * _BLOCK, : columns * _BLOCK].reshape(rows, _BLOCK, columns, _BLOCK).swapaxes(1, 2)
        for values in (plane, inside)
    )
    blocks = cut[within.all(axis=(2, 3))]
    if not len(blocks):
        return np.zeros((0, _BLOCK, _BLOCK), np.float32)
    return np.asarray(np.abs(fft.dctn(blocks, axes=(1, 2), norm="ortho", workers=1)), np.float32)


def _step_of_levels(green: NDArray[np.uint8]) -> float:
    """Log of the mean distance between occurring levels; rare ones do not count."""
    occur = np.flatnonzero(np.bincount(green, minlength=256) >= _RARE * len(green))
    return float(np.log((occur[-1] - occur[0]) / (len(occur) - 1))) if len(occur) > 1 else 0.0


def _quality(sizes: NDArray[np.float32]) -> float:
    """Lowest JPEG quality, with the standard table, whose steps divide the coefficients; 100 if there is none."""
    slow = np.minimum(np.rint(sizes[:, _SLOW]), _HIGHEST).astype(np.int64)
    bins = _HIGHEST + 1
    counts = np.bincount((slow + bins * np.arange(slow.shape[1])).ravel(), minlength=bins * slow.shape[1])
    multiples, counted = _multiples()
    many = counted @ counts
    fits = (many >= _LEAST_MULTIPLES) & (multiples @ counts >= _MULTIPLE * many)
    return float(_QUALITIES[int(fits.argmax())]) if fits.any() else 100.0


@lru_cache(maxsize=1)
def _multiples() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Closeness of each magnitude of each coefficient to a multiple of each quality's step, and whether it counts."""
    quality = np.array(_QUALITIES)[:, None]
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    steps = np.clip((np.array(_TABLE) * scale + 50) // 100, 1, 255)[:, :, None]
    sizes = np.arange(_HIGHEST + 1)
    counted = sizes > steps / 2
    near = np.where(counted, np.cos(2 * np.pi * sizes / steps), 0)
    return near.reshape(len(quality), -1).astype(np.float32), counted.reshape(len(quality), -1).astype(np.float32)


def _dct_statistics(sizes: NDArray[np.float32]) -> list[float]:
    """Log mean magnitude of DCT coefficients by band, and share of zeros, which coarse compression raises."""
    if not len(sizes):
        return [0.0] * 7
    strengths = [float(np.log1p(sizes[:, band]).mean()) for band in _BANDS]
    return [*strengths, *(float((sizes[:, band] < _ZERO).mean()) for band in _BANDS[1:])]


def _directions(plane: NDArray[np.float32], inside: Mask) -> tuple[float, float]:
    """Mean direction of edges as cosine and sine of twice the angle, weighted by their magnitude."""
    across, down = (cv2.Sobel(plane, cv2.CV_32F, *order)[inside] for order in ((1, 0), (0, 1)))
    heights = np.hypot(across, down)
    total = max(float(heights.sum()), 1e-6)
    upright = (across**2 - down**2) / np.maximum(heights, 1e-6)
    slanting = 2 * across * down / np.maximum(heights, 1e-6)
    return float(upright.sum()) / total, float(slanting.sum()) / total


def _grid_phase(plane: NDArray[np.float32], inside: Mask) -> list[float]:
    """Phase of the JPEG grid: the column and row modulo eight with the largest steps, as points on a circle."""
    found = []
    for values, counted in ((plane, inside), (plane.T, inside.T)):
        steps = np.abs(np.diff(values, axis=1)) * counted[:, 1:]
        pixels = counted[:, 1:].sum(axis=0)
        ends = np.where(pixels > 0, np.arange(1, values.shape[1]) % _BLOCK, _BLOCK)
        columns = steps.sum(axis=0) / np.maximum(pixels, 1)
        # The median: JPEG's grid affects all columns, whereas single strong columns belong to the picture.
        total = np.array([median(columns[ends == end]) if (ends == end).any() else 0 for end in range(_BLOCK)])
        phase = np.vdot(np.exp(2j * np.pi * np.arange(_BLOCK) / _BLOCK), total) / max(float(total.sum()), 1e-6)
        phase /= max(abs(phase), _CLEAR_GRID)  # where it lies, not how clear it is: the smoother the palm, the clearer
        found += [float(phase.real), float(phase.imag)]
    return found


def _alternation(plane: NDArray[np.float32], inside: Mask) -> list[float]:
    """Excess of detail in every second row, column and diagonal, as from a camera's colour filters."""
    detail = np.abs(plane - cv2.GaussianBlur(plane, (0, 0), 1.0))
    # The median: single strong pixels, as seams of coarse blocks, belong to the picture.
    sums = [
        median(detail[row::2, column::2][inside[row::2, column::2]]) if inside[row::2, column::2].any() else 0.0
        for row in (0, 1)
        for column in (0, 1)
    ]
    whole = max(sum(sums), 1e-6)
    first, second, third, last = sums
    return [
        (first + second - third - last) / whole,
        (first - second + third - last) / whole,
        (first - second - third + last) / whole,
    ]


def _outliers(plane: NDArray[np.float32], inside: Mask) -> tuple[float, float, float]:
    """Log share of outlier pixels, and row and column of a single one from the palm's middle.

    The position is 0 if there is none or several; the share is in units of 1e-4, plus one.
    """
    levels = plane.astype(np.uint8)
    lighter = cv2.subtract(levels, cv2.dilate(levels, _BESIDE))
    darker = cv2.subtract(cv2.erode(levels, _BESIDE), levels)
    apart = np.maximum(lighter, darker) * inside
    most = int(apart.max())
    least = max(_LEAST_OUTLIER, _OUTLIER_RATIO * float(apart[inside].mean()))
    share = float(np.log1p(1e4 * np.count_nonzero(apart >= least) / np.count_nonzero(inside)))
    if most < least or np.count_nonzero(apart > _SIMILAR * most) > _MOST_SIMILAR:
        return share, 0.0, 0.0
    row, column = np.unravel_index(int(apart.argmax()), apart.shape)
    left, top, width, height = cv2.boundingRect(inside.astype(np.uint8))
    return share, float(row - top - height / 2), float(column - left - width / 2)


def _colour_shifts(part: Image, inside: Mask) -> list[float]:
    """Shifts of red and blue against green in pixels, from column and row profiles; 0 if they do not correlate."""
    left, top, width, height = cv2.boundingRect(inside.astype(np.uint8))
    middle = part[top + height // 5 : top + height - height // 5, left + width // 5 : left + width - width // 5]
    if min(middle.shape[:2]) <= 4 * _MOST_SHIFT:
        return [0.0] * 4
    found = []
    for axis in (0, 1):
        sums = middle.mean(axis=axis, dtype=np.float32)
        profiles = sums - cv2.blur(sums, (1, _PROFILE_WINDOW), borderType=cv2.BORDER_REPLICATE)
        found += [_lag(profiles[:, channel], profiles[:, 1]) for channel in (0, 2)]
    return [found[0], found[2], found[1], found[3]]


def _lag(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Shift of the first of two profiles against the second; 0 if they do not correlate."""
    middle = one[_MOST_SHIFT:-_MOST_SHIFT]
    alike = np.correlate(other, middle, "valid")
    windows = np.sqrt(np.convolve(other * other, np.ones(len(middle)), "valid")) * np.linalg.norm(middle)
    alike = alike / np.maximum(windows, 1e-3)
    return float(_MOST_SHIFT - int(alike.argmax())) if float(alike.max()) >= _LEAST_CORRELATION else 0.0
