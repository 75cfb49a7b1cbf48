"""Converts estimates computed from negated similarities back to the user's similarity scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from deidkit.measures.error_rates import EER_RULE
from deidkit.result import Estimate

SIMILARITY_RULE = (
    EER_RULE.replace("distance <= threshold", "similarity >= threshold")
    .replace("distances", "similarities")
    .replace("distance", "similarity")
)

_EXCHANGED = {
    "threshold_low": "threshold_high",
    "threshold_high": "threshold_low",
    "percent_at_threshold_low": "percent_at_threshold_high",
    "percent_at_threshold_high": "percent_at_threshold_low",
}
"""Parameters that are exchanged when the scale is reversed."""

_SAFER: dict[str | None, Literal["higher", "lower"] | None] = {"higher": "lower", "lower": "higher", None: None}


def are_reversed(scores: Mapping[str, NDArray[np.floating]]) -> bool:
    """Whether the mean genuine score exceeds the mean impostor score, as if similarities were given as distances."""
    genuine, impostor = scores.get("genuine"), scores.get("impostor")
    if genuine is None or impostor is None or not (genuine.size and impostor.size):
        return False
    return bool(genuine.mean() > impostor.mean())


def in_similarities(estimates: Mapping[str, Estimate]) -> dict[str, Estimate]:
    """Convert estimates computed from negated similarities to the scale of the similarities.

    Scores, thresholds and their intervals change their sign; rates, ratios, probabilities and deviations do not.
    """
    return {name: _in_similarity(name, estimate) for name, estimate in estimates.items()}


def _in_similarity(name: str, estimate: Estimate) -> Estimate:
    turned = replace(estimate, parameters=_parameters(estimate.parameters))
    if estimate.unit != "distance":
        return turned
    if name.endswith("_std"):
        return replace(turned, unit="similarity")
    return replace(
        turned,
        unit="similarity",
        safer=_SAFER[estimate.safer],
        value=_negated(estimate.value),
        low=_negated(estimate.high),
        high=_negated(estimate.low),
    )


def _parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    turned = {_EXCHANGED.get(name, name): value for name, value in parameters.items()}
    for name in ("threshold", "threshold_low", "threshold_high"):
        if name in turned:
            turned[name] = _negated(turned[name])
    return turned | ({"rule": SIMILARITY_RULE} if "rule" in turned else {})


def _negated(value: float | None) -> float | None:
    return None if value is None else 0.0 - value
