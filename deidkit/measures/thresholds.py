"""Thresholds that are set on the originals, and how far the scores leave them open."""

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
    """Thresholds from `low` to `high`, infinite where the scores set no limit."""

    low: float
    high: float


class ThresholdRule(Protocol):
    """How a threshold is set."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of scores it rests on."""
        ...

    def threshold(self, inputs: MetricInputs) -> float:
        """The threshold. Raises NotComputable."""
        ...

    def smooth(self, inputs: MetricInputs) -> float:
        """The same where it may fall between the distances that occur; for differences only."""
        ...

    def parameters(self, inputs: MetricInputs) -> dict[str, float | str]:
        """What a report says about it."""
        ...

    def uncertain(self, evidence: Evidence, confidence: float) -> ThresholdRange:
        """Thresholds that are as good as the one found, as far as these people can tell.

        As Woodruff (Journal of the American Statistical Association 1952) does for quantiles, an interval is made for
        the rate at the threshold found, and the thresholds between its ends are taken. It allows for one more person
        who fails altogether.
        """
        ...


@dataclass(frozen=True)
class EqualErrorThreshold:
    """Where FMR and FNMR on the originals are equal."""

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
        """Where FMR - FNMR is 0 within t standard errors; at least the range over which the rates stay the same."""
        point = evidence.inputs.equal_error
        genuine, impostor = (evidence.inputs[kind] for kind in self.kinds)
        people = evidence.subjects(self.kinds)
        accepted = [evidence.accepted(kind, point.threshold) for kind in self.kinds]
        match, false_match = (_without_each(acceptance, people) for acceptance in accepted)
        # FMR - FNMR is the share of impostors accepted less 1 - that of genuine ones
        reach = _reach(false_match + match, evidence.fewest_subjects(self.kinds), confidence)
        rates = Rates(genuine, impostor)
        found = _between(lambda holds: rates.first(lambda fmr, fnmr: holds(fmr - fnmr)), -1.0, -reach, reach)
        return ThresholdRange(min(found.low, point.low), max(found.high, float(np.nextafter(point.high, -np.inf))))


@dataclass(frozen=True)
class FixedFmrThreshold:
    """The largest threshold at which no more than a share of the impostors is accepted.

    Attributes:
        fmr: That share, in 0..1.
    """

    fmr: float
    kinds: tuple[str, ...] = ("impostor",)

    def threshold(self, inputs: MetricInputs) -> float:
        """See `error_rates.threshold_at_fmr`. Raises NotComputable also where all impostor scores are the same."""
        impostor = inputs["impostor"]
        if impostor.smallest == impostor.largest:
            raise NotComputable(
                f"Every impostor score is the same ({impostor.smallest:g}), so that no threshold has an FMR of "
                f"{self.fmr:.2%}.",
                "Use a recognizer that distinguishes identities.",
            )
        return threshold_at_fmr(impostor, self.fmr)

    def smooth(self, inputs: MetricInputs) -> float:
        """The same: with few impostors left to the threshold, it is fine enough."""
        return self.threshold(inputs)

    def parameters(self, inputs: MetricInputs) -> dict[str, float | str]:
        """The share and the threshold."""
        return {"fmr": self.fmr, "threshold": self.threshold(inputs)}

    def uncertain(self, evidence: Evidence, confidence: float) -> ThresholdRange:
        """Where FMR is the share asked for within t standard errors, on the scale of its logit."""
        threshold, impostor = self.threshold(evidence.inputs), evidence.inputs["impostor"]
        people = evidence.subjects(self.kinds)
        without = _without_each(evidence.accepted("impostor", threshold), people)
        found = share_at(impostor, threshold)
        if not 0.0 < found < 1.0:
            low, high = 0.0, self.fmr + 1.0 / len(people)
        else:
            error = _reach(without, len(people), confidence, unseen=False) / (found * (1.0 - found))
            low, high = (float(expit(logit(self.fmr) + sign * error)) for sign in (-1, 1))
        return _between(
            lambda holds: impostor.first(lambda distance: holds(share_at(impostor, distance))), 0.0, low, high
        )


def _without_each(acceptance: Acceptance, people: NDArray[np.int32]) -> NDArray[np.float64]:
    """Share accepted without each of some people, nan where nothing is left."""
    accepted, total = np.full(len(people), acceptance.total_accepted), np.full(len(people), float(acceptance.total))
    rows = np.searchsorted(people, acceptance.subjects)
    accepted[rows] -= acceptance.accepted
    total[rows] -= acceptance.compared
    share: NDArray[np.float64] = np.divide(accepted, total, out=np.full(len(people), np.nan), where=total > 0)
    return share


def _reach(without: NDArray[np.float64], people: int, confidence: float, *, unseen: bool = True) -> float:
    """Jackknife standard errors of a rate times t, and one person of `people` who fails altogether."""
    n = len(without)
    if people < 2 or not np.isfinite(without).all():
        return float("inf")
    error = float(np.sqrt((n - 1) / n * np.square(without - without.mean()).sum()))
    reach = float(stdtrit(people - 1, (1.0 + confidence) / 2.0)) * error
    return float(np.hypot(reach, 1.0 / people)) if unseen else reach


def _between(
    first: Callable[[Callable[[float], bool]], float | None], start: float, low: float, high: float
) -> ThresholdRange:
    """Thresholds at which a rate lies in low..high.

    Args:
        first: The smallest distance at which something holds of the rate, which rises with the distance.
        start: The rate below all distances.
        low: Smallest rate.
        high: Largest rate.
    """
    lower, beyond = first(lambda rate: rate >= low), first(lambda rate: rate > high)
    return ThresholdRange(
        float("-inf") if low <= start or lower is None else lower,
        float("inf") if beyond is None else float(np.nextafter(beyond, -np.inf)),
    )
