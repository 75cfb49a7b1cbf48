"""A palm of many pixels: painted in a smaller picture, and laid on in strips with the hand's finest grain."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from deidkit.protocols import Image
from deidkit_engines.resynth.canvas import Canvas, FullCanvas, Style, logarithms, pixels_of
from deidkit_engines.resynth.drawing import NewPalm
from deidkit_engines.resynth.levels import mapped
from deidkit_engines.resynth.pyramid import COARSEST, COLOURS, PLANES, Layers, level_masks, pyramid
from deidkit_engines.resynth.regions import PalmRegion
from deidkit_engines.resynth.relief import FEWEST, QUANTILES, Octave
from deidkit_engines.resynth.spectrum import FINEST_SOFTNESS

MOST = 2_000_000
"""Pixels of a window up to which a palm is painted in the picture itself; no line of a larger one is finer."""
NARROWEST = 256
"""Shorter side of a window that is painted small, in pixels."""
MEASURED = 1024
"""Side of the square in the palm's middle where the finest grain is measured."""
STRIP, OVERLAP = 64, 8
"""Rows of a strip, and of grain that is made on both sides of it for its averages, in pixels of the smaller picture."""
LOOKED_AT = 8
"""Every how many pixels, in rows and columns, noise is looked at to tell how it is distributed."""


class LargeCanvas(Canvas):
    """A canvas for more than `MOST` pixels; time and memory grow with them only as in copying a picture.

    Lines, colours and all but the finest octaves are painted in a picture of at most `MOST` pixels. Finer than its
    pixels is grain alone, of the strength and colours that the hand's own has. Arguments are those of `Canvas`.
    """

    def __init__(self, pixels: Image, palm: PalmRegion, style: Style) -> None:
        super().__init__(pixels, palm, style)
        octaves = 1
        while palm.region.size > MOST * 4**octaves:
            octaves += 1
        self._step = 2**octaves
        self._small = self.sketch(self._step)
        self._octaves = _finest(pixels, palm, octaves)

    def _painted(self, new: NewPalm, amplitudes: np.random.Generator, grain: np.random.Generator) -> Image:
        coat = self._small.coat(new, amplitudes, grain)
        copy = self.pixels.copy()
        for rows, fine in self._grain(grain):
            region = self._palm.region[rows]
            if region.any():
                columns = region.shape[1]
                covered = (np.clip(_enlarged(coat.share, rows, columns, self._step), 0, 1) * region)[..., None]
                colours = logarithms(self.pixels[rows])
                colours += covered * (_enlarged(coat.colours, rows, columns, self._step) + fine - colours)
                copy[rows] = np.where(covered > 0, pixels_of(colours), copy[rows])
        return copy

    def _grain(self, rng: np.random.Generator) -> Iterator[tuple[slice, Layers]]:
        """Rows of the window, strip by strip, and the finest grain of each."""
        height, width = self._palm.region.shape
        strip, overlap = STRIP * self._step, OVERLAP * self._step
        noise = rng.standard_normal((strip + 2 * overlap, width, 3), np.float32)
        for top in range(0, height, strip):
            yield slice(top, min(top + strip, height)), self._fine(noise)[overlap:][: min(strip, height - top)]
            noise[: 2 * overlap] = noise[strip:]
            noise[2 * overlap :] = rng.standard_normal((strip, width, 3), np.float32)

    def _fine(self, noise: Layers) -> Layers:
        """(h, w, 3) The finest octaves of a relief, made of noise."""
        bands = pyramid(noise, _width_of(len(self._octaves)))
        made = np.zeros_like(bands[-1])
        for band, octave in reversed(list(zip(bands, self._octaves, strict=False))):
            made = np.asarray(cv2.pyrUp(made, dstsize=band.shape[1::-1]), np.float32)
            if octave is not None:
                band /= band[::LOOKED_AT, ::LOOKED_AT].std(axis=(0, 1))
                light, have = band[..., 0], np.quantile(band[::LOOKED_AT, ::LOOKED_AT, 0], QUANTILES)
                made += octave.coloured(mapped(light, have, octave.quantiles), band[..., 1:])
        return np.asarray(made @ (FINEST_SOFTNESS * COLOURS.T), np.float32)


def _finest(pixels: Image, palm: PalmRegion, octaves: int) -> list[Octave | None]:
    """So many octaves of a hand's relief, in the middle of the palm; None where there is too little to be measured."""
    left, top, width, height = cv2.boundingRect(palm.core.astype(np.uint8))
    sides = zip((top + height // 2, left + width // 2), palm.core.shape, strict=True)
    starts = [min(max(middle - MEASURED // 2, 0), max(side - MEASURED, 0)) for middle, side in sides]
    box = (slice(starts[0], starts[0] + MEASURED), slice(starts[1], starts[1] + MEASURED))
    bands = pyramid(logarithms(pixels[box]) @ PLANES.T, _width_of(octaves))[:-1]
    masks = level_masks(palm.core[box], len(bands))
    return [
        Octave.measured(band, inside) if np.count_nonzero(inside) >= FEWEST else None
        for band, inside in zip(bands, masks, strict=True)
    ]


def _width_of(octaves: int) -> float:
    """Width of a palm whose relief is so many octaves."""
    return float(1.9 * 2**octaves / COARSEST)


def _enlarged(values: Layers, rows: slice, columns: int, step: int) -> Layers:
    """Rows of a smaller picture's values in a larger one; at its end, where they are missing, the last are repeated."""
    first, last = max(rows.start // step - 2, 0), min(-(-rows.stop // step) + 2, len(values))
    part = values[first:last]
    large = cv2.resize(part, (step * part.shape[1], step * part.shape[0]), interpolation=cv2.INTER_CUBIC)
    large = large[rows.start - first * step : rows.stop - first * step]
    missing = (rows.stop - rows.start - large.shape[0], columns - large.shape[1])
    return np.asarray(cv2.copyMakeBorder(large, 0, missing[0], 0, missing[1], cv2.BORDER_REPLICATE), np.float32)


def canvas_of(pixels: Image, palm: PalmRegion, style: Style) -> Canvas:
    """What a palm is painted on, by how many pixels it has."""
    large = palm.region.size > MOST and min(palm.region.shape) >= NARROWEST
    return (LargeCanvas if large else FullCanvas)(pixels, palm, style)
