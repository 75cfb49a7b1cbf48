"""Figures of the report: pure functions from numbers to inline SVG, with a table of the same numbers."""

from __future__ import annotations

from deidkit_reports.figures.distributions import KINDS, PUBLISHED, distributions
from deidkit_reports.figures.plot import Figure
from deidkit_reports.figures.rates import cmc, det
from deidkit_reports.figures.tradeoff import Point, tradeoff
from deidkit_reports.figures.whisker import whisker

__all__ = [
    "KINDS",
    "PUBLISHED",
    "Figure",
    "Point",
    "cmc",
    "det",
    "distributions",
    "tradeoff",
    "whisker",
]
