"""The metrics of an audit, each declared once: what it is called, means and needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from deidkit.metrics.draw import Draw
from deidkit.metrics.error_rates import EER_RULE, equal_error_rate, fnmr_at_fmr, share_at, threshold_at_fmr
from deidkit.metrics.linkability import d_sys, null_d_sys
from deidkit.metrics.separability import auc, d_prime, deid_ratio, rank_based_deid_ratio
from deidkit.scores import Distribution

FMR_POINTS = {"1": 0.01, "0_1": 0.001, "0_01": 0.0001}
"""Suffix of a metric's name -> false match rate of its threshold."""


def _nothing(draw: Draw) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Measure:
    """One metric.

    Attributes:
        name: As in JSON.
        unit: Of its value.
        compute: From a draw; raises NotComputable where it is not defined.
        kind: The scores it rests on, whose subjects and comparisons are reported with it.
        safer: Which way means more privacy, None where neither does.
        proportion: Whether it is a percentage of comparisons that went one way.
        parameters: What else defines the number, from the draw of the scores as they are.
        interval: Whether resampling its subjects makes sense.
    """

    name: str
    unit: str
    compute: Callable[[Draw], float]
    kind: str
    safer: Literal["higher", "lower"] | None = None
    proportion: bool = False
    parameters: Callable[[Draw], dict[str, Any]] = field(default=_nothing)
    interval: bool = True


def _equal_error(draw: Draw) -> dict[str, Any]:
    point = draw.equal_error
    return {"threshold": point.threshold, "threshold_low": point.low, "threshold_high": point.high, "rule": EER_RULE}


def rejected(scores: Distribution, threshold: float) -> float:
    """Percent of scores above a threshold."""
    return 100.0 * (1.0 - share_at(scores, threshold))


def _rejection(kind: str) -> Callable[[Draw], float]:
    return lambda draw: rejected(draw[kind], draw.equal_error.threshold)


def _rejection_parameters(kind: str) -> Callable[[Draw], dict[str, Any]]:
    def parameters(draw: Draw) -> dict[str, Any]:
        point = draw.equal_error
        # a threshold just below `high` still has the same error rates on the originals
        return _equal_error(draw) | {
            "percent_at_threshold_high": rejected(draw[kind], float(np.nextafter(point.high, -np.inf))),
            "percent_at_threshold_low": rejected(draw[kind], point.low),
        }

    return parameters


def _at_fmr(measure: Callable[[Draw, float], float], name: str, unit_kind: str, **rest: Any) -> list[Measure]:
    return [
        Measure(
            name=f"{name}_at_fmr_{suffix}_percent",
            unit="percent",
            compute=lambda draw, fmr=fmr: measure(draw, fmr),  # type: ignore[misc]
            kind=unit_kind,
            proportion=True,
            parameters=lambda draw, fmr=fmr: {"fmr": fmr, "threshold": threshold_at_fmr(draw["impostor"], fmr)},  # type: ignore[misc]
            **rest,
        )
        for suffix, fmr in FMR_POINTS.items()
    ]


DDOF = {"ddof": 0}

RECOGNIZER: list[Measure] = [
    Measure(
        "eer_percent",
        "percent",
        lambda draw: 100 * draw.equal_error.eer,
        "impostor",
        proportion=True,
        parameters=_equal_error,
    ),
    Measure("eer_threshold", "distance", lambda draw: draw.equal_error.threshold, "impostor", parameters=_equal_error),
    Measure(
        "d_prime_genuine_impostor",
        "standard deviations",
        lambda draw: d_prime(draw["genuine"], draw["impostor"]),
        "impostor",
        parameters=lambda draw: DDOF,
    ),
    Measure("auc_genuine_impostor", "probability", lambda draw: auc(draw["genuine"], draw["impostor"]), "impostor"),
    *_at_fmr(lambda draw, fmr: 100 * fnmr_at_fmr(draw["genuine"], draw["impostor"], fmr), "fnmr_percent", "genuine"),
    Measure(
        "rank_1_percent",
        "percent",
        lambda draw: 100 * draw.rank_1("with_source"),
        "genuine",
        proportion=True,
        parameters=lambda draw: {
            "gallery": "all other originals (leave one out)",
            "ties": "expectation",
            "interval": "resamples probes",
        },
    ),
    Measure("genuine_mean", "distance", lambda draw: draw["genuine"].mean, "genuine"),
    Measure("genuine_std", "distance", lambda draw: draw["genuine"].std, "genuine", parameters=lambda draw: DDOF),
    Measure("impostor_mean", "distance", lambda draw: draw["impostor"].mean, "impostor"),
    Measure("impostor_std", "distance", lambda draw: draw["impostor"].std, "impostor", parameters=lambda draw: DDOF),
]
"""Metrics of a recognizer on originals."""


def _ratio(kind: str, suffix: str, pairing: str) -> list[Measure]:
    def parts(draw: Draw) -> Any:
        return deid_ratio(draw["genuine"], draw["impostor"], draw[kind])

    told = {"pairing": pairing, **DDOF}
    return [
        Measure(
            f"deid_ratio{suffix}_percent",
            "percent",
            lambda draw: 100 * float(parts(draw).ratio),
            kind,
            "higher",
            parameters=lambda draw: told,
        ),
        Measure(
            f"deid_ratio{suffix}_mean_shift",
            "ratio",
            lambda draw: float(parts(draw).mean_shift),
            kind,
            "higher",
            parameters=lambda draw: told,
        ),
        Measure(
            f"deid_ratio{suffix}_spread_factor",
            "ratio",
            lambda draw: float(parts(draw).spread_factor),
            kind,
            parameters=lambda draw: told,
        ),
        Measure(
            f"deid_ratio{suffix}_rank_based_percent",
            "percent",
            lambda draw: 100 * rank_based_deid_ratio(draw["genuine"], draw["impostor"], draw[kind]),
            kind,
            "higher",
            parameters=lambda draw: {"pairing": pairing},
        ),
    ]


def _linkage(prefix: str, mated: Callable[[Draw], Distribution], nonmated: str, kind: str, told: str) -> list[Measure]:
    return [
        Measure(
            f"{prefix}_eer_percent",
            "percent",
            lambda draw: 100 * equal_error_rate(mated(draw), draw[nonmated]).eer,
            kind,
            "higher",
            proportion=True,
            parameters=lambda draw: {"pairing": told, "rule": EER_RULE, "note": "50 is chance; above 50 is no safer"},
        ),
        Measure(
            f"{prefix}_auc",
            "probability",
            lambda draw: auc(mated(draw), draw[nonmated]),
            kind,
            "lower",
            parameters=lambda draw: {"pairing": told, "note": "0.5 is chance"},
        ),
        Measure(
            f"{prefix}_d_sys",
            "ratio",
            lambda draw: d_sys(mated(draw), draw[nonmated]),
            kind,
            "lower",
            parameters=lambda draw: (
                {"pairing": told, "omega": 1.0, "form": "sum over bins; biased upwards"}
                | dict(
                    zip(
                        ("mean_without_linkage", "95_percent_point_without_linkage"),
                        null_d_sys(mated(draw), draw[nonmated]),
                        strict=True,
                    )
                )
            ),
            interval=False,
        ),
    ]


CELL: list[Measure] = [
    *_ratio("deidentified", "", "each copy with the very picture it was made from"),
    *_ratio("deidentified_other", "_other", "each copy with other samples of its identity"),
    Measure(
        "rejection_rate_percent",
        "percent",
        _rejection("deidentified"),
        "deidentified",
        "higher",
        proportion=True,
        parameters=_rejection_parameters("deidentified"),
    ),
    Measure(
        "rejection_rate_other_percent",
        "percent",
        _rejection("deidentified_other"),
        "deidentified_other",
        "higher",
        proportion=True,
        parameters=_rejection_parameters("deidentified_other"),
    ),
    *_at_fmr(
        lambda draw, fmr: rejected(draw["deidentified"], threshold_at_fmr(draw["impostor"], fmr)),
        "rejection_rate_percent",
        "deidentified",
        safer="higher",
    ),
    Measure(
        "d_prime_genuine_deidentified",
        "standard deviations",
        lambda draw: d_prime(draw["genuine"], draw["deidentified"]),
        "deidentified",
        parameters=lambda draw: DDOF,
    ),
    Measure(
        "d_prime_deidentified_impostor",
        "standard deviations",
        lambda draw: d_prime(draw["deidentified"], draw["impostor"]),
        "deidentified",
        parameters=lambda draw: DDOF,
    ),
    Measure(
        "rank_1_percent",
        "percent",
        lambda draw: 100 * draw.rank_1("with_source"),
        "deidentified",
        "lower",
        proportion=True,
        parameters=lambda draw: {
            "gallery": "all originals, the copy's own among them",
            "ties": "expectation",
            "interval": "resamples probes",
        },
    ),
    Measure(
        "rank_1_without_source_percent",
        "percent",
        lambda draw: 100 * draw.rank_1("without_source"),
        "deidentified_other",
        "lower",
        proportion=True,
        parameters=lambda draw: {
            "gallery": "all originals but the copy's own",
            "ties": "expectation",
            "interval": "resamples probes",
        },
    ),
    Measure(
        "chance_rank_1_percent",
        "percent",
        lambda draw: draw.chance_percent(),
        "deidentified",
        interval=False,
    ),
    Measure(
        "fmr_deidentified_percent",
        "percent",
        lambda draw: 100.0 - rejected(draw["deidentified_nonmated"], draw.equal_error.threshold),
        "deidentified_nonmated",
        proportion=True,
        parameters=_equal_error,
    ),
    *_linkage(
        "linkage",
        Draw.mated,
        "deidentified_nonmated",
        "deidentified",
        "copies with originals of their identity, against copies with originals of others",
    ),
    *_linkage(
        "copy_linkage",
        lambda draw: draw["linkage_mated"],
        "linkage_nonmated",
        "linkage_mated",
        "copies of different samples of one identity, against copies of different identities",
    ),
    Measure("diversity_mean", "distance", lambda draw: draw["diversity"].mean, "diversity", "higher"),
    Measure("diversity_std", "distance", lambda draw: draw["diversity"].std, "diversity", parameters=lambda draw: DDOF),
    Measure(
        "diversity_d_prime_genuine",
        "standard deviations",
        lambda draw: d_prime(draw["diversity"], draw["genuine"]),
        "diversity",
        parameters=lambda draw: DDOF,
    ),
]
"""Metrics of one engine against one recognizer."""
