"""Groups checks of requirements for display: failed ones first, equal outcomes in one row."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from deidkit.result import Requirement, Verdict
from deidkit.titles import title_of
from deidkit.verdict import STRONGEST


@dataclass(frozen=True)
class CheckGroup:
    """Checks of one requirement on one engine with the same outcome, one for each recognizer."""

    checks: list[Requirement]

    @property
    def first(self) -> Requirement:
        """The first check, which stands for what all have in common."""
        return self.checks[0]

    @property
    def title(self) -> str:
        """Title of the metric."""
        return title_of(self.first.metric)

    @property
    def recognizers(self) -> str:
        """Names of the recognizers with this outcome."""
        if len(self.checks) > 2:
            return f"{len(self.checks)} recognizers"
        of_pictures = "all attacks" if self.first.metric.startswith(STRONGEST) else "for pictures"
        return " and ".join(check.recognizer for check in self.checks) or of_pictures


def grouped_checks(verdict: Verdict) -> list[CheckGroup]:
    """Group all checks of a verdict, in its order: failed ones first."""
    agreeing = groupby(verdict.requirements, lambda check: (check.status, check.engine, check.text))
    return [CheckGroup(list(checks)) for _, checks in agreeing]


@dataclass(frozen=True)
class RequirementRow:
    """One requirement with its outcomes for all engines.

    Attributes:
        groups: Checks by engine and outcome, failed ones first.
    """

    text: str
    title: str
    reason: str
    groups: list[CheckGroup]

    @property
    def open(self) -> list[CheckGroup]:
        """Groups that failed or are inconclusive."""
        return [group for group in self.groups if group.first.status != "PASS"]

    @property
    def passed(self) -> list[CheckGroup]:
        """Groups that passed."""
        return [group for group in self.groups if group.first.status == "PASS"]


_WORST_FIRST = ("FAIL", "INCONCLUSIVE", "PASS")


def by_requirement(verdict: Verdict) -> list[RequirementRow]:
    """Make a row for each requirement; those that some engine fails come first."""
    rows: dict[str, RequirementRow] = {}
    for group in grouped_checks(verdict):
        check = group.first
        rows.setdefault(check.text, RequirementRow(check.text, group.title, check.reason, [])).groups.append(group)

    def worst(row: RequirementRow) -> int:
        return min(_WORST_FIRST.index(group.first.status) for group in row.groups)

    return sorted(rows.values(), key=worst)
