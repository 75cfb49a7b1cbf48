"""Whether a recognizer's failure on copies is evidence: it must recognize originals, also after the pipeline."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from deidkit.defaults import CONTROL
from deidkit.result import Cell, EngineResult, Estimate, RecognizerResult

WEAK_EER_PERCENT = 10.0
"""A recognizer with a higher equal error rate on originals is too weak to prove anything.

It mistakes one original in ten for a stranger: a copy that it does not recognize says little.
"""

UNPROVEN_EER_PERCENT = 20.0
"""Nor does one whose equal error rate may be as high as this, by the upper end of its interval, prove anything.

This is twice the limit for the point estimate: without any error, 17 subjects are needed (rule of three: 3/17).
"""

CONTROL_RANK_1_PERCENT = 90.0
"""Least rank-1 rate of the identity control, whose copies are the originals; below it, the measurement has failed."""

CONTROL_REJECTED_PERCENT = 10.0
"""Largest rejection rate of the control; above it, the measurement has failed."""


def weakness(recognizer: RecognizerResult, *, on_point: bool = False) -> str:
    """Reason why a recognizer is too weak for its failure on copies to be evidence; empty if it is not.

    Args:
        recognizer: Its results on originals.
        on_point: Whether the number alone is asked for, as by a requirement that ignores intervals.

    The upper end of the equal error rate is taken where it has one. Else it follows from what has: at the threshold of
    FMR 1 % the larger of FMR and FNMR bounds the EER from above, and an EER of e leaves an AUC of 1 - e^2 at most.
    """
    label = recognizer.component.label
    eer = recognizer.metrics.get("eer_percent")
    if eer is None or eer.value is None or not math.isfinite(eer.value):
        return f"the equal error rate of {label} on originals was not computed, so it is not known to recognize anybody"
    if eer.value > WEAK_EER_PERCENT:
        return (
            f"{label} has an equal error rate of {eer.value:.1f} % on originals, over {WEAK_EER_PERCENT:g} %: it "
            "is too weak for its failure on copies to be evidence"
        )
    if on_point:
        return ""
    bound = _eer_bound(recognizer)
    if bound is None:
        return f"the equal error rate of {label} on originals has no upper bound; more subjects would give one"
    if bound > UNPROVEN_EER_PERCENT:
        return (
            f"the equal error rate of {label} on originals may be up to {bound:.1f} %, over {UNPROVEN_EER_PERCENT:g} "
            "%; more subjects could show that it recognizes people"
        )
    return ""


def _eer_bound(recognizer: RecognizerResult) -> float | None:
    sources: tuple[tuple[str, Callable[[Estimate], float | None]], ...] = (
        ("eer_percent", lambda e: e.high),
        ("fnmr_percent_at_fmr_1_percent", lambda e: None if e.high is None else max(1.0, e.high)),
        ("auc_genuine_impostor", lambda e: None if e.low is None else 100 * math.sqrt(max(0.0, 1 - e.low))),
    )
    for metric, bound in sources:
        estimate = recognizer.metrics.get(metric)
        found = bound(estimate) if estimate else None
        if found is not None and math.isfinite(found):
            return found
    return None


def control_failures(engines: Sequence[EngineResult], cells: Sequence[Cell]) -> dict[str, str]:
    """Recognizer label -> reason why the control invalidates its numbers; omitted if the control behaves."""
    controls = {engine.component.label for engine in engines if is_control(engine)}
    found: dict[str, str] = {}
    for cell in cells:
        if cell.engine not in controls:
            continue
        rank_1, rejected = cell.metrics.get("rank_1_percent"), cell.metrics.get("rejection_rate_percent")
        lost = f"the control {cell.engine} returns its input, and yet"
        if rank_1 is None or rank_1.value is None or rejected is None or rejected.value is None:
            found[cell.recognizer] = f"the control {cell.engine} could not be measured with {cell.recognizer}"
        elif not rank_1.value >= CONTROL_RANK_1_PERCENT:
            found[cell.recognizer] = f"{lost} {cell.recognizer} finds only {rank_1.value:.1f} % of its copies at rank 1"
        elif not rejected.value <= CONTROL_REJECTED_PERCENT:
            found[cell.recognizer] = f"{lost} {cell.recognizer} rejects {rejected.value:.1f} % of its copies"
    return found


def is_control(engine: EngineResult) -> bool:
    """Whether an engine is the identity control."""
    return engine.component.control and engine.component.name == CONTROL
