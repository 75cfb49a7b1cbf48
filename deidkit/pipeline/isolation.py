"""Isolation of plugins: each gets its own copies of arrays, so that it cannot influence another's results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from deidkit.hand import AnalyzedImage
from deidkit.protocols import Hand, Image, Mask, PalmVariant, Sample

_Value = TypeVar("_Value", bound=np.generic)


class PrivateImage:
    """A private copy of a picture and its hand analysis: a plugin's writes do not reach other plugins.

    A read-only flag does not stop a plugin that wraps the memory, as torch does, so every array is copied.
    """

    def __init__(self, image: AnalyzedImage) -> None:
        self._image = image

    @property
    def sample(self) -> Sample:
        """The sample of the data set."""
        return self._image.sample

    @cached_property
    def pixels(self) -> Image:
        """A copy of the upright RGB picture; read-only."""
        return _copied(self._image.pixels)

    @cached_property
    def hands(self) -> Sequence[Hand]:
        """All detected hands, the most confident first."""
        return tuple(copied_hand(hand) for hand in self._image.hands)

    @property
    def palm(self) -> PalmVariant:
        """Variant of the palm polygon in this audit."""
        return self._image.palm

    def hand_mask(self) -> Mask:
        """A copy of the mask of the hands. Raises SampleError when no hand was found."""
        return _copied(self._image.hand_mask())

    def palm_mask(self) -> Mask:
        """A copy of the mask of the palms. Raises SampleError when no hand was found."""
        return _copied(self._image.palm_mask())

    def palm_masks(self) -> Sequence[Mask]:
        """Copies of the masks of the palms, one for each hand. Raises SampleError as `palm_mask`."""
        return [_copied(mask) for mask in self._image.palm_masks()]

    def roi_corners(self, hand: Hand) -> NDArray[np.float32]:
        """(4, 2) corners of a hand's region of interest. Raises SampleError when the rule cannot be applied."""
        return self._image.roi_corners(hand)

    @property
    def unread_palms(self) -> int:
        """Number of detected palms on which no keypoints could be placed."""
        return self._image.unread_palms

    @property
    def was_written_to(self) -> bool:
        """Whether the plugin modified its pixels."""
        return "pixels" in self.__dict__ and not np.array_equal(self.pixels, self._image.pixels)


def _copied(array: NDArray[_Value]) -> NDArray[_Value]:
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def copied_hand(hand: Hand) -> Hand:
    """Copy a hand with writable arrays."""
    in_space = None if hand.keypoints_3d is None else hand.keypoints_3d.copy()
    return replace(hand, box=hand.box.copy(), keypoints=hand.keypoints.copy(), keypoints_3d=in_space)
