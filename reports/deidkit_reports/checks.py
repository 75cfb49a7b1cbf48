"""Checks of requirements for a reader: what failed first, and what agrees in one row."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from deidkit.result import Requirement, Verdict
from deidkit.titles import title_of
from deidkit.verdict import STRONGEST


@dataclass(frozen=True)
class CheckGroup:
    """Checks of one requirement on one engine that came out alike, one for each recognizer."""

    checks: list[Requirement]

    @property
    def first(self) -> Requirement:
        """What all of them have in common, and the first explanation."""
        return self.checks[0]

    @property
    def title(self) -> str:
        """The metric in words."""
        return title_of(self.first.metric)

    @property
    def recognizers(self) -> str:
        """Which recognizers agree."""
        if len(self.checks) > 2:
            return f"{len(self.checks)} recognizers"
        of_pictures = "all attacks" if self.first.metric.startswith(STRONGEST) else "for pictures"
        return " and ".join(check.recognizer for check in self.checks) or of_pictures


def grouped_checks(verdict: Verdict) -> list[CheckGroup]:
    """All checks of a verdict, which lists what failed first."""
    agreeing = groupby(verdict.requirements, lambda check: (check.status, check.engine, check.text))
    return [CheckGroup(list(checks)) for _, checks in agreeing]


@dataclass(frozen=True)
class RequirementRow:
    """One requirement, and how the engines stand to it.

    Attributes:
        groups: Checks that agree, of each engine and outcome, those that failed first.
    """

    text: str
    title: str
    reason: str
    groups: list[CheckGroup]

    @property
    def open(self) -> list[CheckGroup]:
        """Those that failed or could not be decided."""
        return [group for group in self.groups if group.first.status != "PASS"]

    @property
    def passed(self) -> list[CheckGroup]:
        """Those that passed."""
        return [group for group in self.groups if group.first.status == "PASS"]


_WORST_FIRST = ("FAIL", "INCONCLUSIVE", "PASS")


def by_requirement(verdict: Verdict) -> list[RequirementRow]:
    """A row for each requirement, those that some engine fails first."""
    rows: dict[str, RequirementRow] = {}
    for group in grouped_checks(verdict):
        check = group.first
        rows.setdefault(check.text, RequirementRow(check.text, group.title, check.reason, [])).groups.append(group)

    def worst(row: RequirementRow) -> int:
        return min(_WORST_FIRST.index(group.first.status) for group in row.groups)

    return sorted(rows.values(), key=worst)
