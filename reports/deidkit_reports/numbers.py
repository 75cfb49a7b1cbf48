"""Formats estimates as text: the number with its interval, or the reason why it is missing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeGuard

from deidkit.result import AuditResult, Estimate, rows

NOT_COMPUTED = "not computed"

DIGITS = {"percent": 2, "percentage points": 2, "dB": 2, "distance": 4, "ratio": 3, "probability": 4}
"""Decimals by unit."""


def number(value: float, unit: str, *, extra: int = 0) -> str:
    """Format a number with its unit's decimals, and `extra` more."""
    digits = DIGITS.get(unit, 3) + extra
    shown = f"{value:.{digits}f}"
    return shown.removeprefix("-") if float(shown) == 0 else shown.replace("-", "\u2212")


def unit_sign(unit: str) -> str:
    """Unit to be appended to a number."""
    return {"percent": "%", "dB": "dB", "percentage points": "pp"}.get(unit, "")


def whole(count: int) -> str:
    """Format a count with thin spaces between thousands."""
    return f"{count:,}".replace(",", "\u202f")


def known(value: float | None) -> TypeGuard[float]:
    """Whether a value is present and finite."""
    return value is not None and math.isfinite(value)


def text(estimate: Estimate) -> str:
    """Format the value with its unit, or ``not computed``."""
    if not known(estimate.value):
        return NOT_COMPUTED
    return f"{number(estimate.value, estimate.unit)}\u00a0{unit_sign(estimate.unit)}".strip()


def interval(estimate: Estimate) -> str:
    """Format the interval; empty if there is none."""
    if not (known(estimate.value) and known(estimate.low) and known(estimate.high)):
        return ""
    return f"{number(estimate.low, estimate.unit)} to {number(estimate.high, estimate.unit)}"


def why(estimate: Estimate | None) -> str:
    """Reason why a number is missing, and remedy; never empty."""
    if estimate is None:
        return "This was not measured."
    return f"{estimate.reason} {estimate.remedy}".strip() or "No reason was recorded."


def plain(value: object) -> str:
    """Format an option or parameter for readers."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, float):
        return f"{value:.4g}".replace("-", "\u2212") if math.isfinite(value) else NOT_COMPUTED
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {plain(item)}" for key, item in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(plain(item) for item in value) or "none"
    return str(value)


def intervals(result: AuditResult) -> str:
    """Caption about a result's intervals: that they are shown, or why not."""
    found = [row.estimate for row in rows(result) if known(row.estimate.value)]
    if any(known(estimate.low) for estimate in found):
        return "with 95 % intervals"
    reason = next((estimate.interval for estimate in found if estimate.interval), "")
    return f"without intervals: {reason.removeprefix('not computed: ')}" if reason else "without intervals"
