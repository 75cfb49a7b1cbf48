"""Metrics of the identity that a recognizer still finds in copies, compared with originals."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from deidkit.errors import NotComputable
from deidkit.measures.error_rates import share_at
from deidkit.measures.inputs import MetricInputs
from deidkit.measures.intervals import NoInterval, ProbeInterval, ShareInterval, StudentInterval
from deidkit.measures.metric import ISO_19795, YAN, Safer, ScoreMetric, rate_metric
from deidkit.measures.recognition import EQUAL_ERROR, FMR_POINTS, d_prime_metric, population_form
from deidkit.measures.separability import DeidRatio, d_prime, deid_ratio, rank_based_deid_ratio
from deidkit.measures.thresholds import FixedFmrThreshold
from deidkit.scores import Distribution

PAIRINGS = {
    "deidentified": "each copy with the original it was made from",
    "deidentified_other": "each copy with other samples of its identity",
}
"""Kind of score -> description of its comparisons."""


def rejected(scores: Distribution, threshold: float) -> float:
    """Percentage of scores above a threshold."""
    return 100.0 * (1.0 - share_at(scores, threshold))


def _ratio(kind: str) -> tuple[ScoreMetric, ...]:
    suffix, words = ("_other", "other samples") if kind.endswith("other") else ("", "")
    kinds = (kind, "genuine", "impostor")

    def parts(inputs: MetricInputs) -> DeidRatio:
        return deid_ratio(inputs["genuine"], inputs["impostor"], inputs[kind])

    def parameters(inputs: MetricInputs) -> Mapping[str, object]:
        return {"pairing": PAIRINGS[kind], **population_form(inputs)}

    def metric(
        name: str, title: str, unit: str, safer: Safer, compute: Callable[[MetricInputs], float], definition: str
    ) -> ScoreMetric:
        return ScoreMetric(
            name=f"deid_ratio{suffix}_{name}",
            title=title,
            unit=unit,
            digits=2 if unit == "percent" else 3,
            group="identity",
            definition=definition,
            source=f"{YAN}, eq. 4",
            safer=safer,
            best={"percent": 100.0, "mean_shift": 1.0}.get(name),
            short="DIR" if name == "percent" else "",
            compute=compute,
            kinds=kinds,
            interval=StudentInterval(kinds),
            parameters=parameters,
        )

    return (
        metric(
            "percent",
            "DIR against other samples" if words else "De-identification Ratio (DIR)",
            "percent",
            "higher",
            lambda inputs: 100 * parts(inputs).ratio,
            f"How far copies lie from genuine towards impostor scores, times the ratio of spreads, {PAIRINGS[kind]}; "
            "100 is as far as an impostor.",
        ),
        metric(
            "mean_shift",
            f"mean shift, {words}" if words else "DIR factor: mean shift",
            "ratio",
            "higher",
            lambda inputs: parts(inputs).mean_shift,
            "Difference of the means of genuine and de-identified scores over that of genuine and impostor scores.",
        ),
        metric(
            "spread_factor",
            f"spread factor, {words}" if words else "DIR factor: spread",
            "ratio",
            None,
            lambda inputs: parts(inputs).spread_factor,
            "Spread of genuine and impostor scores over that of genuine and de-identified scores.",
        ),
        metric(
            "rank_based_percent",
            f"DIR by ranks, {words}" if words else "DIR by ranks",
            "percent",
            "higher",
            lambda inputs: 100 * rank_based_deid_ratio(inputs["genuine"], inputs["impostor"], inputs[kind]),
            "DIR computed from ranks: (AUC(genuine, de-identified) - 1/2) / (AUC(genuine, impostor) - 1/2).",
        ),
    )


def _rejection(kind: str, name: str, title: str) -> ScoreMetric:
    def parameters(inputs: MetricInputs) -> Mapping[str, object]:
        point = inputs.equal_error
        # any threshold below `high` has the same error rates on the originals
        return EQUAL_ERROR.parameters(inputs) | {
            "percent_at_threshold_high": rejected(inputs[kind], float(np.nextafter(point.high, -np.inf))),
            "percent_at_threshold_low": rejected(inputs[kind], point.low),
        }

    return rate_metric(
        name=name,
        title=title,
        group="identity",
        definition=f"Share of comparisons rejected at the threshold of the equal error rate on originals: "
        f"{PAIRINGS[kind]}.",
        source=YAN,
        safer="higher",
        best=100.0,
        short="RR" if kind == "deidentified" else "",
        compute=lambda inputs: rejected(inputs[kind], EQUAL_ERROR.threshold(inputs)),
        smooth=lambda inputs: rejected(inputs[kind], EQUAL_ERROR.smooth(inputs)),
        kinds=(kind, "genuine", "impostor"),
        interval=ShareInterval(kind, EQUAL_ERROR, rejected=True),
        parameters=parameters,
    )


def _rejection_at_fmr(suffix: str, fmr: float) -> ScoreMetric:
    rule = FixedFmrThreshold(fmr)
    return rate_metric(
        name=f"rejection_rate_percent_at_fmr_{suffix}_percent",
        title=f"RR at FMR {100 * fmr:g} %",
        group="identity",
        definition=f"Share of copies rejected against the originals they were made from, at the threshold at which "
        f"{100 * fmr:g} % of the impostor comparisons among originals are accepted.",
        source=ISO_19795,
        safer="higher",
        best=100.0,
        compute=lambda inputs: rejected(inputs["deidentified"], _usable_threshold(inputs, rule)),
        smooth=lambda inputs: rejected(inputs["deidentified"], rule.smooth(inputs)),
        kinds=("deidentified", "impostor"),
        interval=ShareInterval("deidentified", rule, rejected=True),
        parameters=rule.parameters,
    )


def _usable_threshold(inputs: MetricInputs, rule: FixedFmrThreshold) -> float:
    """Threshold at a false match rate. Raises NotComputable if it rejects every genuine comparison, too."""
    threshold, genuine = rule.threshold(inputs), inputs.distributions.get("genuine")
    if genuine is not None and genuine.total > 0 and genuine.share_at_most(threshold) == 0.0:
        raise NotComputable(
            f"At an FMR of {rule.fmr:.2%} the recognizer accepts no genuine comparison either, so that its rejecting "
            "copies says nothing about them.",
            "Use a recognizer that accepts some there: one with fewer errors, or with scores of more values.",
        )
    return threshold


def _separation(first: str, second: str, words: str) -> ScoreMetric:
    kinds = ("deidentified", second if first == "deidentified" else first)
    return d_prime_metric(
        name=f"d_prime_{first}_{second}",
        title=f"d' {words}",
        group="identity",
        definition=f"Distance between the means of {words} scores in pooled standard deviations.",
        compute=lambda inputs: d_prime(inputs[first], inputs[second]),
        kinds=kinds,
        interval=StudentInterval(kinds),
    )


def _identified(policy: str, kind: str, name: str, title: str, gallery: str) -> ScoreMetric:
    return rate_metric(
        name=name,
        title=title,
        group="identity",
        definition=f"Share of copies whose own identity is the closest in a gallery of {gallery}.",
        source=ISO_19795,
        safer="lower",
        best=0.0,
        short="Acc." if policy == "with_source" else "",
        compute=lambda inputs: 100 * inputs.rank_1(policy),
        kinds=(kind,),
        interval=ProbeInterval(policy),
        parameters=lambda inputs: {"gallery": gallery, "ties": "expectation"},
    )


IDENTITY: tuple[ScoreMetric, ...] = (
    *_ratio("deidentified"),
    *_ratio("deidentified_other"),
    _rejection("deidentified", "rejection_rate_percent", "Rejection rate (RR) at the EER threshold"),
    _rejection("deidentified_other", "rejection_rate_other_percent", "RR against other samples"),
    *(_rejection_at_fmr(suffix, fmr) for suffix, fmr in FMR_POINTS.items()),
    _separation("genuine", "deidentified", "genuine and de-identified"),
    _separation("deidentified", "impostor", "de-identified and impostor"),
    _identified(
        "with_source",
        "deidentified",
        "rank_1_percent",
        "Rank-1 identification, own original in the gallery",
        "all originals, the copy's own among them",
    ),
    _identified(
        "without_source",
        "deidentified_other",
        "rank_1_without_source_percent",
        "Rank-1 identification, own original left out",
        "all originals but the copy's own",
    ),
    ScoreMetric(
        name="chance_rank_1_percent",
        title="Rank-1 identification by chance",
        unit="percent",
        digits=2,
        group="identity",
        definition="Rank-1 rate of guessing among the identities of the gallery.",
        source="",
        lowest=0.0,
        highest=100.0,
        compute=lambda inputs: inputs.chance_percent(),
        kinds=("deidentified",),
        interval=NoInterval(""),
    ),
    rate_metric(
        name="fmr_deidentified_percent",
        title="Copies accepted as another identity",
        group="identity",
        definition="Share of comparisons of a copy with originals of other identities that are accepted at the "
        "threshold of the equal error rate.",
        source=ISO_19795,
        compute=lambda inputs: 100.0 - rejected(inputs["deidentified_nonmated"], EQUAL_ERROR.threshold(inputs)),
        smooth=lambda inputs: 100.0 - rejected(inputs["deidentified_nonmated"], EQUAL_ERROR.smooth(inputs)),
        kinds=("deidentified_nonmated", "genuine", "impostor"),
        interval=ShareInterval("deidentified_nonmated", EQUAL_ERROR, rejected=False),
        parameters=EQUAL_ERROR.parameters,
    ),
)
"""Metrics of copies against originals, in display order."""
