"""A relief of lines and grain in a hand's own colours, octave by octave."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.protocols import Mask
from deidkit_engines.resynth.grain import directions_of, grained, woven
from deidkit_engines.resynth.levels import contrast, looked_up, mapped, some, standard
from deidkit_engines.resynth.pyramid import COLOURS, PLANES, Layer, Layers, level_masks, pyramid

FEWEST = 64
"""Pixels of an octave below which nothing can be said of its colours."""
QUANTILES = np.concatenate([[0.002, 0.01, 0.03], np.linspace(0.08, 0.92, 15), [0.97, 0.99, 0.998]])
"""Where two distributions are brought together."""
CONTRASTS = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
"""Quantiles of the contrast at which two octaves are brought together: calm skin, and lines."""
LARGEST_GAIN = 1.7
"""How much the contrast of a place may be raised or lowered; more makes clumps of grain."""
CLASSES, CLASS_PIXELS = 4, 200
"""Degrees of contrast for which colour is described, and pixels that each of them needs."""
LIT, FLANK = 0.4, 0.004
"""How light a flank is, in parts of a line's darkness, and how far from its middle, in palm widths."""
FLUSH, FLUSHED = 0.15, 0.12
"""How much weaker grain is, as a logarithm, where skin is redder by a standard deviation, and up to which wavelength in
palm widths."""


SHARPNESS, SHARPNESS_REACH, SHARP = 0.15, 0.3, 0.04
"""Standard deviation of the logarithm of how strong fine features are from place to place, over how much of a palm
width it stays the same, and their longest wavelength: pressed, worn and defocused skin is smoother."""


@dataclass(frozen=True)
class Octave:
    """What is known of one octave of a hand's relief: no place, only how its values are spread.

    In calm skin colour goes its own way, for it is blood; in lines it goes with lightness, for they are shadows.

    Attributes:
        quantiles: (q,) of lightness, at `QUANTILES`.
        contrasts: (c,) of its contrast, at `CONTRASTS`.
        degrees: (k,) mean contrast of each class, rising.
        mixing: (k, 2, 3) what makes the two differences of colour of lightness and of two noises, for each class.
    """

    quantiles: NDArray[np.float32]
    contrasts: NDArray[np.float32]
    degrees: NDArray[np.float32]
    mixing: NDArray[np.float32]

    @classmethod
    def measured(cls, values: Layers, inside: Mask) -> Octave:
        """Measure (h, w, 3) planes of an octave where a mask is."""
        planes = some(values, inside)
        strength = some(contrast(values[..., 0]), inside)
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
        """(h, w, 3) planes of an octave whose lightness is given.

        Args:
            light: (h, w) float32.
            noises: (h, w, 2) float32 of standard deviation 1.
        """
        mixing = looked_up(contrast(light), self.degrees, self.mixing.reshape(len(self.mixing), 6))
        red, blue = (
            mixing[..., at] * light + mixing[..., at + 1] * noises[..., 0] + mixing[..., at + 2] * noises[..., 1]
            for at in (0, 3)
        )
        return np.stack([light, red, blue], axis=-1)


class Relief:
    """Gives drawn lines, with grain, the colours and contrasts of a hand's relief.

    Args:
        rest: (h, w, 3) float32, the hand's colours (logarithms) above its base, 0 beyond the hand.
        measured: (h, w) where its octaves are looked at.
        width: Of the palm in pixels.
    """

    def __init__(self, rest: Layers, measured: Mask, width: float) -> None:
        own = pyramid(rest @ PLANES.T, width)
        self._width, self._coarsest = width, own[-1].shape
        self._masks = level_masks(measured, len(own) - 1)
        self._octaves = [
            Octave.measured(values, inside) if np.count_nonzero(inside) >= FEWEST else None
            for values, inside in zip(own[:-1], self._masks, strict=True)
        ]

    def of(self, lines: Layer, rng: np.random.Generator) -> Layers:
        """A relief of lines.

        Args:
            lines: (h, w) float32, how dark they are.
            rng: For the grain.

        Returns:
            (h, w, 3) float32, to be added to the base.
        """
        drawn = pyramid(_lit(lines, self._width, rng) - lines, self._width)
        # Octaves of one noise, not noises of their own: of those, each would lose to its neighbours what they share.
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
            noises = standard(grain[level], inside)
            if wave < FLUSHED:
                noises *= np.exp(np.float32(-FLUSH) * np.clip(standard(blood, inside), -2, 2))[..., None]
            fine = woven(noises[..., 0], directions, wave, inside)
            light = grained(standard(drawn[level], inside), fine, wave, inside)
            light = _evened(light, octave.contrasts, inside)
            if wave < SHARP:
                light = light * cv2.resize(sharpness, inside.shape[::-1], interpolation=cv2.INTER_CUBIC)
            light = mapped(light, np.quantile(some(light, inside), QUANTILES), octave.quantiles)
            coloured = octave.coloured(light, noises[..., 1:])
            made += coloured
            if wave >= FLUSHED:
                blood += coloured[..., 1] - octave.mixing[:, 0, 0].mean() * light
        return np.asarray(made @ COLOURS.T, np.float32)


def _sharpness(shape: tuple[int, ...], width: float, rng: np.random.Generator) -> Layer:
    """(r, c) how strong fine features are, 1 in the middle."""
    size = [max(round(2 * side / (SHARPNESS_REACH * width)), 2) for side in shape]
    soft = 2 * cv2.GaussianBlur(rng.standard_normal(size, np.float32), (0, 0), 0.56)
    return np.asarray(np.exp(np.float32(SHARPNESS) * soft), np.float32)


def _enlarged(coarser: Layers, size: tuple[int, ...]) -> Layers:
    """An octave's values at the size of the next finer one."""
    return np.asarray(cv2.pyrUp(coarser, dstsize=size), np.float32)


def _lit(lines: Layer, width: float, rng: np.random.Generator) -> Layer:
    """How much lighter flanks of lines are that face the light, and darker those that turn away."""
    angle = rng.uniform(0, 2 * np.pi)
    reach = FLANK * width * np.array([np.cos(angle), np.sin(angle)])
    there, back = (
        cv2.warpAffine(
            lines, np.column_stack([np.eye(2), sign * reach]), lines.shape[::-1], borderMode=cv2.BORDER_REFLECT
        )
        for sign in (1, -1)
    )
    return np.asarray(LIT * (there - back), np.float32)


def _evened(light: Layer, wanted: NDArray[np.float32], inside: Mask) -> Layer:
    """Raise and lower the contrast from place to place until it is distributed as is wanted, up to a factor."""
    strength = contrast(light)
    have = np.quantile(some(strength, inside), CONTRASTS)
    gains = np.maximum(wanted / np.maximum(have, 1e-6), 1e-6)
    gains = np.clip(gains / np.exp(np.log(gains).mean()), 1 / LARGEST_GAIN, LARGEST_GAIN)
    return light * looked_up(strength, have, gains[:, None])[..., 0]
