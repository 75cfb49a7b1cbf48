"""Similarity of a palm, or a part of one, to a place in another picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import fft

from deidkit.leakage.motion import Motion
from deidkit.leakage.relief import Bands, Plane, Region, correlation, gain
from deidkit.leakage.sampling import Pyramid, after, inverse
from deidkit.leakage.turns import Affine

FRAME = 128
"""Length of the palm in pixels at the scale of measurement."""

CHANCE = 10.0
"""Standard deviations above chance (on Fisher's z scale) for evidence; see `deidkit.leakage`."""

LEAST_CHANCE, HIGHEST_CHANCE = 0.6, 0.9
"""Bounds of `Reference.chance`, for large and for tiny or smooth palms."""

_REFINED_FROM = 0.25
"""Correlation of the detail below which a place is not refined: chance alone reaches it."""


@dataclass(frozen=True)
class Likeness:
    """Similarity of the original's palm to a place in another picture.

    Attributes:
        affine: Maps points of the original to the picture.
        detail: Correlation of creases and wrinkles, -1..1; without a palm mask that of the least similar tenth of the
            picture's cells.
        measured: The palm, or part of one, that was compared.
        own: Frequency bands of the original there; None if the place was not refined.
        seen: Frequency bands of the picture there; None if the place was not refined.
    """

    affine: Affine
    detail: float
    measured: Measured = field(repr=False)
    own: Bands | None = field(default=None, repr=False)
    seen: Bands | None = field(default=None, repr=False)

    @property
    def chance(self) -> float:
        """Correlation of the detail that this palm, or part of one, may reach by chance, 0..1."""
        return self.measured.chance

    @property
    def highest_margin(self) -> float:
        """Upper bound of `margin`, without computing `chance`."""
        return abs(self.detail) - LEAST_CHANCE

    @property
    def margin(self) -> float:
        """Absolute correlation above that of chance; negative below it."""
        return abs(self.detail) - self.chance

    @property
    def detail_gain(self) -> float:
        """Gain from the original's creases to the picture's, negative if inverted; 0 if the place was not refined."""
        return 0.0 if self.own is None or self.seen is None else gain(self.own.detail, self.seen.detail)

    @property
    def shading_gain(self) -> float:
        """The same for the shading."""
        return 0.0 if self.own is None or self.seen is None else gain(self.own.shading, self.seen.shading)


class Measured:
    """A palm, or a part of one, at the scale of measurement.

    Args:
        plane: (h, w) float32 grey values of the frame.
        region: Mask of the compared pixels.
        to_original: Maps points of the frame to the original.
        of_cells: Whether the least similar cells decide, as without a palm mask.
    """

    def __init__(self, plane: Plane, region: Region, to_original: Affine, *, of_cells: bool = False) -> None:
        self._own, self._region, self._to_original, self._of_cells = Bands(region, plane), region, to_original, of_cells
        self._back = inverse(to_original)

    @cached_property
    def motions(self) -> tuple[Motion, Motion]:
        """Motion estimators on the detail and on the shading."""
        mask = self._region.mask
        return Motion(self._own.detail, mask), Motion(self._own.shading, mask)

    @cached_property
    def chance(self) -> float:
        """Correlation of the detail that a palm may reach by chance over all searched placements, 0..1.

        The correlation of two unrelated reliefs has a standard deviation of one over the square root of the number of
        independent samples, which follows from the relief's autocorrelation (Bartlett 1935). See `CHANCE`.
        """
        length = 2 * FRAME
        power = np.abs(fft.rfft2(self._own.detail, (length, length), workers=1)) ** 2
        autocorrelation = fft.irfft2(power, (length, length), workers=1)
        energy = float(autocorrelation[0, 0])
        if energy <= 0:
            return HIGHEST_CHANCE
        places = self._region.count / float(((autocorrelation / energy) ** 2).sum())
        return float(np.clip(np.tanh(CHANCE / np.sqrt(places)), LEAST_CHANCE, HIGHEST_CHANCE))

    def likeness(self, picture: Pyramid, affine: Affine) -> Likeness:
        """Measure a place, known to about two pixels of the frame, with subpixel refinement."""
        region, own = self._region, self._own
        size = region.weight.shape[0], region.weight.shape[1]

        def seen(place: Affine) -> tuple[Bands, float]:
            bands = Bands(region, picture.sampled(after(place, self._to_original), size))
            return bands, correlation(own.detail, bands.detail, region.count)

        bands, detail = seen(affine)
        if abs(detail) < _REFINED_FROM:
            return Likeness(affine, detail, self)

        def improve(motion: Motion, band: Plane) -> bool:
            nonlocal affine, bands, detail
            moved = after(affine, after(self._to_original, after(motion.step(band), self._back)))
            there, better = seen(moved)
            if abs(better) <= abs(detail):
                return False
            affine, bands, detail = moved, there, better
            return True

        by_detail, by_shading = self.motions
        improve(by_shading, bands.shading)
        if improve(by_detail, bands.detail):
            improve(by_detail, bands.detail)
        if self._of_cells:
            detail = _least_similar_cells(own.detail, bands.detail, detail)
        return Likeness(affine, detail, self, own, bands)


_CELLS = 8
_TEXTURED = 1.0
"""Standard deviation of the detail band in grey levels below which a cell is not compared."""


def _least_similar_cells(one: Plane, other: Plane, whole: float) -> float:
    """Correlation of the least similar tenth of the textured cells, so that a local change is noticed."""
    found = []
    for rows in np.array_split(np.arange(one.shape[0]), _CELLS):
        for columns in np.array_split(np.arange(one.shape[1]), _CELLS):
            a, b = one[np.ix_(rows, columns)].ravel(), other[np.ix_(rows, columns)].ravel()
            a, b = a - a.mean(), b - b.mean()
            if a.std() >= _TEXTURED:
                norm = float(np.linalg.norm(a) * np.linalg.norm(b))
                found.append(float(a @ b) / norm if norm > 0 else 0.0)
    if not found:
        return whole
    values = np.sort(np.asarray(found) * np.sign(whole))
    return float(np.sign(whole) * max(values[: max(1, len(values) // 10)].mean(), 0.0))
