"""Comparison of finished audits, number by number."""

from deidkit.audit_comparison.assembly import Side, compare
from deidkit.audit_comparison.loading import load_sides, read_report

__all__ = ["Side", "compare", "load_sides", "read_report"]
