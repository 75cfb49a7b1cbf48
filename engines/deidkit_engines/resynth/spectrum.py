"""Matches the radial power spectra of a drawn relief, in lightness and colour, to those of a hand."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from deidkit.protocols import Mask
from deidkit_engines.resynth.levels import interpolated
from deidkit_engines.resynth.pyramid import Layer, Layers, colours_of, planes_of

LOWEST = 1.5
"""Cycles per palm width below which everything belongs to the base."""
STEPS_AN_OCTAVE = 2
TOGETHER = 3.0
"""Cycles per palm width below which a palm holds too few waves to measure how colours correlate with lightness."""
LARGEST_GAIN = 2.5
"""Largest gain or attenuation of a band; more would only amplify noise."""
LEAST = 0.05
"""Smallest power of a relief relative to the hand's own, where the base seems to hold all of it."""
ORDINARY = ((3.0, 1.5e-5), (6.0, 6.6e-6), (12.0, 1.35e-6), (25.0, 1.3e-7), (40.0, 3.5e-8))
"""Cycles per palm width -> power density of an average hand: medians of photographs (COEP, 11K Hands) and of drawn
hands. At higher frequencies, camera noise exceeds the skin."""
SOFTNESS = ((5.0, 0.94), (10.0, 0.88), (64.0, 0.87))
"""Cycles per palm width -> amplitude of a relief relative to the hand's own. Deeper lines at other places make a copy
less similar to its picture; this reduction is not visible."""
ROUGHEST, BEYOND = 1.3, 0.4
"""Amplitude relative to an average hand beyond which a hand counts as rough, and the share (of the logarithm) of the
excess that skin between the lines keeps; lines keep all. On such hands a few folds hold most of the power; spread over
the palm it would look crumpled."""
FINEST_SOFTNESS = 0.62
"""The same as `SOFTNESS` for waves shorter than three pixels, which are mostly camera noise."""
SHAPE = 0.3
"""Share kept of the deviation of a hand's spectrum from that of an average hand, overall level aside. The full
deviation would link copies of one person."""
VARIED = 0.3
"""Standard deviation of the random log amplitude of each band, for the same reason."""
MEAN, LOUDEST = 0.05, 0.35
"""Mean of that log amplitude, which compensates for its upper limit, and the limit: palms with bands much stronger than
the hand's own look crumpled."""
VARIED_COLOUR = 0.08
"""Standard deviation of a random log amplitude of each plane, common to all bands; one for each band would break the
correlation of colour with lightness."""
TINY = 1e-12
"""Smallest power, so that the logarithm of a palm without any relief is finite."""
SMALLEST = 16
"""Shortest side of the measured box, in pixels, from which a spectrum is computed."""


@dataclass(frozen=True)
class Wanted:
    """Target of a relief.

    Attributes:
        power: (b, 3, 3) as returned by `Spectroscope.power`.
        deeper: Additional gain of lines on a rough hand, 1 or more.
    """

    power: NDArray[np.float64]
    deeper: float


@dataclass(frozen=True)
class Spectroscope:
    """Measures radial power spectra in one box of a window.

    Attributes:
        box: Rows and columns within the window.
        weight: (r, c) float32 window function, 0 at the box's border and outside the measured mask.
        band: (r, c // 2 + 1) int number of each frequency's band; 0 for those below `LOWEST`.
        centres: (b,) centre frequency of each band, in cycles per palm width.
        width: Palm width in pixels.
    """

    box: tuple[slice, slice]
    weight: Layer
    band: NDArray[np.int64]
    centres: NDArray[np.float64]
    width: float

    @classmethod
    def over(cls, measured: Mask, width: float) -> Spectroscope | None:
        """A spectroscope for the bounding box of a mask, or None where that is too small.

        Args:
            measured: (h, w) bool.
            width: Palm width in pixels.
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
        """(b, 3, 3) mean power and cross-power density of `PLANES` in each band, per squared cycle per palm width.

        Bands without a frequency have 0.
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
        return np.asarray(fft.rfft2(self.weight * (plane - np.average(plane, weights=self.weight)), workers=1))

    def wanted(self, colours: Layers, base: Layers, ageing: float) -> Wanted:
        """The target of a relief on a base: the hand's softened power minus that of the base.

        Args:
            colours: (h, w, 3) float32, logarithms of the hand's colours.
            base: (h, w, 3) float32, the base that the relief is added to.
            ageing: Share kept of the power of lightness beyond `ORDINARY`, 0..1.
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
        change = (aimed / light)[:, None]  # of colours as well, to keep their correlation with lightness
        left = np.maximum(own * change - np.diagonal(self.power(base), axis1=1, axis2=2), LEAST * own)
        strong = np.sqrt(left / np.maximum(own, TINY)) * self._softness()[:, None]
        return Wanted(together * strong[:, :, None] * strong[:, None], float(deeper))

    def _softness(self) -> NDArray[np.float64]:
        """(b,) amplitude of each band relative to the hand's own."""
        frequencies, amplitudes = np.array(SOFTNESS).T
        soft = np.interp(np.log2(self.centres), np.log2(frequencies), amplitudes)
        return np.where(self.centres > self.width / 3, FINEST_SOFTNESS, soft)


def matched(relief: Layers, scope: Spectroscope, wanted: NDArray[np.float64], identity: np.random.Generator) -> Layers:
    """Match the spectra of a relief's lightness and colour to a target, with random deviations.

    Args:
        relief: (h, w, 3) float32.
        scope: Measures its spectra.
        wanted: (b, 3, 3) target power, as returned by `Spectroscope.power`.
        identity: Random stream of the new palm, for the deviations.
    """
    have = scope.power(relief)
    gains = _gains(have, wanted, scope.centres > TOGETHER)
    varied = np.minimum(identity.normal(MEAN, VARIED, (len(gains), 1, 1)), LOUDEST)
    gains *= np.exp(varied + identity.normal(0, VARIED_COLOUR, (3, 1)))
    rows, columns = relief.shape[:2]
    shape = (cv2.getOptimalDFTSize(rows), cv2.getOptimalDFTSize(columns))
    frequency = np.log2(np.maximum(_frequencies(shape, scope.width), 1e-9)).astype(np.float32)
    # Outside the bands, the gain of the nearest band applies.
    gain = interpolated(frequency, np.log2(scope.centres), gains.reshape(-1, 9)).reshape(3, 3, *frequency.shape)
    waves = fft.rfft2(_planes(relief), shape, workers=1)
    mixed = np.stack([sum(gain[row, column] * waves[column] for column in range(row + 1)) for row in range(3)])
    planes = fft.irfft2(mixed, shape, workers=1)[:, :rows, :columns]
    return colours_of(np.asarray(cv2.merge([*planes]), np.float32))


def _gains(have: NDArray[np.float64], wanted: NDArray[np.float64], together: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(b, 3, 3) lower triangular matrices that turn planes of one power into planes of another.

    In bands where the (b,) mask `together` is set, the correlations between the planes are matched, too.
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
    """Lower triangular matrix that gives uncorrelated planes such correlations (regularized Cholesky factor)."""
    return np.asarray(np.linalg.cholesky(0.99 * correlation + 0.01 * np.eye(3)))


def _planes(values: Layers) -> Layers:
    """(3, h, w) of (h, w, 3)."""
    return np.stack(cv2.split(planes_of(values)))


def _frequencies(shape: tuple[int, int], width: float) -> NDArray[np.float64]:
    """(r, c // 2 + 1) frequencies of a real transform's coefficients, in cycles per palm width."""
    return np.asarray(width * np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])))
