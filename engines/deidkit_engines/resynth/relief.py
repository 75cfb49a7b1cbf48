"""A relief of lines and grain in a hand's own colours, octave by octave."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.protocols import Mask
from deidkit_engines.resynth.pyramid import Layer, Layers, collapsed, level_masks, pyramid

FEWEST = 64
"""Pixels of an octave below which nothing can be said of its colours."""
MOST = 20_000
"""Pixels of an octave that are looked at; more would not make it more exact."""
FAINTEST = 1e-3
"""Spread of a colour, as a logarithm, that no 8-bit picture shows."""
QUANTILES = np.concatenate([[0.002, 0.01, 0.03], np.linspace(0.08, 0.92, 15), [0.97, 0.99, 0.998]])
"""Where two distributions are brought together."""
NOISE = np.array([[0.0, 0.95], [0.010, 0.75], [0.02, 0.45], [0.05, 0.2], [0.12, 0.18], [0.3, 0.25]])
"""Wavelength in palm widths -> the share of an octave's energy that is no line but grain, noise or mottled blood."""


@dataclass(frozen=True)
class OctaveColours:
    """What is known of one octave of a hand's relief: no place, only how its values are spread.

    Attributes:
        directions: (3, 3) columns: directions in colour, the one with most energy first, pointing to lighter.
        quantiles: (q,) of the first one's values, at `QUANTILES`.
        spreads: (2,) standard deviations of the others.
    """

    directions: NDArray[np.float32]
    quantiles: NDArray[np.float32]
    spreads: NDArray[np.float32]

    @classmethod
    def measured(cls, values: Layers) -> OctaveColours:
        """Measure (n, 3) values of an octave."""
        energy, directions = np.linalg.eigh(np.cov(values.T))
        directions = directions[:, ::-1] * np.where(directions[:, ::-1].sum(axis=0) < 0, -1, 1)
        spreads = np.sqrt(np.maximum(energy[1::-1], 0))
        quantiles = np.quantile((values - values.mean(axis=0)) @ directions[:, 0], QUANTILES)
        return cls(directions.astype(np.float32), quantiles.astype(np.float32), spreads.astype(np.float32))


def relief_like(rest: Layers, measured: Mask, lines: Layer, width: float, rng: np.random.Generator) -> Layers:
    """Give drawn lines, with grain, the colours and contrasts of a hand's relief.

    Args:
        rest: (h, w, 3) float32, the hand's colours (logarithms) above its base, 0 beyond the hand.
        measured: (h, w) where its octaves are looked at.
        lines: (h, w) float32, how dark the drawn lines are.
        width: Of the palm in pixels.
        rng: For the grain.

    Returns:
        (h, w, 3) float32, to be added to the base.
    """
    own = pyramid(rest, width)
    drawn = pyramid(-lines, width)
    made: list[Layers] = []
    for level, inside in enumerate(level_masks(measured, len(own) - 1)):
        if np.count_nonzero(inside) < FEWEST:
            made.append(np.zeros_like(own[level]))
            continue
        octave = OctaveColours.measured(_some(own[level], inside))
        noise = np.float32(np.interp(3 * 2**level / width, *NOISE.T))
        light = np.sqrt(1 - noise) * _standard(drawn[level], inside) + np.sqrt(noise) * _grain(rng, inside, level)
        light = _mapped(light, np.quantile(_some(light, inside), QUANTILES), octave.quantiles)
        coloured = light[..., None] * octave.directions[:, 0]
        for spread, direction in zip(octave.spreads, octave.directions.T[1:], strict=True):
            if spread > FAINTEST:
                coloured += (spread * _grain(rng, inside, level))[..., None] * direction
        made.append(coloured)
    return collapsed([*made, np.zeros_like(own[-1])])


def _some(values: NDArray[np.float32], inside: Mask) -> NDArray[np.float32]:
    """Values where a mask is, thinned out to about `MOST`."""
    found = values[inside]
    return found[:: 1 + len(found) // MOST]


def _mapped(values: Layer, have: NDArray[np.floating], want: NDArray[np.floating]) -> Layer:
    """The monotone map that takes some quantiles to others, by a table; values beyond them stay at the ends."""
    table = np.interp(np.linspace(have[0], have[-1], 512), have, want).astype(np.float32)
    at = (values - np.float32(have[0])) * np.float32(511 / max(have[-1] - have[0], 1e-9))
    return np.asarray(table[np.clip(at, 0, 511).astype(np.int16)], np.float32)


def _standard(values: Layer, inside: Mask) -> Layer:
    """Values of mean 0 and standard deviation 1 where a mask is; all 0 where they do not differ."""
    some = _some(values, inside)
    return np.asarray((values - some.mean()) / max(some.std(), np.float32(1e-6)), np.float32)


def _grain(rng: np.random.Generator, inside: Mask, level: int) -> Layer:
    """Normal noise of an octave."""
    noise = rng.standard_normal(inside.shape, np.float32)
    if level == 0:  # cameras and JPEG leave little at the finest pixels
        noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), 0.6), np.float32)
    return _standard(noise - cv2.pyrUp(cv2.pyrDown(noise), dstsize=noise.shape[::-1]), inside)
