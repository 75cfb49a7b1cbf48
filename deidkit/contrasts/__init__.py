"""Holds finished audits against one another, number by number."""

from deidkit.contrasts.assembly import Side, compare
from deidkit.contrasts.loading import is_report, load_side, read_report

__all__ = ["Side", "compare", "is_report", "load_side", "read_report"]
