"""The common part of the recognizers that code a palm region by hand-made filters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from deidkit.comparison import ShiftedHamming
from deidkit.protocols import GreyImage, Recognizer
from deidkit_recognizers.code_grid import SIDE
from deidkit_recognizers.filtering import as_float


class CodeRecognizer(Recognizer):
    """A recognizer of 128 x 128 uint8 palm regions that may run in several threads; distances are in 0..1."""

    version = "1"
    input = "roi"
    thread_safe = True
    score_range = (0.0, 1.0)

    def code(self, region: NDArray[np.float64]) -> NDArray[Any]:
        """The code of one region, (128, 128) float64."""
        raise NotImplementedError

    def extract(self, images: Sequence[GreyImage]) -> NDArray[Any]:
        """The code of each region, as `code` has it."""
        return np.stack([self.code(region) for region in as_float(images)])


def packed_rows(planes: NDArray[np.bool_]) -> NDArray[np.uint32]:
    """(..., rows, 32) bits -> (..., rows) uint32, a bit for each column."""
    bits = np.uint32(1) << np.arange(SIDE, dtype=np.uint32)
    return np.asarray((planes * bits).sum(axis=-1, dtype=np.uint32))


class BitCodeRecognizer(CodeRecognizer):
    """A recognizer whose codes are planes of bits, packed as templates and compared by shifted Hamming distance."""

    matcher: ClassVar[ShiftedHamming]

    def extract(self, images: Sequence[GreyImage]) -> NDArray[np.uint64]:
        """The planes of each region, see `deidkit.comparison.ShiftedHamming.pack`."""
        return self.matcher.pack(super().extract(images))

    def compare(self, probes: NDArray[np.uint64], references: NDArray[np.uint64]) -> NDArray[np.float64]:
        """(p, r) float64 in 0..1, the smallest over shifts; see `deidkit.comparison.ShiftedHamming`."""
        return self.matcher.compare(probes, references)
