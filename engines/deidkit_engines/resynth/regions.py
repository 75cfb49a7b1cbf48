"""The regions that are replaced: one for each palm of a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.errors import SampleError
from deidkit.hand import ValleyRule, palm_region
from deidkit.protocols import Hand, HandImage, Mask

_Kind = TypeVar("_Kind", np.uint8, np.float32)
RegionName = Literal["region", "whole", "paper", "program"]


@dataclass(frozen=True)
class Margins:
    """How far a region reaches beyond the square that recognizers crop, in sides of the square; the blend lies there.

    Attributes:
        above: Towards the fingers.
        beside: On each side.
        below: Towards the wrist.
    """

    above: float = 0.0
    beside: float = 0.0
    below: float = 0.0


MARGINS: dict[str, Margins] = {"region": Margins(0.08, 0.08, 0.08), "whole": Margins(0.11, 0.45, 0.3)}
"""Margins of the regions that are larger than a published polygon."""

SURROUNDINGS = 0.12
"""Width of the border around the region that is included in its window, in palm widths."""

ROI_WIDTHS = 0.97
"""Side of the square that recognizers crop, in palm widths; gives the scale of a ready ROI."""


@dataclass(frozen=True)
class PalmRegion:
    """One palm to be replaced.

    Attributes:
        window: Rows and columns of the picture that contain the region and a border around it.
        region: (h, w) bool within the window, the pixels that may change.
        core: (h, w) bool within the window, the part of the region that recognizers crop; the whole region if there is
            no such part.
        skin: (h, w) bool within the window, the hand mask.
        square: (4, 2) float64 x y in pixels of the window, corners of the square that recognizers crop: first the two
            at the fingers, of which the second is on the thumb's side. The picture's corners for a ready ROI.
        keypoints: (21, 2) float64 x y in pixels of the window; None for a ready ROI.
        width: Palm width in pixels, from the knuckle of the index finger to that of the little finger.
        hand: The hand as detected in the picture; None for a ready ROI.
    """

    window: tuple[slice, slice]
    region: Mask
    core: Mask
    skin: Mask
    square: NDArray[np.float64]
    keypoints: NDArray[np.float64] | None
    width: float
    hand: Hand | None

    def binned(self, step: int) -> PalmRegion:
        """The palm in a picture reduced by `binned`."""
        region, core, skin = (
            binned(mask.astype(np.float32), step) > 0.5 for mask in (self.region, self.core, self.skin)
        )
        keypoints = None if self.keypoints is None else self.keypoints / step
        rows, columns = region.shape
        window = (slice(0, rows), slice(0, columns))
        scaled = self.square / step
        return PalmRegion(window, region, core, skin, scaled, keypoints, self.width / step, self.hand)


def binned(values: NDArray[_Kind], step: int) -> NDArray[_Kind]:
    """Means over squares of pixels; incomplete squares at the right and the bottom are dropped.

    Args:
        values: (h, w) or (h, w, 3) uint8 or float32.
        step: Side of the squares.
    """
    rows, columns = (side // step for side in values.shape[:2])
    whole = values[: rows * step, : columns * step]
    return np.asarray(cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA), values.dtype)


def palm_regions(image: HandImage, name: RegionName) -> list[PalmRegion]:
    """Every palm of a picture that is to be replaced.

    Where two overlap, the overlap belongs to the hand detected with more confidence.

    Args:
        image: A picture of hands, or a palm region that is already cropped, which is replaced as a whole.
        name: ``paper`` or ``program`` for the published polygons; ``region`` for the first of them joined with the
            square that recognizers crop and a margin; ``whole`` for the palm from edge to edge.

    Returns:
        The regions; none for a hand whose palm lies entirely within that of another.

    Raises:
        SampleError: A palm would remain unchanged: no hand was detected, keypoints of a visible palm are missing, a
            palm lies outside the hand mask, or the finger valleys of a hand coincide.
    """
    shape = image.pixels.shape[:2]
    if image.sample.kind == "roi":
        everything = np.ones(shape, bool)
        whole = (slice(0, shape[0]), slice(0, shape[1]))
        square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float64) * shape[::-1]
        return [PalmRegion(whole, everything, everything, everything, square, None, max(shape) / ROI_WIDTHS, None)]
    image.palm_mask()
    skin = image.hand_mask()
    free = skin.copy()
    found, missing = [], 0
    for hand in image.hands:
        corners = ValleyRule().corners(hand, image.pixels).astype(np.float64)
        read = _filled(corners, Margins(), shape)
        outline = palm_region(hand, name if name in ("paper", "program") else "paper", shape)
        if name in MARGINS:
            outline |= _filled(corners, MARGINS[name], shape)
        own = free & outline
        free &= ~own
        missing += not (skin & outline).any()
        if own.any():
            found.append(_cut_out(own, read, skin, corners, hand))
    if missing:
        which = f"{missing} of {len(image.hands)} palms do" if len(image.hands) > 1 else "the palm does"
        raise SampleError(f"{which} not lie within the hand's mask")
    return found


def _filled(corners: NDArray[np.float64], margins: Margins, shape: tuple[int, ...]) -> Mask:
    """(height, width) bool, a square with margins."""
    right, down = corners[1] - corners[0], corners[3] - corners[0]
    beside = margins.beside * np.outer([-1, 1, 1, -1], right)
    corners = corners + beside + np.outer([-margins.above, -margins.above, margins.below, margins.below], down)
    filled = np.zeros(shape[:2], np.uint8)
    # The origin of keypoints is the picture's corner, that of OpenCV the centre of the first pixel.
    cv2.fillConvexPoly(filled, np.round((corners - 0.5) * 16).astype(np.int32), 1, shift=4)
    return filled.astype(bool)


def _cut_out(own: Mask, read: Mask, skin: Mask, corners: NDArray[np.float64], hand: Hand) -> PalmRegion:
    points = hand.keypoints.astype(np.float64)
    if (corners[1] - corners[0]) @ (points[5] - points[17]) < 0:
        corners = corners[[1, 0, 3, 2]]
    width = max(float(np.hypot(*(points[5] - points[17]))), 1.0)
    reach = int(SURROUNDINGS * width) + 2
    rows, columns = (np.flatnonzero(own.any(axis=axis)) for axis in (1, 0))
    top, left = max(int(rows[0]) - reach, 0), max(int(columns[0]) - reach, 0)
    window = (slice(top, int(rows[-1]) + 1 + reach), slice(left, int(columns[-1]) + 1 + reach))
    core = own & read
    core = core if core.any() else own
    masks = own[window], core[window], skin[window]
    return PalmRegion(window, *masks, corners - [left, top], points - [left, top], width, hand)
