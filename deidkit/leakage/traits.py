"""Traits of a palm that an engine can choose for each person: slow light, and one wave.

Slow light is measured by its coarsest cosines. A wave is the frequency that stands out most from those about as high.
Both are measured in the picture and in the palm's region: what is laid alike into every picture, or into every palm, is
the same in one of the two.
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
"""Periods across and down of the frequency that stands out, in the picture and then in the palm's region."""

_COSINES = 4
"""Coarsest cosines that are measured, each way."""

_LIGHT = _COSINES * _COSINES - 1

TRAITS = _WAVES + 2 * _LIGHT
"""Numbers that are measured."""

IN_PICTURE, IN_REGION = slice(0, 2), slice(2, _WAVES)
SLOW_LIGHT, SLOW_LIGHT_IN_REGION = slice(_WAVES, _WAVES + _LIGHT), slice(_WAVES + _LIGHT, TRAITS)
"""Where each stands among them."""

_SIZES = (0.8, 1.6, 3.2)
"""Standard deviations, in pixels, of the averages one after another that detail lies above."""

_RIM, _BLOCK = 3, 8
"""Pixels by which the palm's rim is left out; the same for light, to which the blocks of JPEG carry it."""

_MIDDLE = 160
"""Pixels of the longest side of the middle of a palm, of which detail is measured."""

_LIGHT_SIDE, _LIGHT_BLUR, _COVERED = 32, 2.0, 0.9
"""Side of the square that slow light is measured in; blur, in its pixels, that fills what is no palm; share of a pixel
from which it is palm."""

_SIDE = 128
"""Pixels of the square of which waves are measured."""

_TREATED = slice(_SIDE // 5, _SIDE - _SIDE // 5)
"""Rows and columns of the palm's region that engines for palms treat: the published polygon leaves one side of it."""

_SLOWEST, _FASTEST, _STANDS_OUT, _BESIDE = 4, 55, 30.0, 5
"""Frequencies, in periods of the square, between which waves lie; strength of a wave in parts of that of frequencies
about as high, and how many of these there are."""


def traits(plane: GreyImage, inside: Mask, roi: GreyImage | None) -> NDArray[np.float32]:
    """Measure a palm.

    Args:
        plane: (h, w) uint8, the palm's box or the middle of it.
        inside: (h, w) bool, where the palm is; not empty.
        roi: (128, 128) uint8, the palm's region of interest; None where there is none.

    Returns:
        (`TRAITS`,) float32: the waves, and the cosines of slow light in grey levels; 0 for a missing region.
    """
    levels = np.asarray(plane, np.float32)
    part = tuple(slice(max(0, (length - _MIDDLE) // 2), (length + _MIDDLE) // 2) for length in plane.shape)
    middle = inside[part] if inside[part].any() else np.ones_like(inside[part])
    wave = _wave(_square(_detail(levels[part], middle.astype(np.float32)), without_rim(middle, _RIM)))
    of_region = (0.0, 0.0) if roi is None else _wave(_in_region(roi))
    light = [0.0] * _LIGHT if roi is None else _light_of_region(roi)
    return np.array([*wave, *of_region, *_light(levels, inside), *light], np.float32)


def _detail(levels: Plane, weight: Plane) -> Plane:
    """What lies above the averages; what is no palm counts for nothing in them."""
    smooth = levels
    for sigma in _SIZES:
        count = np.maximum(cv2.GaussianBlur(weight, (0, 0), sigma), 1e-3)
        smooth = np.asarray(cv2.GaussianBlur(smooth * weight, (0, 0), sigma) / count, np.float32)
    return np.asarray(levels - smooth, np.float32)


def _light(levels: Plane, inside: Mask) -> list[float]:
    """The coarsest cosines but the mean, in grey levels."""
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
    return np.asarray(levels - cv2.GaussianBlur(levels, (0, 0), _SIZES[-1]), np.float32)


def _wave(square: Plane) -> tuple[float, float]:
    """Periods across and down of the wave that stands out; 0 where none does."""
    from scipy import fft

    counted, rings, across, down = _frequencies()
    power = np.abs(fft.rfft2(square, workers=1))[counted] ** 2
    sums = np.bincount(rings, power) / np.maximum(np.bincount(rings), 1)
    usual = np.convolve(sums, np.full(_BESIDE, 1 / _BESIDE), "same")[rings]
    strengths = power / np.maximum(usual, 1.0)
    place = int(strengths.argmax())
    if strengths[place] < _STANDS_OUT:
        return 0.0, 0.0
    return float(across[place]), float(down[place])


@lru_cache(maxsize=1)
def _frequencies() -> tuple[Mask, NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Which of Fourier's coefficients count, and of these the ring and the periods across and down."""
    down = np.repeat((np.fft.fftfreq(_SIDE) * _SIDE).astype(np.int64)[:, None], _SIDE // 2 + 1, axis=1)
    across = np.repeat(np.arange(_SIDE // 2 + 1)[None], _SIDE, axis=0)
    height = np.hypot(down, across)
    counted = (height >= _SLOWEST) & (height <= _FASTEST) & ((across > 0) | (down > 0))
    return counted, height[counted].astype(np.int64), across[counted], down[counted]
