"""Brings the power spectra of a drawn relief, in lightness and colour, to those of a hand, direction left aside."""

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
LEAST = 0.05
"""Share of a hand's own power that a relief has at least, where the base seems to hold all of it."""
ORDINARY = ((3.0, 1.5e-5), (6.0, 6.6e-6), (12.0, 1.35e-6), (25.0, 1.3e-7), (40.0, 3.5e-8))
"""Cycles a palm width -> density of power of an ordinary hand: medians of photographs (COEP, 11K Hands) and of drawn
hands; finer than that, the camera's noise is more than the skin."""
SOFTNESS = ((5.0, 0.95), (10.0, 0.93), (64.0, 0.92))
"""Cycles a palm width -> amplitude of a relief, in parts of the hand's own: the deeper lines are that lie elsewhere,
the less a copy is like its picture, and a little less is not seen."""
FINEST_SOFTNESS = 0.7
"""The same for waves of less than three pixels: more of a camera's noise than of a hand."""
PLANES = np.array([[1 / 3, 1 / 3, 1 / 3], [1, -1, 0], [0, -1, 1]], np.float32)
"""Lightness, red less green and blue less green of logarithms of colour."""
_COLOURS = np.linalg.inv(PLANES).astype(np.float32)
SHAPE = 0.3
"""Share kept of the way in which a hand's spectrum is shaped otherwise than an ordinary one, its height left aside:
copies are linked with one another by it."""
VARIED = 0.25
"""Standard deviation of the logarithm of a palm's amplitudes from band to band, for the same reason."""
TINY = 1e-12
"""Power of a palm without any relief, which has no logarithm."""
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
        width: Of the palm in pixels.
    """

    box: tuple[slice, slice]
    weight: Layer
    band: NDArray[np.int64]
    centres: NDArray[np.float64]
    width: float

    @classmethod
    def over(cls, measured: Mask, width: float) -> Spectroscope | None:
        """One for a mask, or None where it is too small.

        Args:
            measured: (h, w) bool.
            width: Of the palm in pixels.
        """
        left, top, columns, rows = cv2.boundingRect(measured.astype(np.uint8))
        count = int(np.floor(STEPS_AN_OCTAVE * np.log2(width / 2 / LOWEST))) + 1
        if min(rows, columns) < SMALLEST or count < 1:
            return None
        box = (slice(top, top + rows), slice(left, left + columns))
        weight = np.hanning(rows + 2)[1:-1, None] * np.hanning(columns + 2)[1:-1] * measured[box]
        frequency = _frequencies((rows, columns), width)
        band = np.floor(STEPS_AN_OCTAVE * np.log2(np.maximum(frequency, 1e-9) / LOWEST)).astype(np.int64) + 1
        band = np.clip(band, 0, count)
        centres = LOWEST * 2 ** ((np.arange(count) + 0.5) / STEPS_AN_OCTAVE)
        return cls(box, weight.astype(np.float32), band, centres, width)

    def power(self, values: Layers) -> NDArray[np.float64]:
        """(3, b) mean density of power of `PLANES` in each band, over squared cycles a palm width.

        Bands that hold no frequency have 0.
        """
        count = len(self.centres) + 1
        number = np.maximum(np.bincount(self.band.ravel(), minlength=count)[1:], 1)
        found = []
        for plane in _planes(values[self.box]):
            weighted = self.weight * (plane - np.average(plane, weights=self.weight))
            energy = np.square(np.abs(np.fft.rfft2(weighted))).ravel()
            found.append(np.bincount(self.band.ravel(), energy, count)[1:] / number)
        return np.asarray(found / np.square(self.weight).sum() / self.width**2)

    def wanted(self, colours: Layers, base: Layers, ageing: float) -> NDArray[np.float64]:
        """(3, b) the power that a relief on a base is to have: softened, that of the hand less that of the base.

        Args:
            colours: (h, w, 3) the hand.
            base: (h, w, 3) what the relief is added to.
            ageing: Share of the lightness' roughness beyond `ORDINARY` that is kept, 0..1.
        """
        own = self.power(colours)
        lines = (self.centres > ORDINARY[0][0]) & (self.centres < ORDINARY[-1][0])
        ordinary = np.exp2(np.interp(np.log2(self.centres), *np.log2(ORDINARY).T))
        aimed = own.copy()
        aimed[0] = np.where(lines & (own[0] > ordinary), own[0] ** ageing * ordinary ** (1 - ageing), own[0])
        if lines.any():
            height = np.exp(np.log(np.maximum(aimed[0], TINY) / ordinary)[lines].mean())
            aimed[0] = np.where(lines, aimed[0] ** SHAPE * (height * ordinary) ** (1 - SHAPE), aimed[0])
        return np.maximum(aimed - self.power(base), LEAST * own) * np.square(self._softness())

    def _softness(self) -> NDArray[np.float64]:
        """(b,) amplitude of each band, of the hand's own."""
        frequencies, amplitudes = np.array(SOFTNESS).T
        soft = np.interp(np.log2(self.centres), np.log2(frequencies), amplitudes)
        return np.where(self.centres > self.width / 3, FINEST_SOFTNESS, soft)


def matched(relief: Layers, scope: Spectroscope, wanted: NDArray[np.float64], identity: np.random.Generator) -> Layers:
    """Bring the spectra of a relief's lightness and colour near to those that are wanted.

    Args:
        relief: (h, w, 3) float32.
        scope: Where its spectra are measured.
        wanted: (3, b) the power it is to have there.
        identity: Of whom the palm is: by how much its amplitudes differ from those wanted.
    """
    have = scope.power(relief)
    known = (have > 0) & (wanted > 0)
    gains = np.ones_like(have)
    gains[known] = np.clip(np.sqrt(wanted[known] / have[known]), 1 / LARGEST_GAIN, LARGEST_GAIN)
    gains *= np.exp(identity.normal(0, VARIED, gains.shape))
    rows, columns = relief.shape[:2]
    shape = (cv2.getOptimalDFTSize(rows), cv2.getOptimalDFTSize(columns))
    frequency = np.log2(np.maximum(_frequencies(shape, scope.width), 1e-9))
    planes = []
    for plane, gain in zip(_planes(relief), gains, strict=True):
        # Beyond the lowest and the highest band the gain is theirs.
        change = np.interp(frequency.ravel(), np.log2(scope.centres), gain).reshape(frequency.shape)
        planes.append(np.fft.irfft2(np.fft.rfft2(plane, shape) * change.astype(np.float32), shape)[:rows, :columns])
    return np.asarray(np.stack(planes, axis=-1) @ _COLOURS.T, np.float32)


def _planes(values: Layers) -> Layers:
    """(3, h, w) of (h, w, 3)."""
    return np.ascontiguousarray(np.moveaxis(values @ PLANES.T, -1, 0))


def _frequencies(shape: tuple[int, int], width: float) -> NDArray[np.float64]:
    """(r, c // 2 + 1) cycles a palm width of a real transform's coefficients."""
    return np.asarray(width * np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])))
