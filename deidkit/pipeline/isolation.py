"""Keeps one plugin from moving another's numbers: each gets arrays of its own, and process-wide state is restored."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from deidkit.hand import AnalyzedImage
from deidkit.pipeline.plugin_warnings import PluginWarnings
from deidkit.protocols import Hand, Image, Mask, PalmVariant, Sample

_Value = TypeVar("_Value", bound=np.generic)


class PrivateImage:
    """A picture with its hand analysis as one plugin gets it: whatever it writes into, nobody else reads.

    A read-only array does not hold a plugin that wraps its memory, as torch does, so that every array is a copy.

    Args:
        image: The shared picture.
    """

    def __init__(self, image: AnalyzedImage) -> None:
        self._image = image

    @property
    def sample(self) -> Sample:
        """Which sample of the data set this is."""
        return self._image.sample

    @cached_property
    def pixels(self) -> Image:
        """A copy of the upright RGB picture; read-only."""
        return _copied(self._image.pixels)

    @cached_property
    def hands(self) -> Sequence[Hand]:
        """Every hand found, the most confident first."""
        return tuple(_copied_hand(hand) for hand in self._image.hands)

    @property
    def palm(self) -> PalmVariant:
        """Which palm polygon this audit uses."""
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
        """Palms seen beside those of `hands`, on which no keypoints could be placed."""
        return self._image.unread_palms

    @property
    def was_written_to(self) -> bool:
        """Whether the plugin changed the pixels that it was given."""
        return "pixels" in self.__dict__ and not np.array_equal(self.pixels, self._image.pixels)


def _copied(array: NDArray[_Value]) -> NDArray[_Value]:
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def _copied_hand(hand: Hand) -> Hand:
    in_space = None if hand.keypoints_3d is None else hand.keypoints_3d.copy()
    return replace(hand, box=hand.box.copy(), keypoints=hand.keypoints.copy(), keypoints_3d=in_space)


@dataclass(frozen=True)
class ProcessState:
    """What a plugin may change of the whole process, as it was when the work began.

    Attributes:
        directory: The working directory.
        environment: Environment variables. Those that libraries add are left alone.
        python_random: State of Python's global random numbers.
        numpy_random: State of NumPy's.
        numpy_errors: What NumPy does at a division by zero and the like.
        recursion: How deep calls may be nested.
        streams: Where this process prints.
    """

    directory: Path
    environment: Mapping[str, str]
    python_random: tuple[Any, ...]
    numpy_random: Any
    numpy_errors: Mapping[str, Any]
    recursion: int
    streams: tuple[Any, Any]

    @classmethod
    def now(cls) -> ProcessState:
        """Take the state as it is."""
        return cls(
            directory=Path.cwd(),
            environment=dict(os.environ),
            python_random=random.getstate(),
            numpy_random=np.random.get_state(legacy=False),
            numpy_errors=np.geterr(),
            recursion=sys.getrecursionlimit(),
            streams=(sys.stdout, sys.stderr),
        )

    @contextmanager
    def restored_after(self, what: str, warnings: PluginWarnings) -> Iterator[None]:
        """Restore the state after a plugin was called, and warn where a directory or variable was changed.

        Args:
            what: The plugin as the warning names it.
            warnings: Where the warning is added.
        """
        try:
            yield
        finally:
            changed = []
            if _directory() != self.directory:
                os.chdir(self.directory)
                changed.append("the working directory")
            lost = {name: value for name, value in self.environment.items() if os.environ.get(name) != value}
            if lost:
                os.environ.update(lost)
                changed.append("environment variables")
            random.setstate(self.python_random)
            np.random.set_state(self.numpy_random)
            np.seterr(**self.numpy_errors)
            sys.setrecursionlimit(self.recursion)
            sys.stdout, sys.stderr = self.streams
            if changed:
                warnings.add(f"{what} changed {' and '.join(changed)} of the process, which were restored")


def _directory() -> Path | None:
    try:
        return Path.cwd()
    except FileNotFoundError:  # it was removed
        return None
