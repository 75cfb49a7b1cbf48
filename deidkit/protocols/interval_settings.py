"""How intervals of confidence are made."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class IntervalSettings:
    """How intervals are made.

    Attributes:
        confidence: Of both sides of an interval together, in 0..1.
    """

    confidence: float = 0.95
