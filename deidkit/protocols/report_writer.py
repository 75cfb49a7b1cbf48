"""The contract of a report writer."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

from deidkit.audit_changes import Comparison
from deidkit.errors import UsageError
from deidkit.protocols.plugin import Plugin
from deidkit.result import AuditResult


class ReportWriter(Plugin):
    """Writes the result of an audit in one format."""

    @abstractmethod
    def write(self, result: AuditResult, folder: Path) -> Sequence[Path]:
        """Write the files into an existing folder and return their paths, the main one first.

        The folder holds the pictures that the result names, as far as they are still there.
        """
        raise NotImplementedError

    def write_comparison(self, comparison: Comparison, folder: Path) -> Sequence[Path]:
        """Write a comparison of audits, as `write` writes one audit; a format may do without.

        Raises:
            UsageError: This format has no comparisons.
        """
        raise UsageError(f"{type(self).__name__} writes no comparisons; take --format html, json, markdown or junit.")

    def write_several(self, results: Sequence[AuditResult], folder: Path) -> Sequence[Path]:
        """Write several audits as one, as `write` writes one; a format may do without.

        Raises:
            UsageError: This format writes one audit at a time.
        """
        raise UsageError(f"{type(self).__name__} writes one audit at a time.")
