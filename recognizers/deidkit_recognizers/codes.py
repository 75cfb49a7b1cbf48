"""The common part of the recognizers that code a palm region by hand-made filters."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from deidkit.comparison import ShiftedHamming
from deidkit.protocols import Recognizer


class CodeRecognizer(Recognizer):
    """A recognizer of 128 x 128 uint8 palm regions that may run in several threads; distances are in 0..1."""

    version = "1"
    input = "roi"
    thread_safe = True
    score_range = (0.0, 1.0)


class BitCodeRecognizer(CodeRecognizer):
    """A recognizer whose templates are planes of bits, compared by shifted Hamming distance."""

    matcher: ClassVar[ShiftedHamming]

    def compare(self, probes: NDArray[np.uint64], references: NDArray[np.uint64]) -> NDArray[np.float64]:
        """(p, r) float64 in 0..1, the smallest over shifts; see `deidkit.comparison.ShiftedHamming`."""
        return self.matcher.compare(probes, references)
