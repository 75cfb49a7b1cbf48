"""Brings the power spectrum of a drawn relief to that of a hand, direction left aside."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.protocols import Mask
from deidkit_engines.resynth.pyramid import Layer, Layers

LOWEST = 1.5
"""Cycles in a palm width below which all is light and colour."""
STEPS_AN_OCTAVE = 2
LARGEST_GAIN = 2.5
"""How much a band may be raised or lowered; more would only raise noise where there is nothing else."""
SMALLEST = 16
"""Pixels of the measured box's sides below which there is no spectrum."""


@dataclass(frozen=True)
class Spectroscope:
    """Measures radial power spectra at one place of a window.

    Attributes:
        box: Rows and columns of the window.
        weight: (r, c) float32, falls to 0 at the box' rim and beyond the measured mask.
        band: (r, c // 2 + 1) int, number of each frequency's band, 0 for those below `LOWEST`.
        centres: (b,) each band's frequency, in cycles a palm width.
    """

    box: tuple[slice, slice]
    weight: Layer
    band: NDArray[np.int64]
    centres: NDArray[np.float64]

    @classmethod
    def over(cls, measured: Mask, width: float) -> Spectroscope | None:
        """One for a mask, or None where it is too small.

        Args:
            measured: (h, w) bool.
            width: Of the palm in pixels.
        """
        left, top, columns, rows = cv2.boundingRect(measured.astype(np.uint8))
        if min(rows, columns) < SMALLEST:
            return None
        box = (slice(top, top + rows), slice(left, left + columns))
        weight = np.hanning(rows + 2)[1:-1, None] * np.hanning(columns + 2)[1:-1] * measured[box]
        frequency = _frequencies((rows, columns), width)
        band = np.floor(STEPS_AN_OCTAVE * np.log2(np.maximum(frequency, 1e-9) / LOWEST)).astype(np.int64) + 1
        count = int(np.floor(STEPS_AN_OCTAVE * np.log2(width / 2 / LOWEST))) + 1
        band = np.clip(band, 0, count)
        centres = LOWEST * 2 ** ((np.arange(count) + 0.5) / STEPS_AN_OCTAVE)
        return cls(box, weight.astype(np.float32), band, centres)

    def power(self, values: Layers) -> NDArray[np.float64]:
        """(b,) mean power of the lightness in each band; NaN where a band has no frequency."""
        light = values[self.box].mean(axis=2)
        light = self.weight * (light - np.average(light, weights=self.weight))
        energy = np.square(np.abs(np.fft.rfft2(light))).ravel()
        count = len(self.centres) + 1
        bands = self.band.ravel()
        with np.errstate(invalid="ignore"):
            return np.asarray((np.bincount(bands, energy, count) / np.bincount(bands, minlength=count))[1:])


def filtered(values: Layers, centres: NDArray[np.float64], gains: NDArray[np.float64], width: float) -> Layers:
    """Multiply a picture's spectrum by a gain that depends on frequency alone.

    Args:
        values: (h, w, 3) float32.
        centres: (b,) cycles a palm width, ascending.
        gains: (b,) factors there; between them they are interpolated, beyond them they stay.
        width: Of the palm in pixels.
    """
    shape = (cv2.getOptimalDFTSize(values.shape[0]), cv2.getOptimalDFTSize(values.shape[1]))
    frequency = np.log2(np.maximum(_frequencies(shape, width), 1e-9))
    factor = np.interp(frequency.ravel(), np.log2(centres), gains).reshape(frequency.shape).astype(np.float32)
    planes = [np.fft.irfft2(np.fft.rfft2(plane, shape) * factor, shape) for plane in cv2.split(values)]
    return np.asarray(np.dstack(planes)[: values.shape[0], : values.shape[1]], np.float32)


def _frequencies(shape: tuple[int, int], width: float) -> NDArray[np.float64]:
    """(r, c // 2 + 1) cycles a palm width of a real transform's coefficients."""
    return np.asarray(width * np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])))
