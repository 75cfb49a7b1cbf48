"""Rules that set a threshold on the originals' scores, with the threshold's uncertainty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, stdtrit

from deidkit.errors import NotComputable
from deidkit.measures.error_rates import EER_RULE, Rates, share_at, threshold_at_fmr
from deidkit.measures.evidence import Evidence
from deidkit.measures.inputs import MetricInputs
from deidkit.scores import Acceptance


@dataclass(frozen=True, slots=True)
class ThresholdRange:
    """Range of thresholds from `low` to `high`; infinite if the scores do not bound it."""

    low: float
    high: float


class ThresholdRule(Protocol):
    """Rule that sets a threshold."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of scores that the rule uses."""
        ...

    def threshold(self, inputs: MetricInputs) -> float:
        """Compute the threshold. Raises NotComputable."""
        ...

    def smooth(self, inputs: MetricInputs) -> float:
        """Compute a threshold interpolated between distances; only for leave-one-out differences."""
        ...

    def parameters(self, inputs: MetricInputs) -> dict[str, float | str]:
        """Parameters for reports."""
        ...

    def uncertain(self, evidence: Evidence, confidence: float) -> ThresholdRange:
        """Confidence range of the threshold over people.

        As Woodruff (Journal of the American Statistical Association 1952) does for quantiles, it computes an interval
        of the rate at the threshold and returns the thresholds with rates in it. The interval allows for one unseen
        person who fails completely.
        """
        ...


@dataclass(frozen=True)
class EqualErrorThreshold:
    """Threshold at which FMR and FNMR on the originals are equal."""

    kinds: tuple[str, ...] = ("genuine", "impostor")

    def threshold(self, inputs: MetricInputs) -> float:
        """See `error_rates.EER_RULE`."""
        return inputs.equal_error.threshold

    def smooth(self, inputs: MetricInputs) -> float:
        """See `error_rates.crossing`."""
        return inputs.crossing.threshold

    def parameters(self, inputs: MetricInputs) -> dict[str, float | str]:
        """The threshold, the range over which the rates on the originals stay the same, and the rule."""
        point = inputs.equal_error
        return {
            "threshold": point.threshold,
            "threshold_low": point.low,
            "threshold_high": point.high,
            "rule": EER_RULE,
        }

    def uncertain(self, evidence: Evidence, confidence: float) -> ThresholdRange:
        """Thresholds with FMR - FNMR within t standard errors of 0; at least those with the same rates."""
        point = evidence.inputs.equal_error
        genuine, impostor = (evidence.inputs[kind] for kind in self.kinds)
        people = evidence.subjects(self.kinds)
        accepted = [evidence.accepted(kind, point.threshold) for kind in self.kinds]
        match, false_match = (_without_each(acceptance, people) for acceptance in accepted)
        # FMR - FNMR = accepted share of impostors + accepted share of genuine scores - 1
        reach = _half_width(false_match + match, evidence.fewest_subjects(self.kinds), confidence)
        rates = Rates(genuine, impostor)
        found = _between(lambda holds: rates.first(lambda fmr, fnmr: holds(fmr - fnmr)), -1.0, -reach, reach)
        return ThresholdRange(min(found.low, point.low), max(found.high, float(np.nextafter(point.high, -np.inf))))


@dataclass(frozen=True)
class FixedFmrThreshold:
    """Largest threshold with a false match rate of at most `fmr`.

    Attributes:
        fmr: False match rate, in 0..1.
    """

    fmr: float
    kinds: tuple[str, ...] = ("impostor",)

    def threshold(self, inputs: MetricInputs) -> float:
        """See `error_rates.threshold_at_fmr`. Raises NotComputable also if all impostor scores are equal."""
        impostor = inputs["impostor"]
        if impostor.smallest == impostor.largest:
            raise NotComputable(
                f"Every impostor score is the same ({impostor.smallest:g}), so that no threshold has an FMR of "
                f"{self.fmr:.2%}.",
                "Use a recognizer that distinguishes identities.",
            )
        return threshold_at_fmr(impostor, self.fmr)

    def smooth(self, inputs: MetricInputs) -> float:
        """Same as `threshold`, which changes little when one person is left out."""
        return self.threshold(inputs)

    def parameters(self, inputs: MetricInputs) -> dict[str, float | str]:
        """The false match rate and the threshold."""
        return {"fmr": self.fmr, "threshold": self.threshold(inputs)}

    def uncertain(self, evidence: Evidence, confidence: float) -> ThresholdRange:
        """Thresholds with an FMR within t standard errors of `fmr` on the logit scale."""
        threshold, impostor = self.threshold(evidence.inputs), evidence.inputs["impostor"]
        people = evidence.subjects(self.kinds)
        without = _without_each(evidence.accepted("impostor", threshold), people)
        found = share_at(impostor, threshold)
        if not 0.0 < found < 1.0:
            low, high = 0.0, self.fmr + 1.0 / len(people)
        else:
            error = _half_width(without, len(people), confidence, unseen=False) / (found * (1.0 - found))
            low, high = (float(expit(logit(self.fmr) + sign * error)) for sign in (-1, 1))
        return _between(
            lambda holds: impostor.first(lambda distance: holds(share_at(impostor, distance))), 0.0, low, high
        )


def _without_each(acceptance: Acceptance, people: NDArray[np.int32]) -> NDArray[np.float64]:
    """(n,) accepted share without each of (n,) people; NaN if no comparison is left."""
    accepted, total = np.full(len(people), acceptance.total_accepted), np.full(len(people), float(acceptance.total))
    rows = np.searchsorted(people, acceptance.subjects)
    accepted[rows] -= acceptance.accepted
    total[rows] -= acceptance.compared
    share: NDArray[np.float64] = np.divide(accepted, total, out=np.full(len(people), np.nan), where=total > 0)
    return share


def _half_width(without: NDArray[np.float64], people: int, confidence: float, *, unseen: bool = True) -> float:
    """Half-width of a rate's interval: t jackknife standard errors, and in quadrature 1 / `people` if `unseen`."""
    n = len(without)
    if people < 2 or not np.isfinite(without).all():
        return float("inf")
    error = float(np.sqrt((n - 1) / n * np.square(without - without.mean()).sum()))
    reach = float(stdtrit(people - 1, (1.0 + confidence) / 2.0)) * error
    return float(np.hypot(reach, 1.0 / people)) if unseen else reach


def _between(
    first: Callable[[Callable[[float], bool]], float | None], start: float, low: float, high: float
) -> ThresholdRange:
    """Thresholds at which a rate that rises with the threshold lies in low..high.

    Args:
        first: Finds the smallest distance at which a condition on the rate holds.
        start: Rate below all distances.
        low: Lower end of the rate.
        high: Upper end of the rate.
    """
    lower, beyond = first(lambda rate: rate >= low), first(lambda rate: rate > high)
    return ThresholdRange(
        float("-inf") if low <= start or lower is None else lower,
        float("inf") if beyond is None else float(np.nextafter(beyond, -np.inf)),
    )
