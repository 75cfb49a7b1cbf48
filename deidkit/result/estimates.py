"""Numbers with their intervals, and the data of figures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """One number with its evidence, or the reason why there is none.

    Attributes:
        value: The number; None where it could not be computed, and then `reason` says why.
        unit: ``percent``, ``distance``, ``ratio``, ``dB``, ``count``, ``bits`` ...
        safer: Which way means better privacy, quality or usability; None where neither does.
        low: Lower end of the interval, None where there is none.
        high: Upper end.
        interval: How it was made, e.g. ``95 %, two-sided, 40 subjects: jackknife over subjects, Student's t``.
        subjects: Number of subjects behind the number.
        comparisons: Number of comparisons (or of pictures, for quality and usability).
        reason: Why it was not computed.
        remedy: What would make it computable.
        parameters: Everything that defines the number and is not in its name.
        exact: Whether it counts this audit's own pictures, so that there is nothing an interval could say.
    """

    value: float | None
    unit: str
    safer: Literal["higher", "lower"] | None = None
    low: float | None = None
    high: float | None = None
    interval: str = ""
    subjects: int | None = None
    comparisons: int | None = None
    reason: str = ""
    remedy: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    exact: bool = False

    @classmethod
    def of_count(cls, count: int, *, decides: bool = True) -> Estimate:
        """A count of this audit's own pictures or files, of which fewer are safer if it decides anything."""
        return cls(value=float(count), unit="count", safer="lower" if decides else None, exact=True)

    @property
    def threshold_range(self) -> tuple[float, float] | None:
        """Lowest and highest rate over the thresholds that are as good as the one used; None for other metrics.

        Near an equal error rate of zero they lie far apart, and the rate is hardly estimable.
        """
        ends = [self.parameters.get(f"percent_at_threshold_{end}") for end in ("low", "high")]
        known = [float(end) for end in ends if end is not None]
        return (min(known), max(known)) if known else None


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """Density of one kind of score, for a figure.

    Attributes:
        low: Left edge of the first bin.
        high: Right edge of the last bin.
        counts: Comparisons in each bin.
        count: All comparisons of this kind.
    """

    low: float
    high: float
    counts: list[int]
    count: int


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Points of a line in a figure: `x` and `y` are equally long."""

    x: list[float]
    y: list[float]
