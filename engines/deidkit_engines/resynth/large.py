"""Canvas for large palms: painted at reduced size, enlarged in strips, with the finest grain added."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from deidkit.protocols import Image
from deidkit_engines.resynth.canvas import Canvas, FullCanvas, Style, logarithms, pixels_of
from deidkit_engines.resynth.drawing import NewPalm
from deidkit_engines.resynth.levels import mapped
from deidkit_engines.resynth.pyramid import COARSEST, Layers, colours_of, level_masks, planes_of, pyramid
from deidkit_engines.resynth.regions import PalmRegion
from deidkit_engines.resynth.relief import FEWEST, QUANTILES, Octave
from deidkit_engines.resynth.spectrum import FINEST_SOFTNESS

MOST = 2_000_000
"""Most pixels of a window that is painted at full resolution; lines of larger palms need no more."""
NARROWEST = 256
"""Shortest side, in pixels, of a window that is painted at reduced size."""
MEASURED = 1024
"""Side of the square in the palm's middle where the finest grain is measured."""
STRIP, OVERLAP = 64, 8
"""Rows of a strip, and of additional grain on both sides of it for filters, in pixels of the reduced picture."""
LOOKED_AT = 8
"""Step, in rows and columns, at which noise is sampled to measure its distribution."""


class LargeCanvas(Canvas):
    """A canvas for more than `MOST` pixels, whose time and memory grow little more than those of copying a picture.

    Lines, colours and all but the finest octaves are painted at a reduced size of at most `MOST` pixels. The finest
    octaves are grain alone, as strong and of the same colours as the hand's own. Arguments are those of `Canvas`.
    """

    def __init__(self, pixels: Image, palm: PalmRegion, style: Style) -> None:
        super().__init__(pixels, palm, style)
        octaves = 1
        while palm.region.size > MOST * 4**octaves:
            octaves += 1
        self._step = 2**octaves
        self._small = self.sketch(self._step)
        self._octaves = _finest_octaves(pixels, palm, octaves)

    def _painted(self, new: NewPalm, amplitudes: np.random.Generator, grain: np.random.Generator) -> Image:
        paint = self._small.paint(new, amplitudes, grain)
        copy = self.pixels.copy()
        for rows, fine in self._grain(grain):
            region = self._palm.region[rows]
            if region.any():
                columns = region.shape[1]
                covered = (np.clip(_enlarged(paint.share, rows, columns, self._step), 0, 1) * region)[..., None]
                colours = logarithms(self.pixels[rows])
                colours += covered * (_enlarged(paint.colours, rows, columns, self._step) + fine - colours)
                copy[rows] = np.where(covered > 0, pixels_of(colours), copy[rows])
        return copy

    def _grain(self, rng: np.random.Generator) -> Iterator[tuple[slice, Layers]]:
        """Yield the window's rows strip by strip, with the finest octaves of grain of each."""
        height, width = self._palm.region.shape
        strip, overlap = STRIP * self._step, OVERLAP * self._step
        noise = rng.standard_normal((strip + 2 * overlap, width, 3), np.float32)
        for top in range(0, height, strip):
            yield slice(top, min(top + strip, height)), self._fine(noise)[overlap:][: min(strip, height - top)]
            noise[: 2 * overlap] = noise[strip:]
            noise[2 * overlap :] = rng.standard_normal((strip, width, 3), np.float32)

    def _fine(self, noise: Layers) -> Layers:
        """(h, w, 3) float32, the finest octaves of a relief, made from noise."""
        bands = pyramid(noise, _width_of(len(self._octaves)))
        made = np.zeros_like(bands[-1])
        for band, octave in reversed(list(zip(bands, self._octaves, strict=False))):
            made = np.asarray(cv2.pyrUp(made, dstsize=band.shape[1::-1]), np.float32)
            if octave is not None:
                band /= band[::LOOKED_AT, ::LOOKED_AT].std(axis=(0, 1))
                light, have = band[..., 0], np.quantile(band[::LOOKED_AT, ::LOOKED_AT, 0], QUANTILES)
                made += octave.coloured(mapped(light, have, octave.quantiles), band[..., 1:])
        return np.asarray(FINEST_SOFTNESS * colours_of(made), np.float32)


def _finest_octaves(pixels: Image, palm: PalmRegion, octaves: int) -> list[Octave | None]:
    """Statistics of the finest octaves in the middle of a palm; None for those with too few pixels."""
    left, top, width, height = cv2.boundingRect(palm.core.astype(np.uint8))
    sides = zip((top + height // 2, left + width // 2), palm.core.shape, strict=True)
    starts = [min(max(middle - MEASURED // 2, 0), max(side - MEASURED, 0)) for middle, side in sides]
    box = (slice(starts[0], starts[0] + MEASURED), slice(starts[1], starts[1] + MEASURED))
    bands = pyramid(planes_of(logarithms(pixels[box])), _width_of(octaves))[:-1]
    masks = level_masks(palm.core[box], len(bands))
    return [
        Octave.measured(band, inside) if np.count_nonzero(inside) >= FEWEST else None
        for band, inside in zip(bands, masks, strict=True)
    ]


def _width_of(octaves: int) -> float:
    """Palm width in pixels at which `pyramid` has so many octaves."""
    return float(1.9 * 2**octaves / COARSEST)


def _enlarged(values: Layers, rows: slice, columns: int, step: int) -> Layers:
    """Rows of an enlarged picture, computed from a reduced one; the last rows and columns are repeated as needed."""
    first, last = max(rows.start // step - 2, 0), min(-(-rows.stop // step) + 2, len(values))
    part = values[first:last]
    large = cv2.resize(part, (step * part.shape[1], step * part.shape[0]), interpolation=cv2.INTER_CUBIC)
    large = large[rows.start - first * step : rows.stop - first * step]
    missing = (rows.stop - rows.start - large.shape[0], columns - large.shape[1])
    return np.asarray(cv2.copyMakeBorder(large, 0, missing[0], 0, missing[1], cv2.BORDER_REPLICATE), np.float32)


def canvas_of(pixels: Image, palm: PalmRegion, style: Style) -> Canvas:
    """The canvas for a palm: `LargeCanvas` for many pixels, `FullCanvas` otherwise."""
    large = palm.region.size > MOST and min(palm.region.shape) >= NARROWEST
    return (LargeCanvas if large else FullCanvas)(pixels, palm, style)
