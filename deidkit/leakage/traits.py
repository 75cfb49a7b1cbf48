"""Measurement of palm properties that an engine can choose per person: low-frequency lighting, and one wave.

Lighting is measured by its lowest cosine coefficients. A wave is the frequency with the highest power relative to
frequencies of similar magnitude. Both are measured in the picture and in the palm's region: a pattern that is added
alike to every picture, or to every palm, is constant in one of the two.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.leakage.relief import Plane
from deidkit.leakage.statistics import without_rim
from deidkit.protocols import GreyImage, Mask

_WAVES = 4
"""Periods of the wave across and down, in the picture and then in the palm's region."""

_COSINES = 4
"""Number of cosine coefficients measured per axis."""

_LIGHT = _COSINES * _COSINES - 1

MIRRORED = _WAVES + 2 * _LIGHT
"""Index of whether the region is mirrored: 1 or 0."""

TRAITS = MIRRORED + 1
"""Number of measurements."""

IN_PICTURE, IN_REGION = slice(0, 2), slice(2, _WAVES)
SLOW_LIGHT, SLOW_LIGHT_IN_REGION = slice(_WAVES, _WAVES + _LIGHT), slice(_WAVES + _LIGHT, MIRRORED)
"""Their indices."""

_DETAIL_SIGMAS = (0.8, 1.6, 3.2)
"""Standard deviations, in pixels, of the successive blurs that are subtracted to obtain detail."""

_RIM, _BLOCK = 3, 8
"""Ignored rim of the palm in pixels; the same for lighting, which JPEG blocks carry into the palm."""

_MIDDLE = 160
"""Longest side of the part of a palm of which detail is measured, in pixels."""

_LIGHT_SIDE, _LIGHT_BLUR, _COVERED = 32, 2.0, 0.9
"""Side of the square in which lighting is measured; blur, in its pixels, that fills pixels outside of the palm; least
palm share of a pixel inside."""

_SIDE = 128
"""Side of the square in which waves are measured, in pixels."""

_TREATED = slice(_SIDE // 5, _SIDE - _SIDE // 5)
"""Rows and columns of the region that palm engines treat: the published polygon leaves out one side."""

_LOWEST, _HIGHEST, _LEAST_RELATIVE_POWER, _RINGS_AVERAGED = 4, 55, 30.0, 5
"""Range of the frequencies of waves, in periods per square; least power of a wave relative to frequencies of similar
magnitude; width of that range."""


def traits(plane: GreyImage, inside: Mask, roi: GreyImage | None, *, mirrored: bool) -> NDArray[np.float32]:
    """Measure a palm.

    Args:
        plane: (h, w) uint8, the palm's bounding box or the middle of it.
        inside: (h, w) bool, where the palm is; not empty.
        roi: (128, 128) uint8, the palm's region of interest; None where there is none.
        mirrored: Whether the region was mirrored to look like a right palm.

    Returns:
        (`TRAITS`,) float32: the waves, the lighting coefficients in grey levels, and whether the region is mirrored;
        0 for a missing region.
    """
    levels = np.asarray(plane, np.float32)
    part = tuple(slice(max(0, (length - _MIDDLE) // 2), (length + _MIDDLE) // 2) for length in plane.shape)
    middle = inside[part] if inside[part].any() else np.ones_like(inside[part])
    wave = _wave(_square(_detail(levels[part], middle.astype(np.float32)), without_rim(middle, _RIM)))
    of_region = (0.0, 0.0) if roi is None else _wave(_in_region(roi))
    light = [0.0] * _LIGHT if roi is None else _light_of_region(roi)
    return np.array([*wave, *of_region, *_light(levels, inside), *light, mirrored], np.float32)


def unmirrored(measured: NDArray[np.float32]) -> NDArray[np.float32]:
    """Traits, (n, `TRAITS`), as if regions had not been mirrored."""
    found, mirrored = measured.copy(), measured[:, MIRRORED] > 0
    across, down = found[:, IN_REGION].T
    down[mirrored & (across > 0)] *= -1
    # Cosines of odd order are antisymmetric.
    odd = np.arange(1, _LIGHT + 1) % _COSINES % 2 == 1
    found[:, SLOW_LIGHT_IN_REGION][np.ix_(mirrored, odd)] *= -1
    return found


def _detail(levels: Plane, weight: Plane) -> Plane:
    """Difference from the successive blurs, in which pixels outside of the palm have no weight."""
    smooth = levels
    for sigma in _DETAIL_SIGMAS:
        count = np.maximum(cv2.GaussianBlur(weight, (0, 0), sigma), 1e-3)
        smooth = np.asarray(cv2.GaussianBlur(smooth * weight, (0, 0), sigma) / count, np.float32)
    return np.asarray(levels - smooth, np.float32)


def _light(levels: Plane, inside: Mask) -> list[float]:
    """The lowest cosine coefficients except the mean, in grey levels."""
    weight = without_rim(inside, _BLOCK).astype(np.float32)
    size = _LIGHT_SIDE, _LIGHT_SIDE
    mean = float((levels * weight).sum() / weight.sum())
    summed = cv2.resize((levels - mean) * weight, size, interpolation=cv2.INTER_AREA)
    count = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
    around = cv2.GaussianBlur(summed, (0, 0), _LIGHT_BLUR) / np.maximum(
        cv2.GaussianBlur(count, (0, 0), _LIGHT_BLUR), 0.02
    )
    filled = np.where(count > _COVERED, summed / np.maximum(count, 0.1), around).astype(np.float32)
    cosines = cv2.dct(filled)[:_COSINES, :_COSINES] / _LIGHT_SIDE
    return [float(value) for value in cosines.ravel()[1:]]


def _light_of_region(roi: GreyImage) -> list[float]:
    middle = np.asarray(roi[_TREATED, _TREATED], np.float32)
    return _light(middle, np.ones(middle.shape, bool))


def _square(detail: Plane, inner: Mask) -> Plane:
    """The middle of a palm's detail as a square."""
    height, width = detail.shape
    top, left = max(0, (height - _SIDE) // 2), max(0, (width - _SIDE) // 2)
    square = np.zeros((_SIDE, _SIDE), np.float32)
    part = (detail * inner)[top : top + _SIDE, left : left + _SIDE]
    square[: part.shape[0], : part.shape[1]] = part
    return square


def _in_region(roi: GreyImage) -> Plane:
    levels = np.asarray(roi, np.float32)
    return np.asarray(levels - cv2.GaussianBlur(levels, (0, 0), _DETAIL_SIGMAS[-1]), np.float32)


def _wave(square: Plane) -> tuple[float, float]:
    """Periods across and down of the wave; 0 if there is none."""
    from scipy import fft

    counted, rings, across, down = _frequencies()
    power = np.abs(fft.rfft2(square, workers=1))[counted] ** 2
    sums = np.bincount(rings, power) / np.maximum(np.bincount(rings), 1)
    usual = np.convolve(sums, np.full(_RINGS_AVERAGED, 1 / _RINGS_AVERAGED), "same")[rings]
    strengths = power / np.maximum(usual, 1.0)
    place = int(strengths.argmax())
    if strengths[place] < _LEAST_RELATIVE_POWER:
        return 0.0, 0.0
    return float(across[place]), float(down[place])


@lru_cache(maxsize=1)
def _frequencies() -> tuple[Mask, NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Mask of the compared Fourier coefficients, and ring and periods across and down of each."""
    down = np.repeat((np.fft.fftfreq(_SIDE) * _SIDE).astype(np.int64)[:, None], _SIDE // 2 + 1, axis=1)
    across = np.repeat(np.arange(_SIDE // 2 + 1)[None], _SIDE, axis=0)
    height = np.hypot(down, across)
    counted = (height >= _LOWEST) & (height <= _HIGHEST) & ((across > 0) | (down > 0))
    return counted, height[counted].astype(np.int64), across[counted], down[counted]
