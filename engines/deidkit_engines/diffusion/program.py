"""Pre- and post-processing exactly as in the published program, including its rounding.

Facts of the program of Yan et al. (arXiv 2504.08272); where its way differs from the paper's or from better practice
stands in docs/diffusion.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import PIL.Image
from numpy.typing import NDArray

from deidkit.errors import SampleError
from deidkit.hand.palm import KEYPOINTS
from deidkit.protocols import HandImage, Image, Mask
from deidkit_engines.diffusion.geometry import EXEMPLAR_SIDE, EXEMPLARS

BETWEEN = 512
"""Side, in pixels, to which examples are enlarged before they are resized to the encoder's input."""

CLOSING = (5, 2)
"""Side of the kernel that closes the hand's mask, and number of iterations."""

Box = NDArray[np.float32]
"""(4,) left, top, right, bottom in pixels."""


@dataclass(frozen=True)
class ProgramPart:
    """The first hand of a picture; see `deidkit_engines.diffusion.geometry.Part`.

    Attributes:
        crop: Rows and columns that the model sees.
        example: The box around the palm's keypoints, of which the examples are parts.
        palm: (height, width) bool, repainted.
        paste: (height, width) bool, taken from the model's picture.
    """

    crop: tuple[slice, slice]
    example: Box
    palm: Mask
    paste: Mask

    def picture(self, pixels: Image, size: int) -> Image:
        """The crop, resized by linear interpolation."""
        return _linear(pixels[self.crop], size, size)

    def mask(self, size: int) -> Mask:
        """The palm within the crop: where the linearly interpolated mask rounds to 1."""
        return _linear(self.palm[self.crop].view(np.uint8), size, size) > 0

    def exemplar(self, pixels: Image, name: str, size: int) -> Image:
        """One example: warped from a box between pixels to 128, enlarged, then cubic with antialiasing to `size`."""
        left, top, right, bottom = _shrunk(self.example, EXEMPLARS[name])
        corners = np.array([[left, top], [right, top], [left, bottom], [right, bottom]], np.float32)
        ends = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], np.float32) * EXEMPLAR_SIDE
        warped = cv2.warpPerspective(pixels, cv2.getPerspectiveTransform(corners, ends), (EXEMPLAR_SIDE, EXEMPLAR_SIDE))
        enlarged = PIL.Image.fromarray(_linear(np.asarray(warped, np.uint8), BETWEEN, BETWEEN))
        return np.asarray(enlarged.resize((size, size), PIL.Image.Resampling.BICUBIC), np.uint8)

    def put(self, painted: Image, output: Image) -> None:
        """Paste the model's output within `paste`; all other pixels stay unchanged."""
        part = output[self.crop]
        height, width = part.shape[:2]
        cv2.copyTo(_linear(painted, width, height), self.paste[self.crop].view(np.uint8), part)


def part_of_program(image: HandImage, pasted_over: Literal["hand", "palm"] = "hand") -> ProgramPart:
    """The region that the published program repaints: the first hand's palm; other hands stay unchanged.

    Args:
        image: A picture of hands, or a palm region already cut out, which is repainted as a whole.
        pasted_over: What is taken from the model's picture: the hand, as published, or the palm alone.

    Raises:
        SampleError: No hand was found, or its palm does not lie within its mask.
    """
    shape = image.pixels.shape[:2]
    whole = np.array([0, 0, shape[1], shape[0]], np.float32)
    if image.sample.kind == "roi":
        everything = np.ones(shape, bool)
        square = _square(whole, shape)
        return ProgramPart(_inside(square), square, everything, everything)
    hands = _closed(image.hand_mask())
    hand = image.hands[0]
    border = hand.keypoints[list(KEYPOINTS["program"])].astype(np.int32)  # cut off, not rounded
    polygon = cv2.fillConvexPoly(np.zeros(shape, np.uint8), border, 1).view(bool)
    palm = polygon & hands
    if not palm.any():
        raise SampleError("the palm does not lie within the hand's mask")
    around = np.concatenate([border.min(axis=0), border.max(axis=0)]).astype(np.float32)
    crop = _inside(_square(hand.box, shape))
    return ProgramPart(crop, _square(around, shape), palm, hands if pasted_over == "hand" else palm)


def _closed(mask: Mask) -> Mask:
    side, times = CLOSING
    kernel = np.ones((side, side), np.uint8)
    dilated = cv2.dilate(mask.astype(np.uint8), kernel, iterations=times)
    return np.asarray(cv2.erode(dilated, kernel, iterations=times), np.uint8).view(bool)


def _square(box: Box, shape: tuple[int, ...]) -> Box:
    """The square with a box's centre and longer side, limited to the picture's size and shifted into it."""
    side = min(max(box[2] - box[0], box[3] - box[1]), shape[1], shape[0])
    found = []
    for low, high, end in ((box[0], box[2], shape[1]), (box[1], box[3], shape[0])):
        first, last = (low + high) / 2.0 - side / 2.0, (low + high) / 2.0 + side / 2.0
        if first < 0:
            first, last = 0.0, side
        elif last > end:
            first, last = float(end) - side, float(end)
        found.append((first, last))
    (left, right), (top, bottom) = found
    return np.array([left, top, right, bottom], np.float32)


def _inside(box: Box) -> tuple[slice, slice]:
    """Rows and columns of a box, its edges truncated to whole pixels."""
    return slice(int(box[1]), int(box[3])), slice(int(box[0]), int(box[2]))


def _shrunk(box: Box, factor: float) -> Box:
    """The box with its sides shortened about the same centre."""
    left, top, right, bottom = box
    across, down = (right - left) * (1 - factor) / 2, (bottom - top) * (1 - factor) / 2
    return np.array([left + across, top + down, right - across, bottom - down], np.float32)


def _linear(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
