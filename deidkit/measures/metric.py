"""Metadata of a metric; tables, files, command line and documentation are derived from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from deidkit.measures.inputs import MetricInputs
from deidkit.measures.intervals import IntervalMethod

Safer = Literal["higher", "lower"] | None
"""Direction in which a metric is better, i.e. means more privacy, quality or usability; None for neither."""

Group = Literal["recognition", "identity", "linkage", "diversity", "acquisition", "attacks", "quality", "usability"]
"""Group of metrics, in display order."""

YAN = "Yan et al., arXiv 2504.08272"
ISO_19795 = "ISO/IEC 19795-1"


@dataclass(frozen=True, kw_only=True)
class Metric:
    """Metadata of one metric.

    Attributes:
        name: Identifier in JSON, requirements and the store.
        title: Title in tables.
        unit: Unit of its value: ``percent``, ``distance``, ``ratio`` ...
        digits: Number of decimals in print.
        safer: Direction in which it is better; None for neither.
        lowest: Lower end of its range; None if unbounded.
        highest: Upper end of its range; None if unbounded.
        best: Value of a perfect anonymizer if that is not an end of the range, for example chance.
        short: Column heading in tables for papers; empty if it is not in them.
        rate: Whether it is a percentage of comparisons, probes or attempts.
        bounded: Whether it has an interval; otherwise requirements can only be on the point estimate.
        model: Model that its plugin needs; empty if it needs none.
    """

    name: str
    title: str
    unit: str
    digits: int
    group: Group
    definition: str
    source: str
    safer: Safer = None
    lowest: float | None = None
    highest: float | None = None
    best: float | None = None
    short: str = ""
    rate: bool = False
    bounded: bool = True
    model: str = ""


@dataclass(frozen=True, kw_only=True)
class ScoreMetric(Metric):
    """A metric that is computed from comparison scores.

    Attributes:
        compute: Computes the value, in `unit`; raises NotComputable if it is undefined.
        kinds: Kinds of scores that it uses; its number of comparisons is that of the first.
        interval: Method for its interval.
        parameters: Computes the parameters that are reported with it.
        smooth: Continuous version of `compute`, interpolated between distances; only for leave-one-out differences.
    """

    compute: Callable[[MetricInputs], float]
    kinds: tuple[str, ...]
    interval: IntervalMethod
    parameters: Callable[[MetricInputs], Mapping[str, object]] = field(default=lambda inputs: {})
    smooth: Callable[[MetricInputs], float] | None = None


rate_metric = partial(ScoreMetric, unit="percent", digits=2, lowest=0.0, highest=100.0, rate=True)
"""Makes a metric that is a percentage of comparisons or probes."""
