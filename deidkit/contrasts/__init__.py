"""Holds finished audits against one another, number by number."""

from deidkit.contrasts.assembly import Side, compare
from deidkit.contrasts.loading import load_sides, read_report

__all__ = ["Side", "compare", "load_sides", "read_report"]
