"""Input of score metrics: the scores of an audit, complete or without one subject."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from deidkit.errors import NotComputable
from deidkit.measures.error_rates import Crossing, OperatingPoint, crossing, equal_error_rate
from deidkit.measures.identification import identification_rate
from deidkit.scores import Distribution, Identification

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
"""Kind of score -> reason why an audit has none, and remedy."""

COMPARED = {
    "genuine": "originals of one identity",
    "impostor": "originals of two identities",
    "deidentified": "copies with the originals they were made from",
    "deidentified_other": "copies with other samples of their identity",
    "deidentified_nonmated": "copies with originals of other identities",
    "diversity": "copies of one picture with one another",
    "linkage_mated": "copies of different samples of one identity",
    "linkage_nonmated": "copies of different identities",
}
"""Kind of score -> what is compared."""

NOT_GIVEN = {
    kind: (f"There are no scores of the kind {kind}.", f"Add them: comparisons of {compared}.")
    for kind, compared in COMPARED.items()
}
"""Like `MISSING`, for scores from a file, whose origin is unknown."""


@dataclass
class MetricInputs:
    """Distributions and searches that the metrics are computed from.

    Attributes:
        distributions: Kind -> scores; kinds without scores are absent.
        identifications: Gallery policy, ``with_source`` or ``without_source``, -> search.
        missing: Kind of score -> reason why it is absent, and remedy.
    """

    distributions: Mapping[str, Distribution]
    identifications: Mapping[str, Identification]
    missing: Mapping[str, tuple[str, str]] = field(default_factory=lambda: MISSING)

    def __getitem__(self, kind: str) -> Distribution:
        """The scores of one kind. Raises NotComputable if there are none."""
        found = self.distributions.get(kind)
        if found is None or found.total <= 0:
            raise NotComputable(*self.missing[kind])
        return found

    @cached_property
    def equal_error(self) -> OperatingPoint:
        """Equal error rate and its threshold on the originals."""
        return equal_error_rate(self["genuine"], self["impostor"])

    @cached_property
    def crossing(self) -> Crossing:
        """Interpolated equal error rate on the originals; see `error_rates.crossing`."""
        return crossing(self["genuine"], self["impostor"])

    def rank_1(self, policy: str) -> float:
        """Rank-1 identification rate, in 0..1, under a gallery policy."""
        return identification_rate(self.search(policy), 1)

    def chance_percent(self) -> float:
        """Rank-1 identification rate, in percent, of a random guess among the gallery's identities."""
        return 100.0 / self.search("with_source").gallery_identities

    def search(self, policy: str) -> Identification:
        """The search under a gallery policy. Raises NotComputable if there is none."""
        found = self.identifications.get(policy)
        if found is None or found.gallery_identities == 0:
            raise NotComputable(
                "No probe was searched in a gallery.",
                "See the failures in the report, or leave --sample-pairs out: a search needs every comparison.",
            )
        return found
