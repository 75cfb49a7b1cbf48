"""A relief that has a hand's own amplitudes: band by band, colour by colour."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.protocols import Mask

Layer = NDArray[np.float32]
Layers = NDArray[np.float32]

FEWEST = 64
"""Pixels of a band below which nothing can be said of its amplitude."""
COARSEST = 0.7
"""Longest wavelength of a relief, in palm widths; what is longer is light and colour."""
QUANTILES = np.concatenate([[0.002, 0.01, 0.03], np.linspace(0.08, 0.92, 15), [0.97, 0.99, 0.998]])
"""Where two distributions are brought together."""
NOISE = ((0.0, 0.95), (0.010, 0.75), (0.02, 0.45), (0.05, 0.3), (0.12, 0.35), (0.3, 0.5))
"""Wavelength in palm widths -> the share of a band's energy that is no line but grain, noise and mottled blood."""


@dataclass(frozen=True)
class Band:
    """What is known of one octave of a hand's relief.

    Attributes:
        colours: (3, 3) columns: directions in colour, the one with most energy first, pointing to lighter.
        quantiles: (q,) of the first one's values.
        spreads: (2,) standard deviations of the others.
        spread: Standard deviation of the lightness that a relief is to have.
    """

    colours: NDArray[np.float64]
    quantiles: NDArray[np.float64]
    spreads: NDArray[np.float64]
    spread: float


def pyramid(values: Layers, levels: int) -> list[Layers]:
    """Octaves of a picture, the finest first, and what is coarser (Burt & Adelson 1983)."""
    bands = []
    for _ in range(levels):
        coarse = cv2.pyrDown(values)
        bands.append(values - cv2.pyrUp(coarse, dstsize=values.shape[1::-1]))
        values = coarse
    return [*bands, values]


def collapsed(bands: list[Layers]) -> Layers:
    """The picture of a pyramid."""
    values = bands[-1]
    for band in bands[-2::-1]:
        values = band + cv2.pyrUp(values, dstsize=band.shape[1::-1])
    return values


def levels_for(shape: tuple[int, ...], width: float) -> int:
    """Octaves from the pixels to `COARSEST`."""
    wanted = int(np.ceil(np.log2(max(COARSEST * width / 2, 1))))
    return int(np.clip(min(wanted, np.log2(max(min(shape[:2]), 1)) - 1), 1, 9))


def relief_like(rest: Layers, base: Layers, measured: Mask, lines: Layer, width: float, rng: np.random.Generator) -> Layers:
    """Draw a relief with a hand's own amplitudes.

    Args:
        rest: (h, w, 3) the hand's colours above its base, 0 beyond the hand.
        base: (h, w, 3).
        measured: (h, w) where the amplitudes are taken.
        lines: (h, w) how dark the lines are that it is to have.
        width: Of the palm in pixels.
        rng: For grain.
    """
    levels = levels_for(rest.shape, width)
    own, smooth, drawn = pyramid(rest, levels), pyramid(base, levels), pyramid(-lines, levels)
    masks = [measured]
    for _ in range(levels - 1):
        masks.append(cv2.pyrDown(masks[-1].astype(np.float32)) > 0.75)
    made, wanted = [], []
    for level in range(levels):
        inside = masks[level]
        if np.count_nonzero(inside) < FEWEST:
            made.append(np.zeros_like(own[level]))
            wanted.append(0.0)
            continue
        band = _band(_some(own[level], inside), _some(smooth[level], inside))
        wanted.append(band.spread)
        share = float(np.interp(3 * 2**level / width, *zip(*NOISE, strict=True)))
        first = np.float32(np.sqrt(1 - share)) * _scaled(drawn[level], inside)
        first += np.float32(np.sqrt(share)) * _grain(rng, inside, level)
        out = _mapped(first, np.quantile(_some(first, inside), QUANTILES), band.quantiles)[..., None] * band.colours[:, 0]
        for n, spread in enumerate(band.spreads):
            out += (spread * _grain(rng, inside, level))[..., None] * band.colours[:, n + 1]
        made.append(out)
    made.append(np.zeros_like(own[-1]))
    # Bands overlap: what one octave lends its neighbours is taken back.
    again = pyramid(collapsed(made), levels)
    for level, (want, inside) in enumerate(zip(wanted, masks, strict=True)):
        have = float(_some(again[level], inside).sum(axis=1).std() / np.sqrt(3)) if want else 0.0
        again[level] *= np.float32(np.clip(want / max(have, 1e-6), 0.5, 2.0))
    return collapsed(again)


def _some(values, inside):
    """At most some thousands of a mask's values."""
    found = values[inside]
    return found[:: max(1, len(found) // 20000)]


def _band(values, smooth) -> Band:
    cov = np.cov(values.T)
    energy, directions = np.linalg.eigh(cov)
    directions = directions[:, ::-1] * np.where(directions[:, ::-1].sum(0) < 0, -1, 1)
    energy = np.maximum(energy[::-1], 0)
    whole = np.var((values + smooth) @ directions[:, 0])
    left = max(whole - np.var(smooth @ directions[:, 0]), 0.05 * whole)
    gain = np.clip(np.sqrt(left / max(energy[0], 1e-12)), 0.3, 1.7)
    projected = (values - values.mean(0)) @ directions[:, 0]
    spread = float(gain * values.sum(axis=1).std() / np.sqrt(3))
    f = np.float32
    return Band(directions.astype(f), (gain * np.quantile(projected, QUANTILES)).astype(f), np.sqrt(energy[1:]).astype(f), spread)


def _mapped(values: Layer, have, want) -> Layer:
    """A monotone map of values, by a table."""
    table = np.interp(np.linspace(have[0], have[-1], 512), have, want).astype(np.float32)
    at = (values - np.float32(have[0])) * np.float32(511 / max(have[-1] - have[0], 1e-9))
    return table[np.clip(at, 0, 511).astype(np.int16)]


def _scaled(values: Layer, inside: Mask) -> Layer:
    some = _some(values, inside)
    return (values - some.mean()) / max(some.std(), np.float32(1e-6))


def _grain(rng: np.random.Generator, inside: Mask, level: int) -> Layer:
    """Noise of a pyramid's band, of unit variance."""
    noise = rng.standard_normal(inside.shape, np.float32)
    if min(inside.shape) < 4:
        return noise
    if level == 0:  # cameras and JPEG leave little at the finest pixels
        noise = cv2.GaussianBlur(noise, (0, 0), 0.6)
    return _scaled(noise - cv2.pyrUp(cv2.pyrDown(noise), dstsize=noise.shape[::-1]), inside)
