"""Metrics of linkage of copies to people, and of diversity among copies of one picture."""

from __future__ import annotations

from collections.abc import Mapping

from deidkit.measures.error_rates import EER_RULE, crossing, equal_error_rate
from deidkit.measures.inputs import COMPARED, MetricInputs
from deidkit.measures.intervals import ContributionInterval, NoInterval, StudentInterval
from deidkit.measures.linkability import d_sys, null_d_sys
from deidkit.measures.metric import ISO_19795, YAN, ScoreMetric, rate_metric
from deidkit.measures.recognition import d_prime_metric, population_form
from deidkit.measures.separability import auc, d_prime

GOMEZ_BARRERO = "Gomez-Barrero et al., IEEE TIFS 2018"


def _linkage(prefix: str, title: str, mated: str, nonmated: str) -> tuple[ScoreMetric, ...]:
    kinds = (mated, nonmated)
    pairing = f"{COMPARED[mated]}, against {COMPARED[nonmated]}"

    def linkability(inputs: MetricInputs) -> Mapping[str, object]:
        mean, upper = null_d_sys(inputs[mated], inputs[nonmated])
        return {
            "pairing": pairing,
            "omega": 1.0,
            "form": "sum over bins; biased upwards",
            "mean_without_linkage": mean,
            "95_percent_point_without_linkage": upper,
        }

    return (
        rate_metric(
            name=f"{prefix}_eer_percent",
            title=f"{title}: EER",
            group="linkage",
            definition=f"Equal error rate of telling comparisons of {COMPARED[mated]} from those of "
            f"{COMPARED[nonmated]}; 50 is chance.",
            source=ISO_19795,
            safer="higher",
            best=50.0,
            compute=lambda inputs: 100 * equal_error_rate(inputs[mated], inputs[nonmated]).eer,
            smooth=lambda inputs: 100 * crossing(inputs[mated], inputs[nonmated]).eer,
            kinds=kinds,
            interval=ContributionInterval(kinds, 100.0),
            parameters=lambda inputs: {
                "pairing": pairing,
                "rule": EER_RULE,
                "note": "50 is chance; above 50 is no safer",
            },
        ),
        ScoreMetric(
            name=f"{prefix}_auc",
            title=f"{title}: AUC",
            unit="probability",
            digits=4,
            group="linkage",
            definition=f"Probability that a comparison of {COMPARED[mated]} has a smaller distance than one of "
            f"{COMPARED[nonmated]}, ties counted half; 0.5 is chance.",
            source=ISO_19795,
            safer="lower",
            lowest=0.0,
            highest=1.0,
            best=0.5,
            compute=lambda inputs: auc(inputs[mated], inputs[nonmated]),
            kinds=kinds,
            interval=ContributionInterval(kinds, 1.0),
            parameters=lambda inputs: {"pairing": pairing, "note": "0.5 is chance"},
        ),
        ScoreMetric(
            name=f"{prefix}_d_sys",
            title=f"{title}: D_sys",
            unit="ratio",
            digits=3,
            group="linkage",
            definition=f"System linkability: whether comparisons of {COMPARED[mated]} differ from those of "
            f"{COMPARED[nonmated]}; 0 unlinkable, 1 fully linkable.",
            source=GOMEZ_BARRERO,
            safer="lower",
            lowest=0.0,
            highest=1.0,
            best=0.0,
            compute=lambda inputs: d_sys(inputs[mated], inputs[nonmated]),
            kinds=kinds,
            interval=NoInterval("none: it is biased upwards; what it gives without linkage stands with it"),
            parameters=linkability,
        ),
    )


LINKAGE: tuple[ScoreMetric, ...] = (
    *_linkage(
        "linkage",
        "Linkage to the own original",
        "deidentified",
        "deidentified_nonmated",
    ),
    *_linkage(
        "linkage_other",
        "Linkage to other originals",
        "deidentified_other",
        "deidentified_nonmated",
    ),
    *_linkage(
        "copy_linkage",
        "Linkage among copies",
        "linkage_mated",
        "linkage_nonmated",
    ),
)
"""Metrics of linkage, in display order."""

DIVERSITY: tuple[ScoreMetric, ...] = (
    ScoreMetric(
        name="diversity_mean",
        title="Diversity: mean distance",
        unit="distance",
        digits=4,
        group="diversity",
        definition="Mean distance among copies of one picture.",
        source=YAN,
        safer="higher",
        compute=lambda inputs: inputs["diversity"].mean,
        kinds=("diversity",),
        interval=StudentInterval(("diversity",)),
    ),
    ScoreMetric(
        name="diversity_std",
        title="Diversity: standard deviation",
        unit="distance",
        digits=4,
        group="diversity",
        definition="Standard deviation of the distances among copies of one picture.",
        source=YAN,
        compute=lambda inputs: inputs["diversity"].std,
        kinds=("diversity",),
        interval=StudentInterval(("diversity",)),
        parameters=population_form,
    ),
    d_prime_metric(
        name="diversity_d_prime_genuine",
        title="Diversity: d' against genuine",
        group="diversity",
        definition="d' between the distances among copies of one picture and genuine scores.",
        compute=lambda inputs: d_prime(inputs["diversity"], inputs["genuine"]),
        kinds=("diversity", "genuine"),
        interval=StudentInterval(("diversity", "genuine")),
    ),
)
"""Metrics of diversity."""
