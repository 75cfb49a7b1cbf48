"""Crops the network's input frame from a picture, and maps results back.

Coordinates are continuous, as everywhere in deidkit: the top left corner is (0, 0), pixel centres lie at halves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.errors import SampleError
from deidkit.protocols import Hand, Image

View = Literal["hand", "picture"]
MARGIN = 0.2
"""Margin around the keypoints on each side, relative to the hand's extent."""


@dataclass(frozen=True)
class Frame:
    """Rotation by quarter turns, crop and resize from a picture to the network's input.

    Attributes:
        turns: Quarter turns counterclockwise before anything else.
        shape: Height and width of the picture.
        source: x0 y0 x1 y1 of the part that is used, in the turned picture.
        target: Where that part lies in the frame; the rest of the frame is black.
        size: Height and width of the frame.
    """

    turns: int
    shape: tuple[int, int]
    source: tuple[int, int, int, int]
    target: tuple[int, int, int, int]
    size: tuple[int, int]

    def cut(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Extract the frame from a picture.

        Args:
            image: (h, w) or (h, w, 3) uint8 of this frame's `shape`.

        Returns:
            `size`, or `size` and 3, uint8; each pixel the mean of the area it covers where the picture is finer.
        """
        x0, y0, x1, y1 = self.source
        u0, v0, u1, v1 = self.target
        part = np.ascontiguousarray(np.rot90(image, self.turns)[y0:y1, x0:x1])
        shrinks = u1 - u0 < x1 - x0
        scaled = cv2.resize(part, (u1 - u0, v1 - v0), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        seen = np.zeros((*self.size, *image.shape[2:]), np.uint8)
        seen[v0:v1, u0:u1] = scaled
        return seen

    def to_picture(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Map (n, 2) points of the frame to the picture."""
        (x0, y0, x1, y1), (u0, v0, u1, v1) = self.source, self.target
        scale = np.array([(x1 - x0) / (u1 - u0), (y1 - y0) / (v1 - v0)])
        return _turned((np.asarray(points, np.float64) - [u0, v0]) * scale + [x0, y0], self._turned_shape, -self.turns)

    def from_picture(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Map (n, 2) points of the picture to the frame."""
        (x0, y0, x1, y1), (u0, v0, u1, v1) = self.source, self.target
        scale = np.array([(u1 - u0) / (x1 - x0), (v1 - v0) / (y1 - y0)])
        turned = _turned(np.asarray(points, np.float64), self.shape, self.turns)
        return np.asarray((turned - [x0, y0]) * scale + [u0, v0])

    def field(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Resample a map on the frame to the picture.

        Args:
            values: (a, b) float32 over the whole frame, of any resolution.

        Returns:
            The picture's shape, float32, interpolated; -1 outside the part that was seen.
        """
        (x0, y0, x1, y1), (u0, v0, u1, v1) = self.source, self.target
        fine = cv2.resize(values, self.size[::-1], interpolation=cv2.INTER_LINEAR)[v0:v1, u0:u1]
        whole = np.full(self._turned_shape, -1, np.float32)
        whole[y0:y1, x0:x1] = cv2.resize(fine, (x1 - x0, y1 - y0), interpolation=cv2.INTER_LINEAR)
        return np.ascontiguousarray(np.rot90(whole, -self.turns))

    @property
    def _turned_shape(self) -> tuple[int, int]:
        return self.shape if self.turns % 2 == 0 else (self.shape[1], self.shape[0])


def frame(image: Image, hand: Hand, view: View, size: tuple[int, int], margin: float = MARGIN) -> Frame:
    """Choose the frame for the network.

    Args:
        image: (h, w, 3) uint8.
        hand: The hand to frame; used by the view ``hand`` only.
        view: ``picture``: all of it, a landscape picture turned a quarter clockwise, fitted and padded, as published.
            ``hand``: the part around the hand, turned by quarters until the fingers point up, fitted and padded.
        size: Height and width of the frame.
        margin: Margin around the keypoints in the view ``hand``.

    Raises:
        SampleError: The hand lies outside the picture.
    """
    height, width = image.shape[:2]
    if view == "picture":
        turns = -1 if width > height else 0
        box = np.array([0, 0, width, height] if turns == 0 else [0, 0, height, width], np.float64)
    else:
        turns = _upright(hand)
        points = _turned(hand.keypoints.astype(np.float64), (height, width), turns)
        low, high = points.min(axis=0), points.max(axis=0)
        room = margin * float((high - low).max())
        box = np.concatenate([low - room, high + room])
    if not np.isfinite(box).all() or (box[2:] - box[:2] < 1).any():
        raise SampleError("the hand has no extent")
    turned = (height, width) if turns % 2 == 0 else (width, height)
    scale = min(size[1] / (box[2] - box[0]), size[0] / (box[3] - box[1]))
    # The box in the middle of the frame, then as much of the picture as the frame has room for.
    corner = (box[:2] + box[2:]) / 2 - np.array([size[1], size[0]]) / scale / 2
    source_low = np.maximum(np.floor(corner), 0)
    source_high = np.minimum(np.ceil(corner + np.array([size[1], size[0]]) / scale), [turned[1], turned[0]])
    target_low = np.clip(np.round((source_low - corner) * scale), 0, [size[1], size[0]])
    target_high = np.clip(np.round((source_high - corner) * scale), 0, [size[1], size[0]])
    if (source_high - source_low < 1).any() or (target_high - target_low < 1).any():
        raise SampleError("the hand lies outside the picture")
    return Frame(turns % 4, (height, width), _ints(source_low, source_high), _ints(target_low, target_high), size)


def _upright(hand: Hand) -> int:
    """Quarter turns counterclockwise after which the middle finger points up."""
    x, y = hand.keypoints[9] - hand.keypoints[0]
    return int(np.argmax([-y, x, y, -x]))


def _turned(points: NDArray[np.float64], shape: tuple[int, int], turns: int) -> NDArray[np.float64]:
    """Points of a picture after `numpy.rot90` of it."""
    height, width = shape
    for _ in range(turns % 4):
        points = np.stack([points[:, 1], width - points[:, 0]], axis=1)
        height, width = width, height
    return points


def _ints(low: NDArray[np.float64], high: NDArray[np.float64]) -> tuple[int, int, int, int]:
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])
