"""Scores of a comparison that are kept one by one: in little memory, because the layout says who was compared."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from deidkit.comparison.layout import Stripe
from deidkit.distribution import Distribution
from deidkit.scores import Scores


@dataclass(frozen=True)
class Compared:
    """Who was compared with whom, of one kind of comparison.

    Attributes:
        kind: Its place in `KINDS`.
        count: How many comparisons are of that kind.
        within: Whether probes and references are one set, of which only pairs i < j count.
        own: (2, p) first reference of each probe's identity and the one behind its last.
        probes: (2, p) sources and subjects.
        references: (2, r) the same.
        stripes: In which they are compared.
    """

    kind: int
    count: int
    within: bool
    own: NDArray[np.int64]
    probes: NDArray[np.int32]
    references: NDArray[np.int32]
    stripes: list[Stripe]

    def subjects(self) -> NDArray[np.int32]:
        """(2, count) subjects of probe and reference, in the order of probes and, for each, of references."""
        from deidkit.comparison.pair_kernels import name_subjects

        found = np.empty((2, self.count), dtype=np.int32)
        place = 0
        for stripe in self.stripes:
            parts = np.array([[part.start, part.stop] for part in stripe.columns], dtype=np.int64).reshape(-1, 2)
            rows = slice(stripe.rows.start, stripe.rows.stop)
            place = name_subjects(
                self.kind,
                rows.start,
                self.within,
                np.ascontiguousarray(self.own[:, rows]),
                np.ascontiguousarray(self.probes[:, rows]),
                self.references,
                parts,
                found,
                place,
            )
        return found


class KeptScores(Scores):
    """Scores as a recognizer gave them; values and subjects are spelled out for whoever asks.

    Args:
        kept: (n,) float32 or float64 distances.
        pairs: Who was compared.
    """

    _kept: NDArray[np.floating]
    _pairs: Compared

    def __init__(self, kept: NDArray[np.floating], pairs: Compared) -> None:
        self.__dict__.update(_kept=kept, _pairs=pairs)

    @property
    def count(self) -> int:
        """Number of comparisons."""
        return len(self._kept)

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """(n,) float64 distances."""
        return self._kept.astype(np.float64, copy=False)

    @property
    def probe_subjects(self) -> NDArray[np.int32]:
        """(n,) int32 subject number of each comparison's probe."""
        subjects: NDArray[np.int32] = self._subjects[0]
        return subjects

    @property
    def reference_subjects(self) -> NDArray[np.int32]:
        """(n,) int32 subject number of each comparison's reference."""
        subjects: NDArray[np.int32] = self._subjects[1]
        return subjects

    @cached_property
    def _distribution(self) -> Distribution:
        return Distribution.of(self._kept)

    @cached_property
    def _subjects(self) -> NDArray[np.int32]:
        return self._pairs.subjects()
