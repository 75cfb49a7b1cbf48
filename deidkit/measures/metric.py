"""The record of a metric, from which tables, files, the command line and the documentation are derived."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from deidkit.measures.inputs import MetricInputs
from deidkit.measures.intervals import IntervalMethod

Safer = Literal["higher", "lower"] | None
"""Which way means better privacy, quality or usability."""

Group = Literal["recognition", "identity", "linkage", "diversity", "acquisition", "attacks", "quality", "usability"]
"""What a metric is about, in the order in which groups are listed."""

YAN = "Yan et al., arXiv 2504.08272"
ISO_19795 = "ISO/IEC 19795-1"


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric, whatever it is computed from.

    Attributes:
        name: As in JSON, in requirements and in the store.
        title: In words, as the head of a table's row.
        unit: Of its value: ``percent``, ``distance``, ``ratio`` ...
        digits: Decimals with which it is printed.
        safer: Which way is better; None where neither is.
        lowest: Smallest value possible; None where there is none.
        highest: Largest value possible; None where there is none.
        best: Value of a perfect anonymizer, where that is not the end of the range: chance.
        short: Head of a column in a table of a paper; empty where it is in none.
        rate: Whether it is a share of comparisons, probes or attempts, in percent.
        bounded: Whether an interval comes with it; without, only the number itself can be required.
        model: Model that the plugin takes that gives it; empty where deidkit gives it, or it takes none.
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
        compute: The number, in `unit`; raises NotComputable where it is not defined.
        kinds: Kinds of scores it rests on; the first one's comparisons are reported with it.
        smooth: The same number where it may fall between the distances that occur; used for differences only.
    """

    compute: Callable[[MetricInputs], float]
    kinds: tuple[str, ...]
    interval: IntervalMethod
    parameters: Callable[[MetricInputs], Mapping[str, object]] = field(default=lambda inputs: {})
    smooth: Callable[[MetricInputs], float] | None = None


rate_metric = partial(ScoreMetric, unit="percent", digits=2, lowest=0.0, highest=100.0, rate=True)
"""A metric that is a share of comparisons or probes, in percent."""
