"""Brings the power spectra of a drawn relief, in lightness and colour, to those of a hand, direction left aside."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.protocols import Mask
from deidkit_engines.resynth.pyramid import COLOURS, PLANES, Layer, Layers

LOWEST = 1.5
"""Cycles in a palm width below which all is light and colour."""
STEPS_AN_OCTAVE = 2
TOGETHER = 3.0
"""Cycles in a palm width below which too few waves lie in a palm to tell how colours go with lightness."""
LARGEST_GAIN = 2.5
"""How much a band may be raised or lowered; more would only raise noise where there is nothing else."""
LEAST = 0.05
"""Share of a hand's own power that a relief has at least, where the base seems to hold all of it."""
ORDINARY = ((3.0, 1.5e-5), (6.0, 6.6e-6), (12.0, 1.35e-6), (25.0, 1.3e-7), (40.0, 3.5e-8))
"""Cycles a palm width -> density of power of an ordinary hand: medians of photographs (COEP, 11K Hands) and of drawn
hands; finer than that, the camera's noise is more than the skin."""
SOFTNESS = ((5.0, 0.94), (10.0, 0.88), (64.0, 0.87))
"""Cycles a palm width -> amplitude of a relief, in parts of the hand's own: the deeper lines are that lie elsewhere,
the less a copy is like its picture, and a little less is not seen."""
ROUGHEST, BEYOND = 1.3, 0.4
"""Amplitude of a hand, in parts of an ordinary one's, beyond which lines alone keep it whole, and calm skin this share
of its logarithm: on such a hand most of it lies in a few folds, and spread over a palm it would crumple it."""
FINEST_SOFTNESS = 0.62
"""The same for waves of less than three pixels: more of a camera's noise than of a hand."""
SHAPE = 0.3
"""Share kept of the way in which a hand's spectrum is shaped otherwise than an ordinary one, its height left aside:
copies are linked with one another by it."""
VARIED = 0.3
"""Standard deviation of the logarithm of a palm's amplitudes from band to band, for the same reason."""
MEAN, LOUDEST = 0.05, 0.35
"""Mean of that logarithm before it is cut off, which keeps the mean power, and where it is: a palm with bands much
stronger than the hand's own looks crumpled."""
VARIED_COLOUR = 0.08
"""The same of a plane's amplitudes in all bands: band by band, colour would no longer go with lightness."""
TINY = 1e-12
"""Power of a palm without any relief, which has no logarithm."""
SMALLEST = 16
"""Pixels of the measured box's sides below which there is no spectrum."""


@dataclass(frozen=True)
class Wanted:
    """What a relief is to be like.

    Attributes:
        power: (b, 3, 3) as `Spectroscope.power` gives it.
        deeper: How much deeper lines are than that, 1 or more, on a hand that is rougher than most.
    """

    power: NDArray[np.float64]
    deeper: float


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
        """(b, 3, 3) mean density of power and cross power of `PLANES` in each band, over squared cycles a palm width.

        Bands that hold no frequency have 0.
        """
        count = len(self.centres) + 1
        number = np.maximum(np.bincount(self.band.ravel(), minlength=count)[1:], 1)
        waves = [self._waves(plane).ravel() for plane in _planes(values[self.box])]
        found = np.empty((count - 1, 3, 3))
        for one in range(3):
            for other in range(one + 1):
                energy = waves[one].real * waves[other].real + waves[one].imag * waves[other].imag
                found[:, one, other] = np.bincount(self.band.ravel(), energy, count)[1:] / number
                found[:, other, one] = found[:, one, other]
        return np.asarray(found / np.square(self.weight).sum() / self.width**2)

    def _waves(self, plane: Layer) -> NDArray[np.complexfloating]:
        return np.fft.rfft2(self.weight * (plane - np.average(plane, weights=self.weight)))

    def wanted(self, colours: Layers, base: Layers, ageing: float) -> Wanted:
        """The power that a relief on a base is to have: softened, that of the hand less that of the base.

        Args:
            colours: (h, w, 3) the hand.
            base: (h, w, 3) what the relief is added to.
            ageing: Share of the lightness' roughness beyond `ORDINARY` that is kept, 0..1.
        """
        together = self.power(colours)
        own = np.diagonal(together, axis1=1, axis2=2)
        lines = (self.centres > ORDINARY[0][0]) & (self.centres < ORDINARY[-1][0])
        ordinary = np.exp2(np.interp(np.log2(self.centres), *np.log2(ORDINARY).T))
        light = np.maximum(own[:, 0], TINY)
        aimed = np.where(lines & (light > ordinary), light**ageing * ordinary ** (1 - ageing), light)
        deeper = 1.0
        if lines.any():
            height = np.exp(np.log(aimed / ordinary)[lines].mean())
            deeper = max(np.sqrt(height) / ROUGHEST, 1.0) ** (1 - BEYOND)
            aimed, height = aimed / deeper**2, height / deeper**2
            aimed = np.where(lines, aimed**SHAPE * (height * ordinary) ** (1 - SHAPE), aimed)
        change = (aimed / light)[:, None]  # of colours, too: how they go with lightness stays
        left = np.maximum(own * change - np.diagonal(self.power(base), axis1=1, axis2=2), LEAST * own)
        strong = np.sqrt(left / np.maximum(own, TINY)) * self._softness()[:, None]
        return Wanted(together * strong[:, :, None] * strong[:, None], float(deeper))

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
        wanted: (b, 3, 3) the power it is to have there.
        identity: Of whom the palm is: by how much its amplitudes differ from those wanted.
    """
    have = scope.power(relief)
    gains = _gains(have, wanted, scope.centres > TOGETHER)
    varied = np.minimum(identity.normal(MEAN, VARIED, (len(gains), 1, 1)), LOUDEST)
    gains *= np.exp(varied + identity.normal(0, VARIED_COLOUR, (3, 1)))
    rows, columns = relief.shape[:2]
    shape = (cv2.getOptimalDFTSize(rows), cv2.getOptimalDFTSize(columns))
    frequency = np.log2(np.maximum(_frequencies(shape, scope.width), 1e-9))
    waves = [np.fft.rfft2(plane, shape) for plane in _planes(relief)]
    planes = []
    for row in range(3):
        # Beyond the lowest and the highest band the gain is theirs.
        mixed = sum(
            waves[column]
            * np.interp(frequency.ravel(), np.log2(scope.centres), gains[:, row, column])
            .reshape(frequency.shape)
            .astype(np.float32)
            for column in range(row + 1)
        )
        planes.append(np.fft.irfft2(mixed, shape)[:rows, :columns])
    return np.asarray(np.stack(planes, axis=-1) @ COLOURS.T, np.float32)


def _gains(have: NDArray[np.float64], wanted: NDArray[np.float64], together: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(b, 3, 3) lower triangles that turn planes of one power into those of another.

    Where bands tell, (b,) together, colours get their shares of lightness, and of one another, anew.
    """
    before, after = (np.sqrt(np.maximum(np.diagonal(each, axis1=1, axis2=2), 0)) for each in (have, wanted))
    known = (before > 0) & (after > 0)
    factors = np.ones_like(before)
    factors[known] = np.clip(after[known] / before[known], 1 / LARGEST_GAIN, LARGEST_GAIN)
    gains = factors[:, :, None] * np.eye(3)
    for band in np.flatnonzero(together & known.all(axis=1)):
        now, then = (
            _whitened(each[band] / np.outer(size[band], size[band])) for each, size in ((have, before), (wanted, after))
        )
        change = then @ np.linalg.inv(now)
        gains[band] = factors[band][:, None] * before[band][:, None] * change / before[band]
    return np.asarray(gains)


def _whitened(correlation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lower triangle that makes such correlations of none."""
    return np.asarray(np.linalg.cholesky(0.99 * correlation + 0.01 * np.eye(3)))


def _planes(values: Layers) -> Layers:
    """(3, h, w) of (h, w, 3)."""
    return np.ascontiguousarray(np.moveaxis(values @ PLANES.T, -1, 0))


def _frequencies(shape: tuple[int, int], width: float) -> NDArray[np.float64]:
    """(r, c // 2 + 1) cycles a palm width of a real transform's coefficients."""
    return np.asarray(width * np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])))
