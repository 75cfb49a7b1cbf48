"""An original prepared for comparison with other pictures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from deidkit.leakage.measuring import FRAME, Likeness, Measured
from deidkit.leakage.relief import DETAIL, MINIMUM_TEXTURE, SMALL_DETAIL, Plane, Region, evened, relief
from deidkit.leakage.rings import Rings
from deidkit.leakage.sampling import Pyramid, after, grey, inverse
from deidkit.leakage.spectra import LEAST_SIDE, Strengths, strengths
from deidkit.leakage.turns import Affine, Turn
from deidkit.protocols import Image, Mask

COARSE, SEARCHED, WHOLE = 64, 32, 96
"""Length of the palm in pixels for comparing candidates and for searching, and length of the whole picture for
estimating its rotation."""

MARGIN = 0.06
"""Largest displacement of the palm from a candidate place, in parts of its length."""

_IGNORED_RIM = 0.04
"""Ignored rim of the palm, in parts of its length: segmentations differ there."""

_LEAST_VISIBLE = 0.5
"""Least visible share of a palm that was moved within its own outline."""


@dataclass(frozen=True)
class Template:
    """The original's palm at one scale."""

    size: tuple[int, int]
    to_original: Affine
    region: Region
    relief: Plane


def _bounds(mask: Mask) -> tuple[int, int, int, int]:
    """Bounding box of a mask: left, top, right and bottom, the latter two exclusive."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _length(box: tuple[int, int, int, int]) -> int:
    return max(box[2] - box[0], box[3] - box[1])


class Reference:
    """An original whose palm is searched for; create it once per original and use it for all of its copies.

    Args:
        original: (h, w, 3) uint8.
        palm: (h, w) bool; None if unknown: the whole picture is then judged. A palm shorter than `SEARCHED` pixels
            counts as unknown: it shows no creases, and searching for it would enlarge the picture.
    """

    def __init__(self, original: Image, palm: Mask | None) -> None:
        self.original = original
        known = palm is not None and palm.any() and _length(_bounds(palm)) >= SEARCHED
        self.palm = palm if known else None
        self._mask = np.ones(original.shape[:2], dtype=bool) if self.palm is None else self.palm
        self.box = _bounds(self._mask)
        self.length = _length(self.box)
        self.pyramid = Pyramid(grey(original))

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of the original."""
        return self.original.shape[0], self.original.shape[1]

    def template(self, length: int) -> Template:
        """The palm, `length` pixels long."""
        left, top, right, bottom = self.box
        scale = length / self.length
        size = max(8, round((bottom - top) * scale)), max(8, round((right - left) * scale))
        to_original = np.array([[1 / scale, 0, left], [0, 1 / scale, top]])
        mask = cv2.resize(
            self._mask[top:bottom, left:right].astype(np.float32), size[::-1], interpolation=cv2.INTER_AREA
        )
        rim = 2 * max(1, round(_IGNORED_RIM * length)) + 1
        inner = cv2.erode(mask, np.ones((rim, rim), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0.99
        region = Region(inner if inner.any() else mask > 0)
        coarsest = DETAIL if length == FRAME else SMALL_DETAIL
        return Template(size, to_original, region, region.detail(self.pyramid.sampled(to_original, size), coarsest))

    @cached_property
    def frame(self) -> Template:
        """The palm at the scale of measurement."""
        return self.template(FRAME)

    @cached_property
    def plane(self) -> Plane:
        """(h, w) float32 grey values of the frame."""
        return self.pyramid.sampled(self.frame.to_original, self.frame.size)

    @cached_property
    def measured(self) -> Measured:
        """The palm, or the whole picture if no palm is known."""
        return Measured(self.plane, self.frame.region, self.frame.to_original, of_cells=self.palm is None)

    @cached_property
    def coarse(self) -> Template:
        """The palm at the scale at which candidates are compared."""
        return self.template(COARSE)

    @cached_property
    def searched(self) -> Template:
        """The palm at the scale at which it is searched for."""
        return self.template(SEARCHED)

    @cached_property
    def rings_in_outline(self) -> Rings:
        """The palm in polar coordinates about its middle; positions are relative to the corner of `coarse`."""
        template = self.coarse
        rows, columns = np.nonzero(template.region.mask)
        middle = np.array([columns.mean() + 0.5, rows.mean() + 0.5])
        reach = float(np.hypot(columns + 0.5 - middle[0], rows + 0.5 - middle[1]).max())
        return Rings(self.seen_in_outline(self.pyramid, self.shape), middle, reach)

    def seen_in_outline(self, picture: Pyramid, size: tuple[int, int]) -> Plane:
        """Sample a picture of the given (height, width) where the original's palm was, like `rings_in_outline`."""
        template = self.coarse
        place = after(Turn().affine(self.shape, size), template.to_original)
        return template.region.evened(picture.sampled(place, template.size))

    @cached_property
    def rings_of_picture(self) -> Rings:
        """The whole picture, `WHOLE` pixels long, in polar coordinates about its middle."""
        step = max(self.shape) / WHOLE
        size = max(8, round(self.shape[0] / step)), max(8, round(self.shape[1] / step))
        plane = evened(relief(self.pyramid.sampled(np.array([[step, 0, 0], [0, step, 0]]), size)))
        return Rings(plane, np.array([size[1] / 2, size[0] / 2]), min(size) / 2)

    @cached_property
    def strengths(self) -> Strengths:
        """Spectral magnitudes of the palm's bounding box."""
        left, top, right, bottom = self.box
        return strengths(grey(self.original[top:bottom, left:right]))

    def strengths_kept(self, copy: Image) -> float:
        """Correlation of spectral magnitudes, -1..1; 0 for a copy of another size, or a small or unknown palm."""
        if self.palm is None or copy.shape != self.original.shape:
            return 0.0
        left, top, right, bottom = self.box
        if min(right - left, bottom - top) < LEAST_SIDE:
            return 0.0
        place = slice(top, bottom), slice(left, right)
        return self.strengths.alike(strengths(grey(copy[place]), self.palm[place]))

    @property
    def chance(self) -> float:
        """Correlation of the detail that the palm may reach by chance over all searched placements, 0..1."""
        return self.measured.chance

    def best_placement(self, picture: Pyramid, affine: Affine) -> tuple[float, Affine]:
        """Best correlation, with its sign, within `MARGIN` of a place, and its place."""
        template = self.coarse
        margin = round(MARGIN * COARSE)
        size = template.size[0] + 2 * margin, template.size[1] + 2 * margin
        window = picture.sampled(after(affine, _shifted(template.to_original, -margin, -margin)), size)
        surface = masked_correlation(relief(window), template.relief, template.region.weight)
        best = np.unravel_index(int(np.abs(surface).argmax()), surface.shape)
        dy, dx = int(best[0]) - margin, int(best[1]) - margin
        step = template.to_original[0, 0]
        return float(surface[best]), _shifted(affine, dx * step, dy * step)

    def likeness(self, picture: Pyramid, affine: Affine) -> Likeness:
        """Measure a place that `best_placement` found."""
        return self.measured.likeness(picture, affine)

    def likeness_in_outline(self, picture: Pyramid, size: tuple[int, int], affine: Affine) -> Likeness | None:
        """Measure only the part of the palm that the place maps into the palm's outline.

        Returns:
            None if that part is too small, or no palm is known.
        """
        if self.palm is None:
            return None
        frame = self.frame
        moved = after(inverse(Turn().affine(self.shape, size)), after(affine, frame.to_original))
        moved[:, 2] += moved[:, :2] @ [0.5, 0.5] - 0.5
        flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
        outline = cv2.warpAffine(self.palm.astype(np.uint8), moved, frame.size[::-1], flags=flags)
        rim = 2 * max(1, round(_IGNORED_RIM * FRAME)) + 1
        part = frame.region.mask & (cv2.erode(outline, np.ones((rim, rim), np.uint8)) > 0)
        if np.count_nonzero(part) < _LEAST_VISIBLE * frame.region.count:
            return None
        return Measured(self.plane, Region(part), frame.to_original).likeness(picture, affine)


def _shifted(affine: Affine, dx: float, dy: float) -> Affine:
    """The map with its domain shifted by (dx, dy)."""
    result = affine.copy()
    result[:, 2] += affine[:, :2] @ [dx, dy]
    return result


def masked_correlation(seen: Plane, template: Plane, weight: Plane) -> Plane:
    """Normalised cross-correlation of a masked template with every place of a relief.

    Only pixels within the mask count: the edge of the hand beside the palm would dominate.

    Args:
        seen: (h, w) relief of a picture.
        template: (k, l) relief, 0 outside of the mask.
        weight: (k, l) float32 mask.

    Returns:
        (h - k + 1, w - l + 1) float32.
    """
    product = cv2.matchTemplate(seen, template, cv2.TM_CCORR)
    energy = cv2.matchTemplate(seen * seen, weight, cv2.TM_CCORR)
    spread = np.maximum(energy, float(weight.sum()) * MINIMUM_TEXTURE**2)
    norm = max(float(np.linalg.norm(template)), 1e-6)
    return np.asarray(product / (norm * np.sqrt(spread)), dtype=np.float32)
