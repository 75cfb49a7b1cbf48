"""One draw of an audit's scores: the scores as they are, or a resample of their subjects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from deidkit.errors import NotComputable
from deidkit.metrics.error_rates import OperatingPoint, equal_error_rate
from deidkit.metrics.identification import identification_rate
from deidkit.scores import Distribution, Identification, ScoreSet

MISSING = {
    "genuine": ("There are no genuine comparisons.", "Use a data set with two or more samples of an identity."),
    "impostor": ("There are no impostor comparisons.", "Use a data set with several identities."),
    "deidentified": ("No de-identified picture gave a template.", "See the failures in the report."),
    "deidentified_other": (
        "There are no comparisons of a copy with other samples of its identity.",
        "Use a data set with two or more samples of an identity.",
    ),
    "deidentified_nonmated": (
        "There are no comparisons of a copy with other identities.",
        "Use a data set with several identities.",
    ),
    "diversity": ("There is one copy of each picture.", "Use an engine that can make several, and --seeds 2 or more."),
    "linkage_mated": (
        "There are no comparisons of copies of different samples of one identity.",
        "Use a data set with two or more samples of an identity.",
    ),
    "linkage_nonmated": (
        "There are no comparisons of copies of different identities.",
        "Use a data set with several identities.",
    ),
}
"""Kind of score -> why there is none, and the remedy."""

BINS = 4_096
"""Distinct values to which a set of scores is reduced for resampling; point estimates use every score."""


@dataclass
class Draw:
    """Distributions and searches that the metrics are computed from.

    Attributes:
        distributions: Kind -> scores; kinds without scores are absent.
        identifications: ``with_source`` and ``without_source``, where they were made.
        weights: How often each subject counts, by number; None where every one counts once.
    """

    distributions: Mapping[str, Distribution]
    identifications: Mapping[str, Identification]
    weights: NDArray[np.float64] | None = None

    def __getitem__(self, kind: str) -> Distribution:
        """The scores of one kind. Raises NotComputable where there are none."""
        found = self.distributions.get(kind)
        if found is None or found.total <= 0:
            raise NotComputable(*MISSING[kind])
        return found

    @cached_property
    def equal_error(self) -> OperatingPoint:
        """Equal error rate and threshold on the originals."""
        return equal_error_rate(self["genuine"], self["impostor"])

    def mated(self) -> Distribution:
        """Copies against every sample of their identity, their own source included."""
        both = [
            self.distributions[kind] for kind in ("deidentified", "deidentified_other") if kind in self.distributions
        ]
        if not both:
            raise NotComputable(*MISSING["deidentified"])
        return Distribution.of(np.concatenate([d.values for d in both]), np.concatenate([d.weights for d in both]))

    def rank_1(self, policy: str) -> float:
        """Share of probes whose own identity is closest, in 0..1, under a gallery policy."""
        return identification_rate(self._search(policy), 1, self.weights)

    def chance_percent(self) -> float:
        """Rank-1 rate of guessing among the identities of the gallery."""
        return 100.0 / self._search("with_source").gallery_identities

    def _search(self, policy: str) -> Identification:
        found = self.identifications.get(policy)
        if found is None or found.gallery_identities == 0:
            raise NotComputable("No probe was searched in a gallery.", "See the failures in the report.")
        return found


class Resampler:
    """Draws one set of scores again and again, quickly."""

    def __init__(self, scores: ScoreSet) -> None:
        self._scores = scores
        self._values: NDArray[np.float64] | None = None
        values = getattr(scores, "values", None)
        if values is None:  # kept as a histogram, which resamples itself
            return
        distinct, places = np.unique(np.asarray(values, dtype=np.float64), return_inverse=True)
        if len(distinct) > BINS:
            width = (distinct[-1] - distinct[0]) / BINS
            groups = np.minimum(((distinct - distinct[0]) / width).astype(np.int64), BINS - 1)
            occupied, groups = np.unique(groups, return_inverse=True)
            counts = np.bincount(groups[places])
            places = groups[places]
            distinct = np.bincount(places, weights=values, minlength=len(occupied)) / counts
        self._values = distinct
        self._places = places.astype(np.int32)
        self._probes = np.ascontiguousarray(scores.probe_subjects)  # type: ignore[attr-defined]
        self._references = np.ascontiguousarray(scores.reference_subjects)  # type: ignore[attr-defined]

    def draw(self, weights: NDArray[np.float64]) -> Distribution:
        """The scores with each subject counted `weights[subject]` times; see `ScoreSet.resampled`."""
        if self._values is None:
            return self._scores.resampled(weights)
        from deidkit.metrics import kernels

        counts = np.zeros(len(self._values))
        kernels.weigh(self._places, self._probes, self._references, weights, counts)
        total = float(counts.sum())
        if total == 0.0:
            return Distribution(self._values, counts, 0.0, float("nan"), float("nan"))
        mean = float(self._values @ counts) / total
        variance = float((self._values - mean) ** 2 @ counts) / total
        return Distribution(self._values, counts, total, mean, variance**0.5)
