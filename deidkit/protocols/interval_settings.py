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

    @classmethod
    def for_checks(cls, checks: int) -> IntervalSettings:
        """Settings with which that many checks, all together, are wrong as rarely as one is by default (Bonferroni)."""
        return cls(1.0 - (1.0 - cls.confidence) / max(checks, 1))
