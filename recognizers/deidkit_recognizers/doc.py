"""DOC, double-orientation code.

Fei, Xu, Tang, Zhang: "Double-orientation code and nonlinear matching scheme for palmprint recognition", Pattern
Recognition 49 (2016).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from deidkit_recognizers import gabor
from deidkit_recognizers.codes import CodeRecognizer
from deidkit_recognizers.filtering import sampled_responses
from deidkit_recognizers.lookup import ShiftedTable

ORIENTATIONS = 6


@dataclass(frozen=True)
class DOC(CodeRecognizer):
    """The two strongest orientations, matched straight or crossed, whichever fits better."""

    def code(self, region: NDArray[np.float64]) -> NDArray[np.uint8]:
        """(32, 32) uint8: 6 x first orientation + second."""
        first, second = sampled_responses(region, gabor.line_filters()).argsort(axis=0)[:2]
        return np.asarray(ORIENTATIONS * first + second, np.uint8)

    def compare(self, probes: NDArray[np.uint8], references: NDArray[np.uint8]) -> NDArray[np.float64]:
        """(p, r) float64 in 0..1, the smallest over shifts within 2."""
        return _comparator().compare(probes, references)


@cache
def _comparator() -> ShiftedTable:
    """1 - score / 2, where a pair of orientations scores exp(-d) for their difference d in steps of 30 degrees."""
    first, second = np.divmod(np.arange(ORIENTATIONS**2), ORIENTATIONS)

    def score(a: NDArray[np.intp], b: NDArray[np.intp]) -> NDArray[np.float64]:
        return np.asarray(np.exp(-np.abs(a[:, None] - b[None, :]).astype(np.float64)))

    straight = score(first, first) + score(second, second)
    crossed = score(first, second) + score(second, first)
    return ShiftedTable(1.0 - np.maximum(straight, crossed) / 2.0, max_shift=2)
