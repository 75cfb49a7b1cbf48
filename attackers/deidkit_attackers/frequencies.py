"""Compare copies by their spectral peaks, independent of where a texture is located and which palm is shown.

A texture that an engine synthesizes per person links copies even if no line is the same and nothing is in the same
place: noise that is shifted, rotated or mirrored from copy to copy, directional grain, a wave in a colour channel,
repeated rows. The height of a coefficient above its neighbours does not depend on light, contrast and sharpness, which
an honest engine may preserve.
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
"""Rows and columns of a region that show palm in every hand; the outline of the treated area must not count."""

_REGION = slice(12, 124), slice(8, 120)
"""Rows and columns compared in grey levels: nearly the whole region, since shifted noise leaves the palm."""

_DETAIL_SIGMA, _CONTRAST_WINDOW, _CONTRAST_FLOOR = 2.4, 15, 1.0
"""Standard deviation of the Gaussian subtracted to obtain detail and side of the window for local contrast, both in
pixels; variance added to local contrast, in squared grey levels."""

_TEXTURE = 0.05
"""Minimum variance of normalised detail; lower values come from rounding and from the outline of a filled area."""

_NEIGHBOUR_SIGMA, _LOWEST_FREQUENCY, _MAGNITUDE_FLOOR = 4.0, 0.1, 0.05
"""Standard deviation, in coefficients, of the average over neighbours; frequency, in cycles per pixel, below which
coefficients are lighting and palm lines; magnitude added before the logarithm (noise of variance one has 1)."""

_STEP_FLOOR, _SKIPPED_STEPS = 0.3, 4
"""Magnitude added to the spectrum of row and column steps, and number of its lowest frequencies left out."""


def by_frequencies(material: AttackMaterial) -> dict[str, NDArray[np.float32]]:
    """Compare copies with one another.

    Returns:
        Name -> (n, n) distances as `by_row` gives them.
    """
    copies, memo = material.copies, material.memo
    straight = memo.rows("frequencies", copies.regions, each(_grey_peaks))
    found = {
        "frequencies": _correlation_distances(straight),
        "frequencies, however turned": _correlation_distances(_orientation_sum(straight)),
        "rows and columns": _correlation_distances(memo.rows("rows and columns", copies.regions, each(_step_spectra))),
    }
    if copies.colours is not None:
        found["frequencies of colours"] = _correlation_distances(
            memo.rows("frequencies of colours", copies.colours, each(_colour_peaks))
        )
    return found


def each(measure: Callable[[NDArray[np.uint8]], NDArray[np.float32]]) -> Compute:
    """Apply a function of one picture to each of several."""
    return lambda pictures: np.stack([measure(picture) for picture in pictures])


def smooth(plane: Plane, sigma: float) -> Plane:
    """Gaussian blur with mirrored borders."""
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101), np.float32)


@cache
def taper(side: int) -> Plane:
    """(side, side) float32 window that fades towards the border."""
    slope = np.minimum(1, 2 * np.hanning(side)).astype(np.float32)
    return np.outer(slope, slope)


def _grey_peaks(region: NDArray[np.uint8]) -> Plane:
    return _spectral_peaks(np.ascontiguousarray(region[_REGION]).astype(np.float32))


def _colour_peaks(region: NDArray[np.uint8]) -> Plane:
    """(2, s, s): peaks of red minus green and of blue minus green, each channel in percent of its mean."""
    levels = np.ascontiguousarray(region[PALM]).astype(np.float32)
    red, green, blue = cv2.split(levels * (100 / (levels.mean(axis=(0, 1)) + 8)).astype(np.float32))
    return np.stack([_spectral_peaks(red - green), _spectral_peaks(blue - green)])


def _spectral_peaks(plane: Plane) -> Plane:
    """Log magnitude of each Fourier coefficient above its neighbours; 0 for a picture without texture.

    (s, s) -> (s - 1, s - 1) float32 with frequency zero in the middle.
    """
    side = len(plane)
    detail = plane - smooth(plane, _DETAIL_SIGMA)
    evened = detail / np.sqrt(cv2.blur(detail * detail, (_CONTRAST_WINDOW, _CONTRAST_WINDOW)) + _CONTRAST_FLOOR)
    if float((evened * evened).mean()) < _TEXTURE:
        return np.zeros((side - 1, side - 1), np.float32)
    window = taper(side)
    strengths = np.abs(fft.fft2(evened * window, workers=1)) / np.linalg.norm(window)
    strengths = np.log(strengths + _MAGNITUDE_FLOOR).astype(np.float32)
    strengths -= smooth(strengths, _NEIGHBOUR_SIGMA)
    return np.asarray(np.fft.fftshift(strengths)[1:, 1:] * _compared(side), np.float32)


@cache
def _compared(side: int) -> NDArray[np.bool_]:
    """(side - 1, side - 1) bool: which coefficients are compared."""
    places = np.arange(side - 1) - (side // 2 - 1)
    height = np.hypot(places[:, None], places)
    return np.asarray((height >= _LOWEST_FREQUENCY * side) & (height < side / 2))


def _orientation_sum(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sum of each plane over its quarter turns and their mirror images."""
    both = planes + planes[:, ::-1]
    whole = both + both[:, :, ::-1]
    return np.asarray(whole + whole.swapaxes(1, 2))


def _step_spectra(region: NDArray[np.uint8]) -> Plane:
    """(2, k): log spectra of the mean steps from row to row and from column to column, which show repeated rows."""
    palm, found = region[PALM].astype(np.float32), []
    for steps in (np.abs(np.diff(palm, axis=0)).mean(axis=1), np.abs(np.diff(palm, axis=1)).mean(axis=0)):
        strengths = np.log(steps + 1)[None]
        strengths -= smooth(strengths, 6.0)
        often = np.abs(np.fft.rfft(strengths[0] * np.hanning(strengths.size)))[_SKIPPED_STEPS:]
        found.append(np.log(often + _STEP_FLOOR))
    return np.asarray(found, np.float32)


def _correlation_distances(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, n) distances by correlation, after subtraction of the mean of all pictures."""
    own = lines.unit((planes - planes.mean(axis=0)).reshape(len(planes), -1))
    return by_row(-own @ own.T)
