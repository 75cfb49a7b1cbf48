"""Palette pictures: the used indices and their colours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidkit.images.decoding import opened
from deidkit.images.layouts import Layout
from deidkit.images.stored import row_ranges
from deidkit.images.tiff import tiff_pixels

_MASKS = (255, 127, 63, 31, 15, 7, 3, 1)
_MOST_PIXELS = 4_000_000
"""Largest number of pixels of an examined plane; larger ones are subsampled."""


@dataclass(frozen=True, slots=True)
class Paletted:
    """A picture of palette indices.

    Attributes:
        numbers: (height, width) uint8.
        looks: (256, 3) uint8: colour of each index, black for unused ones.
        used: (256,) bool: whether each index occurs.
    """

    numbers: NDArray[np.uint8]
    looks: NDArray[np.uint8]
    used: NDArray[np.bool_]

    @property
    def repeats(self) -> bool:
        """Whether two used indices have the same colour, so that the choice between them can encode information."""
        return len(np.unique(self.looks[self.used], axis=0)) < int(self.used.sum())

    def planes(self) -> Iterator[NDArray[np.uint8]]:
        """Yield (height, width) indices as grey levels, complete and without their upper bits."""
        step = int(np.ceil(np.sqrt(self.numbers.size / _MOST_PIXELS)))
        numbers = self.numbers[::step, ::step] if step > 1 else self.numbers
        for mask in _MASKS:
            yield ((numbers & mask) * (255 // mask)).astype(np.uint8)


def paletted(layout: Layout) -> Paletted | None:
    """The palette indices of a picture; None if it has no palette.

    Raises:
        SampleError: It is damaged.
    """
    if not layout.paletted:
        return None
    if layout.format == "TIFF":
        stored = tiff_pixels(layout.essential)
        assert stored.further is not None
        numbers = np.asarray(stored.further[:, :, 0], np.uint8)
        places, used = _places(numbers)
        looks = np.zeros((256, 3), np.uint8)
        looks[used] = stored.colours.reshape(-1, 3)[places[used]]
        return Paletted(numbers, looks, used)
    picture = opened(layout)
    if picture.mode != "P":
        return None
    numbers = np.asarray(picture)
    every = picture.crop((0, 0, 1, 1)).resize((256, 1))
    every.frombytes(bytes(range(256)))
    every.info = picture.info
    colours = np.asarray(every.convert("RGBA"))[0].astype(np.uint16)
    shown = (colours[:, :3] * colours[:, 3:] + 255 * (255 - colours[:, 3:]) + 127) // 255
    return Paletted(numbers, shown.astype(np.uint8), _places(numbers)[1])


def _places(numbers: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Position of one pixel of each used index, and which indices are used."""
    places, used = np.zeros(256, np.int64), np.zeros(256, np.bool_)
    width = numbers.shape[1]
    for rows in row_ranges(*numbers.shape):
        strip = numbers[rows].ravel()
        places[strip] = rows.start * width + np.arange(strip.size)
        used[strip] = True
    return places, used
