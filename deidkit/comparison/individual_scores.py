"""Individual scores of a comparison; subject numbers are not stored but derived from the layout."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidkit.comparison.layout import Stripe
from deidkit.scores import Distribution, Scores


@dataclass(frozen=True)
class Compared:
    """Pairs of one kind of comparison.

    Attributes:
        kind: Index in `KINDS`.
        count: Number of comparisons of that kind.
        within: Whether probes and references are one set, with pairs i < j only.
        own: (2, p) first and last (exclusive) reference of each probe's identity.
        probes: (2, p) sources and subjects.
        references: (2, r) the same.
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


class IndividualScores(Scores):
    """Scores as a recognizer gave them; values and subjects are computed on request.

    Args:
        kept: (n,) float32 or float64 distances, or uint16 numbers of steps.
        pairs: The compared pairs.
        steps: Divisor of step numbers; None for distances.
    """

    _kept: NDArray[Any]
    _pairs: Compared
    _steps: int | None

    def __init__(self, kept: NDArray[Any], pairs: Compared, steps: int | None) -> None:
        self.__dict__.update(_kept=kept, _pairs=pairs, _steps=steps)

    @property
    def count(self) -> int:
        """Number of comparisons."""
        return len(self._kept)

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """(n,) float64 distances."""
        values = self._kept.astype(np.float64, copy=False)
        return values if self._steps is None else values / self._steps

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
        if self._steps is None:
            return Distribution.of(self._kept)
        from deidkit.comparison.step_kernels import count_steps

        counts = np.zeros((4, self._steps + 1), dtype=np.uint32)
        count_steps(self._kept, counts)
        often = counts.sum(axis=0, dtype=np.int64)
        there = np.flatnonzero(often)
        return Distribution.weighted(there / self._steps, often[there].astype(np.float64))

    @cached_property
    def _subjects(self) -> NDArray[np.int32]:
        return self._pairs.subjects()
