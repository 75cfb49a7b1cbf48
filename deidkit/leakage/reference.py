"""An original prepared for being looked for in other pictures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.leakage.motion import Motion
from deidkit.leakage.relief import DETAIL, MINIMUM_TEXTURE, SMALL_DETAIL, Plane, Region, correlation, gain, relief
from deidkit.leakage.rings import Rings
from deidkit.leakage.turns import Affine
from deidkit.protocols import Image, Mask

FRAME, COARSE, SEARCHED = 128, 64, 32
"""Length of the palm in pixels where it is measured, where candidates are compared, and where they are searched for."""

MARGIN = 0.06
"""How far the palm may have moved about its place, in parts of its length."""

_RIM = 0.04
"""How much of the palm's rim is left out, in parts of its length: no two segmentations agree there."""


CHANCE = 10.0
"""Standard deviations of chance beyond which a correlation (as Fisher's z) is evidence; see `deidkit.leakage`."""

LEAST_CHANCE, HIGHEST_CHANCE = 0.6, 0.9
"""Bounds of `Reference.chance`: what large and what tiny or smooth palms are held to."""

_PROMISING = 0.25
"""Correlation of the detail below which a place is not looked at more closely: chance alone reaches it."""


@dataclass(frozen=True)
class Likeness:
    """How much of the original's palm a place in another picture shows.

    Attributes:
        affine: Takes points of the original to the picture.
        detail: Correlation of creases and wrinkles, -1..1; without a palm mask that of the least similar tenth of the
            picture's cells.
        detail_gain: Factor from the original's creases to the picture's, negative where inverted.
        shading_gain: The same for the shading.
    """

    affine: Affine
    detail: float
    detail_gain: float
    shading_gain: float


class Pyramid:
    """One channel of a picture at full size, half, quarter ..., made when first needed.

    Args:
        plane: (h, w) uint8.
    """

    def __init__(self, plane: NDArray[np.uint8]) -> None:
        self._levels = [plane]

    def sampled(self, affine: Affine, size: tuple[int, int]) -> Plane:
        """What a frame sees.

        Args:
            affine: Takes points of the frame to the full picture.
            size: (height, width) of the frame.
        """
        scale = np.sqrt(abs(np.linalg.det(affine[:, :2])))
        level = max(0, int(np.floor(np.log2(max(scale, 1e-6) / 0.71))))
        while len(self._levels) <= level and min(self._levels[-1].shape) >= 2:
            last = self._levels[-1]
            half = max(1, last.shape[1] // 2), max(1, last.shape[0] // 2)
            self._levels.append(np.asarray(cv2.resize(last, half, interpolation=cv2.INTER_AREA), dtype=np.uint8))
        source = self._levels[min(level, len(self._levels) - 1)]
        full = self._levels[0].shape
        matrix = np.diag([source.shape[1] / full[1], source.shape[0] / full[0]]) @ affine
        matrix[:, 2] += matrix[:, :2] @ [0.5, 0.5] - 0.5  # OpenCV counts from the centre of the first pixel
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        sampled = cv2.warpAffine(source, matrix, size[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(sampled, dtype=np.float32)


def grey(picture: Image) -> NDArray[np.uint8]:
    """Luma of a picture."""
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


@dataclass(frozen=True)
class Template:
    """The original's palm at one scale."""

    size: tuple[int, int]
    to_original: Affine
    region: Region
    relief: Plane


def _bounds(mask: Mask) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what is True; the latter two are one beyond."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _length(box: tuple[int, int, int, int]) -> int:
    return max(box[2] - box[0], box[3] - box[1])


class Reference:
    """An original whose palm is looked for; make one for each original and use it for all of its copies.

    Args:
        original: (h, w, 3) uint8.
        palm: (h, w) bool; None where it is not known: then the whole picture is judged. One that is shorter than
            `SEARCHED` pixels counts as not known: it shows no crease, and looking for it would enlarge the picture.
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
        rim = 2 * max(1, round(_RIM * length)) + 1
        inner = cv2.erode(mask, np.ones((rim, rim), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0.99
        region = Region(inner if inner.any() else mask > 0)
        coarsest = DETAIL if length == FRAME else SMALL_DETAIL
        return Template(size, to_original, region, region.detail(self.pyramid.sampled(to_original, size), coarsest))

    @cached_property
    def frame(self) -> Template:
        """The palm at the scale where it is measured."""
        return self.template(FRAME)

    @cached_property
    def plane(self) -> Plane:
        """Grey values of the frame."""
        return self.pyramid.sampled(self.frame.to_original, self.frame.size)

    @cached_property
    def detail(self) -> Plane:
        """Creases and wrinkles of the frame."""
        return self.frame.relief

    @cached_property
    def shading(self) -> Plane:
        """Shading of the frame."""
        return self.frame.region.shading(self.plane)

    @cached_property
    def coarse(self) -> Template:
        """The palm at the scale where candidates are compared."""
        return self.template(COARSE)

    @cached_property
    def searched(self) -> Template:
        """The palm at the scale where it is searched for."""
        return self.template(SEARCHED)

    @cached_property
    def rings_about_palm(self) -> Rings:
        """The palm on circles about its own middle; positions count from the box's corner."""
        height, width = self.searched.size
        return Rings(self.searched.relief, self.searched.region.weight, np.array([width / 2, height / 2]), 128)

    @cached_property
    def rings_about_picture(self) -> Rings:
        """The palm on circles about the picture's middle."""
        unit = self.length / SEARCHED
        middle = np.array([self.shape[1] / 2 - self.box[0], self.shape[0] / 2 - self.box[1]]) / unit
        return Rings(self.searched.relief, self.searched.region.weight, middle, 256)

    @cached_property
    def motions(self) -> tuple[Motion, Motion]:
        """What measures a small motion, by the detail and by the shading."""
        mask = self.frame.region.mask
        return Motion(self.detail, mask), Motion(self.shading, mask)

    @cached_property
    def chance(self) -> float:
        """Correlation of the detail that a palm may reach by chance wherever and however it is looked for, 0..1.

        The correlation of two unrelated reliefs has a standard deviation of one over the root of the number of
        independent places, which follows from the relief's autocorrelation (Bartlett 1935). See `CHANCE`.
        """
        length = 2 * FRAME
        power = np.abs(np.fft.rfft2(self.detail, (length, length))) ** 2
        autocorrelation = np.fft.irfft2(power, (length, length))
        energy = float(autocorrelation[0, 0])
        if energy <= 0:
            return HIGHEST_CHANCE
        places = self.frame.region.count / float(((autocorrelation / energy) ** 2).sum())
        return float(np.clip(np.tanh(CHANCE / np.sqrt(places)), LEAST_CHANCE, HIGHEST_CHANCE))

    def placed(self, picture: Pyramid, affine: Affine) -> tuple[float, Affine]:
        """Best correlation (its sign kept) within `MARGIN` of a place, and that place."""
        template = self.coarse
        margin = round(MARGIN * COARSE)
        size = template.size[0] + 2 * margin, template.size[1] + 2 * margin
        window = picture.sampled(_after(affine, _shifted(template.to_original, -margin, -margin)), size)
        surface = _masked_ncc(window, template)
        best = np.unravel_index(int(np.abs(surface).argmax()), surface.shape)
        dy, dx = int(best[0]) - margin, int(best[1]) - margin
        step = template.to_original[0, 0]
        return float(surface[best]), _moved(affine, dx * step, dy * step)

    def likeness(self, picture: Pyramid, affine: Affine) -> Likeness:
        """Measure a place that `placed` found, to fractions of a pixel."""
        frame, region = self.frame, self.frame.region
        back = _inverse(frame.to_original)

        def seen(place: Affine) -> tuple[Plane, Plane, float]:
            plane = picture.sampled(_after(place, frame.to_original), frame.size)
            relief = region.detail(plane)
            return plane, relief, correlation(self.detail, relief, region.count)

        plane, relief, detail = seen(affine)
        if abs(detail) < _PROMISING:
            return Likeness(affine, detail, 0.0, 0.0)
        for motion in (self.motions[1], self.motions[0], self.motions[0]):
            band = region.shading(plane) if motion is self.motions[1] else relief
            moved = _after(affine, _after(frame.to_original, _after(motion.step(band), back)))
            better = seen(moved)
            if abs(better[2]) > abs(detail):
                affine, (plane, relief, detail) = moved, better
        if self.palm is None:
            detail = _least_similar_cells(self.detail, relief, detail)
        return Likeness(affine, detail, gain(self.detail, relief), gain(self.shading, region.shading(plane)))


def _after(outer: Affine, inner: Affine) -> Affine:
    """The affine map that applies `inner` first."""
    result = np.empty((2, 3))
    result[:, :2] = outer[:, :2] @ inner[:, :2]
    result[:, 2] = outer[:, :2] @ inner[:, 2] + outer[:, 2]
    return result


def _inverse(affine: Affine) -> Affine:
    linear = np.linalg.inv(affine[:, :2])
    return np.column_stack([linear, -linear @ affine[:, 2]])


def _shifted(to_original: Affine, dx: float, dy: float) -> Affine:
    """A frame whose first pixel lies (dx, dy) pixels further on."""
    result = to_original.copy()
    result[:, 2] += to_original[:, :2] @ [dx, dy]
    return result


def _moved(affine: Affine, dx: float, dy: float) -> Affine:
    """The same map, (dx, dy) pixels of the original further on."""
    return _shifted(affine, dx, dy)


def _masked_ncc(window: Plane, template: Template) -> Plane:
    seen = relief(window)
    product = cv2.matchTemplate(seen, template.relief, cv2.TM_CCORR)
    energy = cv2.matchTemplate(seen * seen, template.region.weight, cv2.TM_CCORR)
    spread = np.maximum(energy, template.region.count * MINIMUM_TEXTURE**2)
    norm = max(float(np.linalg.norm(template.relief)), 1e-6)
    return np.asarray(product / (norm * np.sqrt(spread)), dtype=np.float32)


_CELLS = 8
_TEXTURED = 1.0
"""Standard deviation of the detail band in grey levels from which a cell has something to compare."""


def _least_similar_cells(one: Plane, other: Plane, whole: float) -> float:
    """Correlation of the least similar tenth of the textured cells, so that a change of one part is seen."""
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
