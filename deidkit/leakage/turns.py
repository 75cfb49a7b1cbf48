"""The eight symmetries of a rectangle, and normalisation of a copy to its original's orientation and size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.leakage.relief import blurred, clipped
from deidkit.protocols import Image

SHAPE_TOLERANCE = 0.01
"""Relative difference of the aspect ratio up to which a picture of another size counts as resized."""

_COMPARED = 64
"""Longer side, in pixels, at which quarter turns are compared."""

Affine = NDArray[np.float64]
"""(2, 3): maps a point (x, y, 1) of the original to the copy; x and y in pixels from the picture's corner."""


_Value = TypeVar("_Value", np.uint8, np.float32)


@dataclass(frozen=True)
class Turn:
    """A mirror image, or not, followed by quarter turns.

    Attributes:
        quarters: Quarter turns counter-clockwise, 0..3.
        mirrored: Whether left and right were exchanged first.
    """

    quarters: int = 0
    mirrored: bool = False

    @property
    def swaps(self) -> bool:
        """Whether width and height are exchanged."""
        return self.quarters % 2 == 1

    def apply(self, picture: NDArray[_Value]) -> NDArray[_Value]:
        """Apply the turn to a picture."""
        flipped = picture[:, ::-1] if self.mirrored else picture
        return np.ascontiguousarray(np.rot90(flipped, self.quarters))

    def undo(self, picture: NDArray[_Value]) -> NDArray[_Value]:
        """Apply the inverse turn to a picture."""
        back = np.rot90(picture, -self.quarters)
        return np.ascontiguousarray(back[:, ::-1] if self.mirrored else back)

    def affine(self, original: tuple[int, int], copy: tuple[int, int]) -> Affine:
        """Affine map of the turn, stretched to the copy's size; sizes are (height, width)."""
        height, width = original
        matrix = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]])
        if self.mirrored:
            matrix = np.array([[-1.0, 0, width], [0, 1, 0], [0, 0, 1]]) @ matrix
        for _ in range(self.quarters):
            matrix = np.array([[0.0, 1, 0], [-1, 0, width], [0, 0, 1]]) @ matrix
            height, width = width, height
        matrix = np.diag([copy[1] / width, copy[0] / height, 1]) @ matrix
        return np.asarray(matrix[:2], dtype=np.float64)

    def __str__(self) -> str:
        angle = f"turned by {90 * self.quarters} degrees counter-clockwise" if self.quarters else ""
        return " and ".join(part for part in ("mirrored" if self.mirrored else "", angle) if part) or "upright"


TURNS = tuple(Turn(quarters, mirrored) for mirrored in (False, True) for quarters in range(4))
"""All eight, the identity first."""


@dataclass(frozen=True)
class TurnedBack:
    """A copy at its original's size.

    Attributes:
        image: (h, w, 3) uint8, as large as the original.
        turn: Turn that had been applied to the copy.
    """

    image: Image
    turn: Turn


def size_finding(original: Image, copy: Image) -> Literal["resized", "reshaped", "swapped"] | None:
    """How the size of a copy differs from its original's.

    Returns:
        ``"resized"`` if the copy has the original's aspect ratio within `SHAPE_TOLERANCE`; ``"swapped"`` if it has it
        with width and height exchanged; ``"reshaped"`` otherwise, so that positions do not correspond; None for the
        same size.
    """
    (height, width), (copy_height, copy_width) = original.shape[:2], copy.shape[:2]
    if (height, width) == (copy_height, copy_width):
        return None
    if abs((copy_width / width) / (copy_height / height) - 1) <= SHAPE_TOLERANCE:
        return "resized"
    if abs((copy_width / height) / (copy_height / width) - 1) <= SHAPE_TOLERANCE:
        return "swapped"
    return "reshaped"


def turned_back(original: Image, copy: Image) -> TurnedBack:
    """Bring a copy to its original's size for comparison.

    If width and height are swapped, the quarter turn, mirrored or not, with the highest similarity to the original is
    undone; otherwise the copy is only resized.

    Args:
        original: (h, w, 3) uint8.
        copy: (any height, any width, 3) uint8.
    """
    if size_finding(original, copy) != "swapped":
        return TurnedBack(brought_to_size(copy, original), Turn())
    height, width = original.shape[:2]
    scale = _COMPARED / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small, small_copy = _reduced(original, size), _reduced(copy, size[::-1])
    turns = [turn for turn in TURNS if turn.swaps]
    turn = max(turns, key=lambda turn: abs(_resemblance(small, turn.undo(small_copy))))
    return TurnedBack(brought_to_size(turn.undo(copy), original), turn)


def brought_to_size(copy: Image, original: Image) -> Image:
    """Bring a copy to its original's size; unchanged if the size is the same."""
    height, width = original.shape[:2]
    if copy.shape[:2] == (height, width):
        return copy
    method = cv2.INTER_AREA if copy.shape[0] > height else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(copy, (width, height), interpolation=method), dtype=np.uint8)


def _reduced(picture: Image, size: tuple[int, int]) -> NDArray[np.float32]:
    """Relief of a reduced picture, in which a filled palm has no more weight than the fingers around it."""
    small = cv2.resize(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA)
    plane = small.astype(np.float32)
    return clipped(plane - blurred(plane, 3.0))


def _resemblance(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Cosine similarity of two reliefs of the same shape."""
    norm = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(np.vdot(one, other)) / norm if norm > 0 else 0.0
