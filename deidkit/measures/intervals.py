"""Confidence intervals over people, as comparisons of one person are not independent.

Two methods, without special cases for zero, one or two errors:

* means, distances and ratios: the delete-one-subject jackknife with Student's t;
* rates and probabilities: `bounds.mean_bounds` over each person's contribution. For a share of comparisons that is the
  person's own share; for an equal error rate or an AUC it is the person's jackknife pseudo-value.

n is the number of people whose scores the metric uses. Several hands of one person count as one person.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from deidkit.errors import NotComputable
from deidkit.measures.bounds import mean_bounds
from deidkit.measures.error_rates import shares_at
from deidkit.measures.evidence import Evidence
from deidkit.measures.thresholds import ThresholdRule
from deidkit.protocols import IntervalSettings
from deidkit.scores import Acceptance

MIN_SUBJECTS = 5
"""Minimum number of people for an estimate of the variance between people."""


_ROUNDING = 1e-11
"""Relative standard error up to which it counts as zero, that is, as rounding error."""


DEFAULT_SETTINGS = IntervalSettings()


@dataclass(frozen=True)
class Interval:
    """An interval with a description of its method, or the reason why it is missing."""

    low: float | None
    high: float | None
    text: str
    subjects: int | None = None


NONE_ASKED_FOR = Interval(None, None, "none asked for")


class IntervalMethod(Protocol):
    """Method for the interval of one metric."""

    @property
    def jackknife(self) -> bool:
        """Whether the metric must be recomputed without each person in turn."""
        ...

    def make(self, name: str, value: float, evidence: Evidence, settings: IntervalSettings) -> Interval:
        """Compute the interval. Raises NotComputable if it has none."""
        ...


@dataclass(frozen=True)
class NoInterval:
    """No interval, for numbers for which it would be meaningless; `text` says why."""

    text: str
    jackknife: bool = False

    def make(self, name: str, value: float, evidence: Evidence, settings: IntervalSettings) -> Interval:
        """Return no interval, with the reason."""
        return Interval(None, None, self.text)


@dataclass(frozen=True)
class StudentInterval:
    """Jackknife with Student's t, for metrics without a range: means, distances, ratios.

    Attributes:
        kinds: Kinds of scores the metric rests on.
    """

    kinds: tuple[str, ...]
    jackknife: bool = True

    def make(self, name: str, value: float, evidence: Evidence, settings: IntervalSettings) -> Interval:
        """Compute value plus and minus t standard errors."""
        people = evidence.fewest_subjects(self.kinds)
        if people < MIN_SUBJECTS:
            return too_few(people)
        influence = evidence.influence(name, value, self.kinds)
        return student(value, influence.standard_error, people, settings, bias=influence.bias)


@dataclass(frozen=True)
class ContributionInterval:
    """Bound of the mean over jackknife pseudo-values, for rates and probabilities that are not shares of comparisons.

    Attributes:
        kinds: Kinds of scores the metric rests on.
        highest: Upper end of the metric's range, which begins at 0.
    """

    kinds: tuple[str, ...]
    highest: float
    jackknife: bool = True

    def make(self, name: str, value: float, evidence: Evidence, settings: IntervalSettings) -> Interval:
        """Compute the bounds."""
        people = evidence.fewest_subjects(self.kinds)
        if people < MIN_SUBJECTS:
            return too_few(people)
        everybody, narrowest = self.kinds, evidence.narrowest(self.kinds)
        # people who occur only as impostors must not narrow the interval
        uneven = len(evidence.subjects(everybody)) > people
        bounds = [
            mean_bounds(influence.pseudo_values, highest=self.highest, confidence=settings.confidence)
            for influence in (
                evidence.influence(name, value, kinds) for kinds in ([everybody, narrowest] if uneven else [everybody])
            )
        ]
        low, high = min(low for low, _ in bounds), max(high for _, high in bounds)
        what = "bound of the mean over people's contributions (jackknife, Gaffke)"
        return bounded((low, high), value, (0.0, self.highest), people, settings, what)


@dataclass(frozen=True)
class ShareInterval:
    """Interval of the share of comparisons accepted or rejected at an estimated threshold.

    Combines the bound over people at the estimated threshold with the change of the share over the threshold's own
    uncertainty range, as Zou and Donner (Statistics in Medicine 2008) combine two intervals.

    Attributes:
        kind: Kind of scores that are counted.
        rule: How the threshold is set.
        rejected: Whether comparisons above the threshold are counted instead of those at or below it.
    """

    kind: str
    rule: ThresholdRule
    rejected: bool
    jackknife: bool = False

    def make(self, name: str, value: float, evidence: Evidence, settings: IntervalSettings) -> Interval:
        """The interval, in percent."""
        threshold = self.rule.threshold(evidence.inputs)
        acceptance = evidence.accepted(self.kind, threshold)
        ends = _at_threshold(acceptance, value / 100.0, rejected=self.rejected, settings=settings)
        ends = combined(ends, value / 100.0, self.shifts(value / 100.0, evidence, settings))
        low, high = (100.0 * end for end in ends)
        what = "bound of the mean over people's own shares (Gaffke), and the uncertainty of the threshold"
        return bounded((low, high), value, (0.0, 100.0), len(acceptance.subjects), settings, what)

    def shifts(self, share: float, evidence: Evidence, settings: IntervalSettings) -> tuple[float, float]:
        """How much smaller and larger the share, in 0..1, becomes over the threshold's uncertainty range."""
        range_ = self.rule.uncertain(evidence, settings.confidence)
        scores = evidence.inputs[self.kind]
        below = shares_at(scores, np.array([range_.low, range_.high]))
        at_low, at_high = (1.0 - below[0], 1.0 - below[1]) if self.rejected else (below[0], below[1])
        least, most = min(at_low, at_high), max(at_low, at_high)
        return max(share - least, 0.0), max(most - share, 0.0)


@dataclass(frozen=True)
class ProbeInterval:
    """Interval of an identification rate: bound of the mean over each person's share of identified probes."""

    policy: str
    jackknife: bool = False

    def make(self, name: str, value: float, evidence: Evidence, settings: IntervalSettings) -> Interval:
        """The interval, in percent."""
        search = evidence.inputs.search(self.policy)
        people, rows = np.unique(search.subjects, return_inverse=True)
        probes = np.bincount(rows)
        shares = np.bincount(rows, weights=search.hit_probability(1)) / probes
        low, high = mean_bounds(shares, probes, confidence=settings.confidence)
        what = "bound of the mean over people's own shares of probes (Gaffke), the gallery as it is"
        return bounded((100.0 * low, 100.0 * high), value, (0.0, 100.0), len(people), settings, what)


@dataclass(frozen=True)
class ThresholdInterval:
    """Interval of a threshold: thresholds at which the rates meet the rule within their standard error."""

    rule: ThresholdRule
    jackknife: bool = False

    def make(self, name: str, value: float, evidence: Evidence, settings: IntervalSettings) -> Interval:
        """Compute the threshold's uncertainty range."""
        people = evidence.fewest_subjects(self.rule.kinds)
        if people < MIN_SUBJECTS:
            return too_few(people)
        found = self.rule.uncertain(evidence, settings.confidence)
        if not (np.isfinite(found.low) and np.isfinite(found.high)):
            return Interval(None, None, f"not computed: {people} subjects do not bound the threshold", people)
        text = f"{_level(settings)}, two-sided, {people} subjects: thresholds at which the rates may be equal"
        return Interval(found.low, found.high, text, people)


def student(value: float, error: float, people: int, settings: IntervalSettings, bias: float = 0.0) -> Interval:
    """Student's t interval with one degree of freedom fewer than people, extended by the bias.

    Ratios over few people are biased, so the interval covers the t intervals around both the value and the value
    corrected by the jackknife.
    """
    if error <= _ROUNDING * abs(value):
        return Interval(
            None, None, "not computed: no subject differs, which says nothing about people not seen", people
        )
    reach = float(stdtrit(people - 1, (1.0 + settings.confidence) / 2.0)) * error
    text = f"{_level(settings)}, two-sided, {people} subjects: jackknife over subjects, Student's t"
    return Interval(min(value, value - bias) - reach, max(value, value - bias) + reach, text, people)


def bounded(
    ends: tuple[float, float],
    value: float,
    range_: tuple[float, float],
    people: int,
    settings: IntervalSettings,
    what: str,
) -> Interval:
    """Clip an interval to the metric's range; one-sided if the value is at an end of the range."""
    low, high = min(max(ends[0], range_[0]), value), max(min(ends[1], range_[1]), value)
    if value in range_:
        level = f"{100 * (1 + settings.confidence) / 2:g} %, one-sided"
    else:
        level = f"{_level(settings)}, two-sided"
    return Interval(low, high, f"{level}, {people} subject{'s' if people != 1 else ''}: {what}", people)


def combined(ends: tuple[float, float], share: float, shifts: tuple[float, float]) -> tuple[float, float]:
    """Widen an interval: add shifts in quadrature to the distances of its ends from the share, within 0..1."""
    low = share - float(np.hypot(share - ends[0], shifts[0]))
    high = share + float(np.hypot(ends[1] - share, shifts[1]))
    return max(low, 0.0), min(high, 1.0)


def too_few(people: int) -> Interval:
    """Return no interval, because there are too few people."""
    text = f"not computed: {people} subjects are too few to see how people differ, at least {MIN_SUBJECTS} are needed"
    return Interval(None, None, text, people)


def interval(
    method: IntervalMethod, name: str, value: float, evidence: Evidence, settings: IntervalSettings | None
) -> Interval:
    """Compute the interval of a metric, or say why it has none."""
    if settings is None:
        return NONE_ASKED_FOR
    try:
        return method.make(name, value, evidence, settings)
    except NotComputable as error:
        return Interval(None, None, f"not computed: {error.reason[0].lower()}{error.reason[1:].rstrip('.')}")


def _at_threshold(
    acceptance: Acceptance, share: float, *, rejected: bool, settings: IntervalSettings
) -> tuple[float, float]:
    """Bounds, in 0..1, of a share at a fixed threshold.

    A comparison of two people counts for both, so that the share varies twice as much with people as the mean of their
    shares.
    """
    accepted = acceptance.accepted / acceptance.compared
    shares: NDArray[np.float64] = 1.0 - accepted if rejected else accepted
    sides = float(acceptance.compared.sum()) / acceptance.total
    mean = float(np.average(shares, weights=acceptance.compared))
    low, high = mean_bounds(shares, acceptance.compared, confidence=settings.confidence)
    return share - sides * (mean - low), share + sides * (high - mean)


def _level(settings: IntervalSettings) -> str:
    return f"{100 * settings.confidence:g} %"
