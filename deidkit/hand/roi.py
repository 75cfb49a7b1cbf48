"""Placement and extraction of the palm's region of interest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.errors import SampleError
from deidkit.hand.warp import cut
from deidkit.protocols import ROI_SIZE, GreyImage, Hand, Image, RoiRule, option

MOST_OUTSIDE = 0.3
"""Largest share of a region outside of the picture (the rejection rule of PalmNet's localizer: Genovese et al.,
IEEE Trans. Inf. Forensics Security 14(12):3160, 2019)."""

MOST_FORESHORTENED = 0.1
"""Least ratio of a palm's shorter to its longer extent; below it, the palm is seen edge-on and has no region."""

Points = Mapping[int, NDArray[np.float64]]
"""Number of a keypoint -> (2,) x y."""


MEAN_HAND = {
    0: (0.0, 0.0), 1: (31.6, -19.3), 5: (22.4, -97.9), 9: (0.0, -100.0), 13: (-20.1, -93.7), 17: (-39.1, -80.8),
    6: (27.8, -132.3), 10: (-1.4, -138.9), 14: (-26.0, -129.1), 18: (-48.3, -106.6),
}  # fmt: skip
"""Keypoints of a mean right palm with its fingers up, x to the right, y down, in hundredths of the palm's length: mean
of 52 photographs of 22 people, aligned by similarity transforms of their palms."""

_PALM = (0, 1, 5, 9, 13, 17)
"""Keypoints that move rigidly with the palm."""


@dataclass
class ValleyRule(RoiRule):
    """A square below the line between two finger valleys, sized by their distance, on the hand or on a mean hand.

    The valleys between index and middle finger and between ring and little finger are taken from the keypoints: from
    the midpoint of the two knuckles, `position` of the way to the midpoint of the two joints above. The square's near
    edge lies `offset` from the line, towards the wrist, and its side is `side`, both in units of the distance.

    Published rules of this form:

    - Liang et al., "PKLNet", IEEE J. Sel. Top. Signal Process. 17(3):662, 2023: the default
    - Aykut & Ekinci, as in PalmNet: offset=0.2, side=1.4
    - on the midpoints between knuckles: position=0, offset=0.4, side=1.2
    - on the outer knuckles, as in the package palm-roi: points=knuckles, offset=-0.2, side=1.1

    Valleys, and with them the square, move when fingers are spread. Therefore the square is placed on a mean hand and
    mapped to the hand by the affine map between the palms (least squares): a palm is nearly planar, and an affine map
    models a distant plane at any tilt. With `fit=valleys` the hand's own valleys are used, as published.
    """

    offset: float = option(0.15, "Distance of the near edge from the line, towards the wrist", minimum=-2, maximum=2)
    side: float = option(1.2, "Side of the square", minimum=0.1, maximum=5)
    position: float = option(0.45, "Where a valley lies between knuckles (0) and next joints (1)", minimum=0, maximum=1)
    points: Literal["valleys", "knuckles"] = option(
        "valleys", "The line's ends: finger valleys, or the knuckles of index and little finger"
    )
    fit: Literal["palm", "valleys"] = option(
        "palm", "What the square follows: the whole palm, however the fingers are spread, or the line's ends alone"
    )
    version: str = field(default="2", init=False)

    def corners(self, hand: Hand, image: Image) -> NDArray[np.float32]:
        """Corners of the square, or of its affine image; see `deidkit.protocols.RoiRule.corners`.

        Raises:
            SampleError: The keypoints coincide or are collinear: the direction is undefined.
        """
        own = {number: np.asarray(point, np.float64) for number, point in enumerate(hand.keypoints)}
        if self.fit == "valleys":
            return self._square(own)
        return _mapped_to_hand(self._square({number: np.array(point) for number, point in MEAN_HAND.items()}), own)

    def _square(self, points: Points) -> NDArray[np.float32]:
        first, second = self._valley(points, 5, 9), self._valley(points, 13, 17)
        if self.points == "knuckles":
            first, second = points[5], points[17]
        return square_below(first, second, points[0], self.offset, self.side, "wrist")

    def _valley(self, points: Points, one: int, other: int) -> NDArray[np.float64]:
        knuckles, joints = (points[one] + points[other]) / 2, (points[one + 1] + points[other + 1]) / 2
        return np.asarray(knuckles + self.position * (joints - knuckles))


def _mapped_to_hand(square: NDArray[np.float32], hand: Points) -> NDArray[np.float32]:
    """Map a square from the mean hand to a hand, by the affine map between their palms."""
    mean = np.array([[*MEAN_HAND[number], 1.0] for number in _PALM])
    palm = np.array([hand[number] for number in _PALM])
    if not np.isfinite(palm).all():
        raise SampleError("the palm's keypoints are not finite numbers")
    affine = np.linalg.lstsq(mean, palm, rcond=None)[0]
    stretch = np.linalg.svd(affine[:2], compute_uv=False)
    if not stretch[1] > MOST_FORESHORTENED * stretch[0]:
        raise SampleError("the palm's keypoints coincide or lie on a line")
    corners = np.column_stack([square, np.ones(4)]) @ affine
    is_mirrored = np.linalg.det(affine[:2]) < 0
    return np.asarray(corners[[1, 0, 3, 2]] if is_mirrored else corners, np.float32)


def square_below(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    below: NDArray[np.float64],
    offset: float,
    side: float,
    landmark: str,
) -> NDArray[np.float32]:
    """A square next to the line between two finger valleys, sized by their distance.

    Args:
        first: (2,) one valley, x y in pixels.
        second: (2,) the other.
        below: (2,) a point on the palm's side of the line.
        offset: Distance of the near edge from the line, in parts of the valleys' distance.
        side: Side of the square, in the same unit.
        landmark: Name of `below` for the error message.

    Returns:
        (4, 2) float32: top left, top right, bottom right, bottom left seen with the fingers up.

    Raises:
        SampleError: The valleys coincide, or `below` is on their line: the direction is undefined.
    """
    line = second - first
    distance = float(np.linalg.norm(line))
    if not np.isfinite(distance) or distance < 1:
        raise SampleError("the finger valleys coincide")
    down = np.array([-line[1], line[0]]) / distance
    towards = float(down @ (below - (first + second) / 2))
    if not abs(towards) >= 0.1 * distance:
        raise SampleError(f"the {landmark} lies on the line of the finger valleys")
    down *= np.sign(towards)
    right = np.array([down[1], -down[0]])
    near = (first + second) / 2 + offset * distance * down
    half, edge = right * side * distance / 2, down * side * distance
    return np.array([near - half, near + half, near + half + edge, near - half + edge], np.float32)


def warp_roi(image: Image, corners: NDArray[np.float32], hand: Hand) -> GreyImage:
    """Cut a region of interest out of a picture.

    All regions are normalised to a right palm with its fingers up: the index finger's side is on the right; others are
    mirrored. The keypoints decide, not `hand.handedness`, which is a classifier's output: two pictures of one palm must
    never differ by mirroring.

    Args:
        image: (height, width, 3) uint8 RGB.
        corners: (4, 2) as a `RoiRule` gives them.
        hand: The hand they were made from.

    Returns:
        (128, 128) uint8, each pixel the mean of the area it covers; black outside the picture.

    Raises:
        SampleError: More than 30 % of the region lies outside the picture.
    """
    return np.asarray(cv2.cvtColor(warp_colours(image, corners, hand), cv2.COLOR_RGB2GRAY), np.uint8)


def warp_colours(image: Image, corners: NDArray[np.float32], hand: Hand) -> Image:
    """Colour version of `warp_roi`: (128, 128, 3) uint8 RGB, with the same arguments and errors."""
    outside = outside_share(corners, image.shape[1], image.shape[0])
    if outside > MOST_OUTSIDE:
        raise SampleError(
            f"more than {MOST_OUTSIDE:.0%} of the palm region lies outside the picture".replace("%", " %")
        )
    roi = cut(image, corners, ROI_SIZE)
    return np.asarray(cv2.flip(roi, 1), np.uint8) if is_mirrored(corners, hand) else roi


def is_mirrored(corners: NDArray[np.float32], hand: Hand) -> bool:
    """Whether `warp_roi` mirrors a hand's region, so that it looks like a right palm."""
    across = corners[1] - corners[0]
    return float(across @ (hand.keypoints[5] - hand.keypoints[17])) < 0


def outside_share(corners: NDArray[np.float32], width: int, height: int) -> float:
    """Share of a convex region outside of a picture, 0..1."""
    region = np.asarray(corners, np.float32)
    frame = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    area = abs(cv2.contourArea(region))
    if not area > 0:
        return 1.0
    shared, _ = cv2.intersectConvexConvex(region, frame)
    return float(np.clip(1 - shared / area, 0, 1))
