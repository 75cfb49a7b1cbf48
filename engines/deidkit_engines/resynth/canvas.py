"""One palm of one picture, prepared once and painted for each seed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import cv2
import numpy as np

from deidkit.protocols import Image
from deidkit_engines.resynth.base import base_of, depth_of, ramp
from deidkit_engines.resynth.clouds import Clouds
from deidkit_engines.resynth.drawing import NewPalm, draw_palm
from deidkit_engines.resynth.form import Form
from deidkit_engines.resynth.ink import ink_on
from deidkit_engines.resynth.marks import spots_of
from deidkit_engines.resynth.pyramid import Layer, Layers, lightness_of
from deidkit_engines.resynth.regions import PalmRegion, binned
from deidkit_engines.resynth.relief import Relief
from deidkit_engines.resynth.shadow import shadow_of
from deidkit_engines.resynth.spectrum import Spectroscope, matched

BLEND = 0.8
"""Width of the blend with the original, as a share of the distance from the region's border to the square that
recognizers crop; beyond it nothing of the original is left."""
WIDEST_BLEND = 0.3
"""Largest width of the blend, in palm widths. A narrow blend shows as a crescent in the thumb web and removes folds at
the wrist by which 3-D keypoints are located."""
RIM = 0.022
"""Width of the blend at the hand's outline, in palm widths; the shading of the hand's edge is kept."""
MARGIN = 0.02
"""Distance from the core's border, in palm widths, beyond which the hand's own relief is measured."""
PADS_SHARE = 0.3
"""Smallest opacity of pixels in which the hand's own pads are measured."""
BACKGROUND = -1.0
"""Log lightness relative to the base below which a pixel is background in the corner of a ready ROI, not a line."""
_FLOOR = np.float32(8.0)
"""Added to grey levels before the logarithm, so that noise in dark areas is not amplified."""
_LOGARITHMS = np.log(np.arange(256, dtype=np.float32) + _FLOOR)


@dataclass(frozen=True)
class Style:
    """How a palm is painted.

    Attributes:
        lines: Depth of the lines; 1 is the hand's own.
        ageing: Share kept of the roughness by which a hand exceeds an ordinary one, 0..1.
        freckles: Share kept of the depth of freckles and moles, 0..1.
    """

    lines: float = 1.0
    ageing: float = 1.0
    freckles: float = 0.0


@dataclass(frozen=True)
class Paint:
    """Paint for a window of a picture.

    Attributes:
        colours: (h, w, 3) float32, logarithms of colour.
        share: (h, w) float32 0..1: opacity.
    """

    colours: Layers
    share: Layer


class Canvas(ABC):
    """Paints new palms on one palm of one picture; everything that does not depend on the seed is computed once.

    Args:
        pixels: (h, w, 3) uint8, the palm's window of the picture.
        palm: Where the palm is.
        style: How it is painted.
    """

    def __init__(self, pixels: Image, palm: PalmRegion, style: Style) -> None:
        self.pixels, self._palm, self._style = pixels, palm, style
        self._grey = not np.ptp(pixels, axis=2).any()

    def sketch(self, step: int) -> FullCanvas:
        """A canvas for a smaller picture whose pixels are means of step x step pixels of this one."""
        return FullCanvas(binned(self.pixels, step), self._palm.binned(step), self._style)

    def painted(self, new: NewPalm, amplitudes: np.random.Generator, grain: np.random.Generator) -> Image:
        """Paint a palm.

        Args:
            new: The palm to paint.
            amplitudes: Random stream for how its amplitudes differ from the hand's.
            grain: Random stream for all that differs between two pictures of one palm.

        Returns:
            (h, w, 3) uint8: the window; outside of the region bit for bit as it was, and grey where it was grey.
        """
        made = self._painted(new, amplitudes, grain)
        if self._grey:  # rounding may set channels apart
            made[...] = made[..., :1]
        return made

    @abstractmethod
    def _painted(self, new: NewPalm, amplitudes: np.random.Generator, grain: np.random.Generator) -> Image:
        """`painted` before channels of grey pictures are made equal."""


class FullCanvas(Canvas):
    """A canvas painted at full resolution; arguments are those of `Canvas`."""

    def __init__(self, pixels: Image, palm: PalmRegion, style: Style) -> None:
        super().__init__(pixels, palm, style)
        self._colours = logarithms(pixels)
        shadow = shadow_of(self._colours, palm)
        self._shade = np.float32(0) if shadow is None else shadow.shade
        self._colours -= self._shade
        self._base = base_of(self._colours, palm)
        rest = np.asarray((self._colours - self._base) * palm.skin[..., None], np.float32)
        self._share = _share(palm)
        seen = lightness_of(rest) > BACKGROUND
        if shadow is not None:
            seen &= ~shadow.edge
        core = palm.core & (self._share > 0.5)
        if palm.hand is not None:  # the corners of a ready ROI are background
            ink = ink_on(rest, core, palm.width)
            seen &= ~ink
            rest[ink] = 0
        depth = depth_of(core & seen)
        measured = depth > min(MARGIN * palm.width, 0.5 * float(depth.max()))
        self._relief = Relief(rest, measured, palm.width)
        self._clouds = Clouds(rest, measured, palm.width)
        self._form = Form(self._colours, rest, palm, palm.skin & (self._share > PADS_SHARE), measured)
        self._scope = Spectroscope.over(measured, palm.width)
        self._wanted = self._scope.wanted(self._colours, self._base, style.ageing) if self._scope else None
        if style.freckles:
            self._base += np.float32(style.freckles) * spots_of(self._colours, palm.width)

    def _painted(self, new: NewPalm, amplitudes: np.random.Generator, grain: np.random.Generator) -> Image:
        share = self._share[..., None]
        colours = self._colours + share * (self._skin(new, amplitudes, grain) - self._colours) + self._shade
        covered = (self._share > 0).astype(np.uint8)
        return np.asarray(cv2.copyTo(pixels_of(colours), covered, self.pixels.copy()), np.uint8)

    def paint(self, new: NewPalm, amplitudes: np.random.Generator, grain: np.random.Generator) -> Paint:
        """The paint that `painted` lays over the picture."""
        return Paint(self._skin(new, amplitudes, grain) + self._shade, self._share)

    def _skin(self, new: NewPalm, amplitudes: np.random.Generator, grain: np.random.Generator) -> Layers:
        """(h, w, 3) logarithms of colour of the new palm, without a shadow."""
        lines = draw_palm(self._palm, new)
        relief = self._relief.of(lines, grain)
        if self._scope is not None and self._wanted is not None:
            relief = matched(relief, self._scope, self._wanted.power, amplitudes)
            relief *= _deepened(lines, self._wanted.deeper)
        if self._style.lines != 1:
            relief *= _deepened(lines, self._style.lines)
        relief += self._clouds.of(grain) + self._form.of(new)[..., None]
        if self._grey:  # or faint colours would round to different channel values
            relief[...] = lightness_of(relief)[..., None]
        return self._form.limited(self._base + relief)


def _deepened(lines: Layer, factor: float) -> Layers:
    """(h, w, 1) gain of a relief: the factor on lines, 1 elsewhere."""
    return np.asarray(1 + np.float32(factor - 1) * np.clip(2 * lines, 0, 1)[..., None], np.float32)


def logarithms(pixels: Image) -> Layers:
    """(h, w, 3) float32 logarithms of uint8 colours, in which shading is additive."""
    return np.asarray(_LOGARITHMS[pixels], np.float32)


def pixels_of(colours: Layers) -> Image:
    """(h, w, 3) uint8 colours of float32 logarithms."""
    levels = np.exp(colours)
    levels -= _FLOOR
    return np.asarray(np.clip(np.rint(levels, out=levels), 0, 255, out=levels), np.uint8)


def _share(palm: PalmRegion) -> Layer:
    """(h, w) float32 0..1: opacity of the paint; 0 outside the region."""
    stays = palm.skin & ~palm.region
    share = depth_of(palm.skin) / np.float32(RIM * palm.width + 1)
    if stays.any():
        inwards = depth_of(~stays)
        blend = np.minimum(BLEND * (inwards + depth_of(~palm.core)), WIDEST_BLEND * palm.width)
        share = np.minimum(share, inwards / (blend + 1))
    return np.where(palm.region, ramp(share), np.float32(0))
