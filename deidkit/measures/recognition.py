"""Metrics of a recognizer on originals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from deidkit.measures.error_rates import share_at
from deidkit.measures.inputs import MetricInputs
from deidkit.measures.intervals import (
    ContributionInterval,
    ProbeInterval,
    ShareInterval,
    StudentInterval,
    ThresholdInterval,
)
from deidkit.measures.metric import ISO_19795, YAN, ScoreMetric, rate_metric
from deidkit.measures.separability import auc, d_prime
from deidkit.measures.thresholds import EqualErrorThreshold, FixedFmrThreshold

FMR_POINTS = {"1": 0.01, "0_1": 0.001, "0_01": 0.0001}
"""Suffix of a metric's name -> false match rate of the threshold."""

EQUAL_ERROR = EqualErrorThreshold()
BOTH = ("genuine", "impostor")
POPULATION_FORM = {"ddof": 0}


def population_form(inputs: MetricInputs) -> Mapping[str, object]:
    """Parameters of metrics that use standard deviations: the population form."""
    return POPULATION_FORM


d_prime_metric = partial(
    ScoreMetric,
    unit="standard deviations",
    digits=3,
    source=f"{YAN}, eq. 3",
    lowest=0.0,
    parameters=population_form,
)
"""Makes a metric that is a decidability index d'."""


def _fnmr(suffix: str, fmr: float) -> ScoreMetric:
    rule = FixedFmrThreshold(fmr)
    return rate_metric(
        name=f"fnmr_percent_at_fmr_{suffix}_percent",
        title=f"FNMR at FMR {100 * fmr:g} %",
        group="recognition",
        definition=f"Share of genuine comparisons rejected at the threshold at which {100 * fmr:g} % of the impostor "
        "comparisons are accepted.",
        source=ISO_19795,
        compute=lambda inputs: 100 * (1 - share_at(inputs["genuine"], rule.threshold(inputs))),
        smooth=lambda inputs: 100 * (1 - share_at(inputs["genuine"], rule.smooth(inputs))),
        kinds=BOTH,
        interval=ShareInterval("genuine", rule, rejected=True),
        parameters=rule.parameters,
    )


def _moment(kind: str, what: str, words: str, compute: Callable[[MetricInputs], float]) -> ScoreMetric:
    return ScoreMetric(
        name=f"{kind}_{what}",
        title=f"{kind.capitalize()} scores: {words}",
        unit="distance",
        digits=4,
        group="recognition",
        definition=f"{words.capitalize()} of the {kind} scores.",
        source="",
        compute=compute,
        kinds=(kind,),
        interval=StudentInterval((kind,)),
        parameters=population_form if what == "std" else lambda inputs: {},
    )


RECOGNIZER: tuple[ScoreMetric, ...] = (
    rate_metric(
        name="eer_percent",
        title="Equal error rate (EER)",
        group="recognition",
        definition="Error rate at the threshold at which false matches and false non-matches on originals are equally "
        "frequent.",
        source=ISO_19795,
        best=0.0,
        short="EER",
        compute=lambda inputs: 100 * inputs.equal_error.eer,
        smooth=lambda inputs: 100 * inputs.crossing.eer,
        kinds=("impostor", "genuine"),
        interval=ContributionInterval(BOTH, 100.0),
        parameters=EQUAL_ERROR.parameters,
    ),
    ScoreMetric(
        name="eer_threshold",
        title="EER threshold",
        unit="distance",
        digits=4,
        group="recognition",
        definition="The threshold of the equal error rate.",
        source=ISO_19795,
        compute=EQUAL_ERROR.threshold,
        kinds=("impostor", "genuine"),
        interval=ThresholdInterval(EQUAL_ERROR),
        parameters=EQUAL_ERROR.parameters,
    ),
    d_prime_metric(
        name="d_prime_genuine_impostor",
        title="d' genuine and impostor",
        group="recognition",
        definition="Distance between the means of genuine and impostor scores in pooled standard deviations.",
        compute=lambda inputs: d_prime(inputs["genuine"], inputs["impostor"]),
        kinds=("impostor", "genuine"),
        interval=StudentInterval(BOTH),
    ),
    ScoreMetric(
        name="auc_genuine_impostor",
        title="AUC genuine and impostor",
        unit="probability",
        digits=4,
        group="recognition",
        definition="Probability that a genuine score is smaller than an impostor score, ties counted half.",
        source=ISO_19795,
        lowest=0.0,
        highest=1.0,
        best=1.0,
        compute=lambda inputs: auc(inputs["genuine"], inputs["impostor"]),
        kinds=("impostor", "genuine"),
        interval=ContributionInterval(BOTH, 1.0),
    ),
    *(_fnmr(suffix, fmr) for suffix, fmr in FMR_POINTS.items()),
    rate_metric(
        name="rank_1_percent",
        title="Rank-1 identification, each original among all others",
        group="recognition",
        definition="Share of originals whose own identity is the closest among all other originals.",
        source=ISO_19795,
        compute=lambda inputs: 100 * inputs.rank_1("with_source"),
        kinds=("genuine",),
        interval=ProbeInterval("with_source"),
        parameters=lambda inputs: {"gallery": "all other originals (leave one out)", "ties": "expectation"},
    ),
    _moment("genuine", "mean", "mean", lambda inputs: inputs["genuine"].mean),
    _moment("genuine", "std", "standard deviation", lambda inputs: inputs["genuine"].std),
    _moment("impostor", "mean", "mean", lambda inputs: inputs["impostor"].mean),
    _moment("impostor", "std", "standard deviation", lambda inputs: inputs["impostor"].std),
)
"""Metrics of a recognizer on originals, in display order."""
