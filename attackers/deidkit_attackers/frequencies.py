"""Copies compared by frequencies that stand out, wherever their texture lies and whatever palm they show.

A texture that an engine makes for each person links copies though no line is the same and nothing lies where it lay:
noise that is rolled, turned or mirrored from copy to copy, grain of one direction, a wave in a colour, repeated rows.
By how much a frequency stands out from its neighbours says nothing of light, contrast and sharpness, which an honest
engine may keep of the hand.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from deidkit.attacks import AttackMaterial, Compute
from deidkit_attackers import lines
from deidkit_attackers.selection import by_row

Plane = NDArray[np.float32]
"""(h, w) float32."""

PALM = slice(28, 124), slice(16, 112)
"""Rows and columns of a region that show the palm of every hand: the outline of what was treated is no identity."""

_REGION = slice(12, 124), slice(8, 120)
"""Those of which grey levels are compared: next to all, since noise that is moved leaves the palm."""

_DETAIL, _AREA, _EVEN = 2.4, 15, 1.0
"""Standard deviation of the average that detail differs from, side of the square in which it is evened, both in pixels,
and variance in grey levels below which there is nothing to even."""

_TEXTURE = 0.05
"""Least variance of evened detail: less is rounding, and the outline of what was filled."""

_NEIGHBOURS, _SLOWEST, _NONE = 4.0, 0.1, 0.05
"""Standard deviation, in coefficients, of their neighbours; frequency, in periods a pixel, below which coefficients are
light and lines; strength that counts as none, in parts of that of noise of variance one."""

_SAME_STEPS, _SLOW_STEPS = 0.3, 4
"""Strength of the frequency of steps that counts as none, and frequencies of them that are left out."""


def by_frequencies(material: AttackMaterial) -> dict[str, NDArray[np.float32]]:
    """Compare copies with one another.

    Returns:
        Name -> (n, n) distances as `by_row` gives them.
    """
    copies, memo = material.copies, material.memo
    straight = memo.rows("frequencies", copies.regions, each(_of_levels))
    found = {
        "frequencies": _correlated(straight),
        "frequencies, however turned": _correlated(_turned(straight)),
        "rows and columns": _correlated(memo.rows("rows and columns", copies.regions, each(_rows_and_columns))),
    }
    if copies.colours is not None:
        found["frequencies of colours"] = _correlated(
            memo.rows("frequencies of colours", copies.colours, each(_of_colours))
        )
    return found


def each(measure: Callable[[NDArray[np.uint8]], NDArray[np.float32]]) -> Compute:
    """What measures one picture as something that measures several."""
    return lambda pictures: np.stack([measure(picture) for picture in pictures])


def smooth(plane: Plane, sigma: float) -> Plane:
    """The average by a Gaussian, mirrored at the rim."""
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101), np.float32)


@cache
def taper(side: int) -> Plane:
    """(side, side) that lets a picture go out towards its rim."""
    slope = np.minimum(1, 2 * np.hanning(side)).astype(np.float32)
    return np.outer(slope, slope)


def _of_levels(region: NDArray[np.uint8]) -> Plane:
    return _standing_out(np.ascontiguousarray(region[_REGION]).astype(np.float32))


def _of_colours(region: NDArray[np.uint8]) -> Plane:
    """(2, s, s): red against green and blue against green, each colour in percent of its mean."""
    levels = np.ascontiguousarray(region[PALM]).astype(np.float32)
    red, green, blue = cv2.split(levels * (100 / (levels.mean(axis=(0, 1)) + 8)).astype(np.float32))
    return np.stack([_standing_out(red - green), _standing_out(blue - green)])


def _standing_out(plane: Plane) -> Plane:
    """(s, s) by how much each coefficient stands out from its neighbours, as logarithms; 0 where there is no texture.

    The constant one is in the middle.
    """
    side = len(plane)
    detail = plane - smooth(plane, _DETAIL)
    evened = detail / np.sqrt(cv2.blur(detail * detail, (_AREA, _AREA)) + _EVEN)
    if float((evened * evened).mean()) < _TEXTURE:
        return np.zeros((side - 1, side - 1), np.float32)
    window = taper(side)
    strengths = np.abs(fft.fft2(evened * window, workers=1)) / np.linalg.norm(window)
    strengths = np.log(strengths + _NONE).astype(np.float32)
    strengths -= smooth(strengths, _NEIGHBOURS)
    return np.asarray(np.fft.fftshift(strengths)[1:, 1:] * _counted(side), np.float32)


@cache
def _counted(side: int) -> NDArray[np.bool_]:
    """(side - 1, side - 1) which coefficients are compared."""
    places = np.arange(side - 1) - (side // 2 - 1)
    height = np.hypot(places[:, None], places)
    return np.asarray((height >= _SLOWEST * side) & (height < side / 2))


def _turned(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """The sum of those of a picture, of its quarter turns and of their mirror images."""
    both = planes + planes[:, ::-1]
    whole = both + both[:, :, ::-1]
    return np.asarray(whole + whole.swapaxes(1, 2))


def _rows_and_columns(region: NDArray[np.uint8]) -> Plane:
    """(2, k) how often steps from row to row, and from column to column, are strong or weak, as where rows repeat."""
    palm, found = region[PALM].astype(np.float32), []
    for steps in (np.abs(np.diff(palm, axis=0)).mean(axis=1), np.abs(np.diff(palm, axis=1)).mean(axis=0)):
        strengths = np.log(steps + 1)[None]
        strengths -= smooth(strengths, 6.0)
        often = np.abs(np.fft.rfft(strengths[0] * np.hanning(strengths.size)))[_SLOW_STEPS:]
        found.append(np.log(often + _SAME_STEPS))
    return np.asarray(found, np.float32)


def _correlated(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, n) distances by what pictures do not all share."""
    own = lines.unit((planes - planes.mean(axis=0)).reshape(len(planes), -1))
    return by_row(-own @ own.T)
