"""Geometry of the model's input: the hand's crop, the example squares, and the palm mask to be repainted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.hand import palm_region
from deidkit.hand.palm import KEYPOINTS
from deidkit.protocols import Hand, HandImage, Image, Mask, PalmVariant

EXEMPLAR_SIDE = 128
"""Side, in pixels, to which example squares are warped before they are resized to the model's input."""

EXEMPLARS = {"f": 1.0, "m": 0.5, "s": 0.1}
"""Example square -> its side relative to the full palm's square, with the same centre."""

MARGIN = 1.1
"""Side of the hand's crop relative to the square around its box, since detected boxes cut off finger tips."""


@dataclass(frozen=True)
class Square:
    """An axis-aligned square of pixels, which may extend beyond the picture."""

    x: int
    y: int
    side: int

    def cut(self, pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
        """The covered part of a picture, resized to `size` pixels; border pixels are repeated."""
        return resized(self._covered(pixels), size)

    def cut_mask(self, mask: Mask, size: int) -> Mask:
        """The covered part of a mask, resized to `size`: True where at least half is set; borders as in `cut`."""
        return np.asarray(resized(self._covered(mask.view(np.uint8)) * np.uint8(255), size) >= 128)

    def _covered(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        rows, columns = self.inside(pixels.shape)
        part = pixels[rows, columns]
        above, below = rows.start - self.y, self.y + self.side - rows.stop
        left, right = columns.start - self.x, self.x + self.side - columns.stop
        if not any((above, below, left, right)):
            return part
        return np.asarray(cv2.copyMakeBorder(part, above, below, left, right, cv2.BORDER_REPLICATE), np.uint8)

    def inside(self, shape: tuple[int, ...]) -> tuple[slice, slice]:
        """The covered rows and columns of the picture."""
        return (
            slice(max(self.y, 0), max(min(self.y + self.side, shape[0]), 0)),
            slice(max(self.x, 0), max(min(self.x + self.side, shape[1]), 0)),
        )


class Part(Protocol):
    """One region to be repainted, and its conversion to the model's input and back."""

    def picture(self, pixels: Image, size: int) -> Image:
        """The model's input picture, (size, size, 3) uint8."""

    def mask(self, size: int) -> Mask:
        """The part of it to be repainted, (size, size) bool."""

    def exemplar(self, pixels: Image, name: str, size: int) -> Image:
        """One of `EXEMPLARS`, (size, size, 3) uint8."""

    def put(self, painted: Image, output: Image) -> None:
        """Paste the model's output into a copy of the original."""


@dataclass(frozen=True)
class Region:
    """One hand of one picture, or a whole palm region; see `Part`.

    Attributes:
        crop: What the model sees.
        full: The square around the palm (fROI).
        palm: (height, width) bool, repainted.
        paste: (height, width) bool, taken from the model's picture.
    """

    crop: Square
    full: Square
    palm: Mask
    paste: Mask

    def picture(self, pixels: Image, size: int) -> Image:
        """The hand's crop."""
        return self.crop.cut(pixels, size)

    def mask(self, size: int) -> Mask:
        """The palm within the crop."""
        return self.crop.cut_mask(self.palm, size)

    def exemplar(self, pixels: Image, name: str, size: int) -> Image:
        """One example square, warped to 128 pixels first."""
        side = max(1, round(self.full.side * EXEMPLARS[name]))
        offset = (self.full.side - side) // 2
        return resized(Square(self.full.x + offset, self.full.y + offset, side).cut(pixels, EXEMPLAR_SIDE), size)

    def put(self, painted: Image, output: Image) -> None:
        """Paste the model's output within `paste`; all other pixels stay unchanged."""
        square = self.crop
        rows, columns = square.inside(output.shape)
        enlarged = resized(painted, square.side)[
            rows.start - square.y : rows.stop - square.y, columns.start - square.x : columns.stop - square.x
        ]
        cv2.copyTo(enlarged, self.paste[rows, columns].view(np.uint8), output[rows, columns])


def regions(image: HandImage, pasted_over: Literal["hand", "palm"] = "hand") -> list[Region]:
    """All palms of a picture that are to be repainted.

    Of several hands each takes from the model only what no other hand's palm claims, so that no palm is pasted over
    with a picture in which it was not repainted.

    Args:
        image: A picture of hands, or a palm region already cut out, which is repainted as a whole.
        pasted_over: What is taken from the model's picture: the hand, as published, or the palm alone.

    Raises:
        SampleError: No hand was found.
    """
    shape = image.pixels.shape[:2]
    if image.sample.kind == "roi":
        whole = _around(np.array([[0, 0], [shape[1], shape[0]]], np.float32), 1.0)
        everything = np.ones(shape, bool)
        return [Region(whole, _within(whole, shape), everything, everything)]
    palms, hands = image.palm_mask(), image.hand_mask()
    claimed = [palms & palm_region(hand, image.palm, shape) for hand in image.hands]
    found, taken = [], np.zeros(shape, bool)
    for hand, palm in zip(image.hands, claimed, strict=True):
        own = palm & ~taken
        taken |= palm
        if not own.any():
            continue
        crop = hand_square(hand)
        paste = own
        if pasted_over == "hand":
            paste = np.zeros(shape, bool)
            paste[crop.inside(shape)] = hands[crop.inside(shape)]
            for other in claimed:
                paste &= ~other | own
        found.append(Region(crop, _within(palm_square(hand, image.palm), shape), own, paste))
    return found


def hand_square(hand: Hand) -> Square:
    """The square around a hand with a margin; it may extend beyond the picture."""
    points = np.concatenate([hand.keypoints, hand.box.reshape(2, 2)])
    return _around(points, MARGIN)


def palm_square(hand: Hand, variant: PalmVariant) -> Square:
    """The smallest square around the keypoints that bound the palm; it may extend beyond the picture."""
    return _around(hand.keypoints[list(KEYPOINTS[variant])], 1.0)


def pasted(original: Image, painted: Sequence[Image], parts: Sequence[Part]) -> Image:
    """(h, w, 3) uint8: the original with the model's outputs, one square of any size for each part, pasted in."""
    output = original.copy()
    for picture, part in zip(painted, parts, strict=True):
        part.put(picture, output)
    return output


def resized(pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Resize a square picture: area averaging when shrinking, cubic interpolation when enlarging."""
    if pixels.shape[0] == size:
        return pixels
    method = cv2.INTER_AREA if pixels.shape[0] > size else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, (size, size), interpolation=method), np.uint8)


def _around(points: NDArray[np.float32], factor: float) -> Square:
    """The smallest square around points, scaled about its centre."""
    low, high = points.min(axis=0), points.max(axis=0)
    side = max(2, int(np.ceil(float((high - low).max()) * factor)))
    x, y = np.round((low + high) / 2 - side / 2).astype(int)
    return Square(int(x), int(y), side)


def _within(square: Square, shape: tuple[int, int]) -> Square:
    """The square shifted into the picture as far as possible."""
    side = min(square.side, *shape)
    x = min(max(square.x + (square.side - side) // 2, 0), shape[1] - side)
    y = min(max(square.y + (square.side - side) // 2, 0), shape[0] - side)
    return Square(x, y, side)
