"""The relief of a new palm: lines and grain, octave by octave, with a hand's own contrasts and colours."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.protocols import Mask
from deidkit_engines.resynth.grain import directional, directions_of, mixed_with_grain
from deidkit_engines.resynth.levels import contrast, interpolated, mapped, sampled, standardized
from deidkit_engines.resynth.pyramid import Layer, Layers, colours_of, level_masks, planes_of, pyramid

FEWEST = 64
"""Fewest pixels of an octave from which its statistics are measured."""
QUANTILES = np.concatenate([[0.002, 0.01, 0.03], np.linspace(0.08, 0.92, 15), [0.97, 0.99, 0.998]])
"""Quantiles at which the distribution of lightness is matched."""
CONTRASTS = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
"""Quantiles at which the distribution of local contrast is matched, from smooth skin to lines."""
LARGEST_GAIN = 1.7
"""Largest gain or attenuation of local contrast; more makes clumps of grain."""
CLASSES, CLASS_PIXELS = 4, 200
"""Most classes of contrast for which colour is modelled, and pixels that each needs."""
FLANK_LIGHT, FLANK_DISTANCE = 0.4, 0.004
"""Lightness of a line's lit flank relative to the line's darkness, and its distance from the line in palm widths."""
FLUSH, FLUSHED = 0.15, 0.12
"""Log attenuation of grain for each standard deviation of redness, and longest wavelength it applies to, in palm
widths."""
SHARPNESS, SHARPNESS_REACH, SHARP = 0.15, 0.3, 0.04
"""Standard deviation of a random log gain of fine features from place to place, its correlation length, and the longest
wavelength it applies to, both in palm widths: pressed, worn and defocused skin is smoother."""


@dataclass(frozen=True)
class Octave:
    """Statistics of one octave of a hand's relief, without positions.

    Colour is modelled for several classes of contrast: in smooth skin it varies independently of lightness, with blood
    flow; in lines, which are shadows, it follows lightness.

    Attributes:
        quantiles: (q,) float32 lightness at `QUANTILES`.
        contrasts: (c,) float32 local contrast at `CONTRASTS`.
        degrees: (k,) float32 mean contrast of each class, ascending.
        mixing: (k, 2, 3) float32, for each class, weights of lightness and two noises in the two colour differences.
    """

    quantiles: NDArray[np.float32]
    contrasts: NDArray[np.float32]
    degrees: NDArray[np.float32]
    mixing: NDArray[np.float32]

    @classmethod
    def measured(cls, values: Layers, inside: Mask) -> Octave:
        """Measure (h, w, 3) planes of an octave within a mask."""
        planes = sampled(values, inside)
        strength = sampled(contrast(values[..., 0]), inside)
        degrees, mixing = [], []
        classes = min(max(len(strength) // CLASS_PIXELS, 1), CLASSES)
        for part in np.array_split(np.argsort(strength), classes):
            spread = np.cov(planes[part].T)
            slopes = spread[1:, 0] / max(spread[0, 0], 1e-12)
            left = spread[1:, 1:] - np.outer(slopes, slopes) * spread[0, 0]
            degrees.append(strength[part].mean())
            mixing.append(np.column_stack([slopes, np.linalg.cholesky(left + 1e-12 * np.eye(2))]))
        return cls(
            np.quantile(planes[:, 0] - planes[:, 0].mean(), QUANTILES).astype(np.float32),
            np.quantile(strength, CONTRASTS).astype(np.float32),
            np.array(degrees, np.float32),
            np.array(mixing, np.float32),
        )

    def coloured(self, light: Layer, noises: Layers) -> Layers:
        """Add colour: (h, w, 3) planes of an octave from its lightness.

        Args:
            light: (h, w) float32.
            noises: (h, w, 2) float32 of standard deviation 1.
        """
        mixing = interpolated(contrast(light), self.degrees, self.mixing.reshape(len(self.mixing), 6))
        red, blue = (
            mixing[at] * light + mixing[at + 1] * noises[..., 0] + mixing[at + 2] * noises[..., 1] for at in (0, 3)
        )
        return np.asarray(cv2.merge([light, red, blue]), np.float32)


class Relief:
    """Turns drawn lines into a relief with a hand's contrasts, colours and grain.

    Args:
        rest: (h, w, 3) float32, logarithms of the hand's colours minus its base, 0 outside the hand.
        measured: (h, w) bool, where the hand's octaves are measured.
        width: Palm width in pixels.
    """

    def __init__(self, rest: Layers, measured: Mask, width: float) -> None:
        own = pyramid(planes_of(rest), width)
        self._width, self._coarsest = width, own[-1].shape
        self._masks = level_masks(measured, len(own) - 1)
        self._octaves = [
            Octave.measured(values, inside) if np.count_nonzero(inside) >= FEWEST else None
            for values, inside in zip(own[:-1], self._masks, strict=True)
        ]

    def of(self, lines: Layer, rng: np.random.Generator) -> Layers:
        """The relief of drawn lines.

        Args:
            lines: (h, w) float32 darkness, as returned by `draw_palm`.
            rng: Random stream for the grain.

        Returns:
            (h, w, 3) float32, to be added to the base.
        """
        drawn = pyramid(_flank_shading(lines, self._width, rng) - lines, self._width)
        # Octaves of one noise: independent noises would lose power where neighbouring octaves overlap.
        grain = pyramid(rng.standard_normal((*lines.shape, 3), np.float32), self._width)
        directions = directions_of(lines.shape, self._width, rng)
        sharpness = _sharpness(lines.shape, self._width, rng)
        made = np.zeros(self._coarsest, np.float32)
        blood = np.zeros_like(made[..., 0])
        for level in reversed(range(len(self._octaves))):
            octave, inside, wave = self._octaves[level], self._masks[level], 3 * 2**level / self._width
            made, blood = (_enlarged(coarser, inside.shape[::-1]) for coarser in (made, blood))
            if octave is None:
                continue
            noises = standardized(grain[level], inside)
            if wave < FLUSHED:
                noises *= np.exp(np.float32(-FLUSH) * np.clip(standardized(blood, inside), -2, 2))[..., None]
            fine = directional(noises[..., 0], directions, wave, inside)
            light = mixed_with_grain(standardized(drawn[level], inside), fine, wave, inside)
            light = _contrast_matched(light, octave.contrasts, inside)
            if wave < SHARP:
                light = light * cv2.resize(sharpness, inside.shape[::-1], interpolation=cv2.INTER_CUBIC)
            light = mapped(light, np.quantile(sampled(light, inside), QUANTILES), octave.quantiles)
            coloured = octave.coloured(light, noises[..., 1:])
            made += coloured
            if wave >= FLUSHED:
                blood += coloured[..., 1] - octave.mixing[:, 0, 0].mean() * light
        return colours_of(made)


def _sharpness(shape: tuple[int, ...], width: float, rng: np.random.Generator) -> Layer:
    """(r, c) random gain of fine features, with median 1."""
    size = [max(round(2 * side / (SHARPNESS_REACH * width)), 2) for side in shape]
    soft = 2 * cv2.GaussianBlur(rng.standard_normal(size, np.float32), (0, 0), 0.56)
    return np.asarray(np.exp(np.float32(SHARPNESS) * soft), np.float32)


def _enlarged(coarser: Layers, size: tuple[int, ...]) -> Layers:
    """An octave's values at the size of the next finer one."""
    return np.asarray(cv2.pyrUp(coarser, dstsize=size), np.float32)


def _flank_shading(lines: Layer, width: float, rng: np.random.Generator) -> Layer:
    """(h, w) shading of the flanks of lines: positive where they face a random light, negative where they turn away."""
    angle = rng.uniform(0, 2 * np.pi)
    reach = FLANK_DISTANCE * width * np.array([np.cos(angle), np.sin(angle)])
    there, back = (
        cv2.warpAffine(
            lines, np.column_stack([np.eye(2), sign * reach]), lines.shape[::-1], borderMode=cv2.BORDER_REFLECT
        )
        for sign in (1, -1)
    )
    return np.asarray(FLANK_LIGHT * (there - back), np.float32)


def _contrast_matched(light: Layer, wanted: NDArray[np.float32], inside: Mask) -> Layer:
    """Match the distribution of local contrast, apart from its overall level."""
    strength = contrast(light)
    have = np.quantile(sampled(strength, inside), CONTRASTS)
    gains = np.maximum(wanted / np.maximum(have, 1e-6), 1e-6)
    gains = np.clip(gains / np.exp(np.log(gains).mean()), 1 / LARGEST_GAIN, LARGEST_GAIN)
    return np.asarray(light * interpolated(strength, have, gains[:, None])[0], np.float32)
