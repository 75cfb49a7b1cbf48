"""JUnit XML report: one test for each requirement, or for each number of a comparison, for build servers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from xml.etree import ElementTree

from deidkit.audit_changes import Comparison
from deidkit.result import AuditResult
from deidkit_reports import changes


@dataclass(frozen=True)
class Case:
    """One test, with the reason why it failed or is inconclusive; both empty if it passed."""

    name: str
    failure: str = ""
    skipped: str = ""


@dataclass(frozen=True)
class JUnitReport:
    """Checks of requirements as tests; of a comparison, each number: it fails where it is worse."""

    version: ClassVar[str] = "1"

    def write(self, result: AuditResult, folder: Path) -> Sequence[Path]:
        """Write ``report.junit.xml``: each check of each judged engine, and its leaks and holes."""
        suites: dict[str, list[Case]] = {}
        for verdict in result.verdict.engines:
            found = suites.setdefault(verdict.engine, [Case("no leak"), Case("evidence complete")])
            found += [Case("no leak", failure=leak) for leak in verdict.leaks]
            found += [Case("evidence complete", skipped=hole) for hole in verdict.holes]
        for check in result.verdict.requirements:
            name = f"{check.text}{f' ({check.recognizer})' if check.recognizer else ''}"
            failure = check.explanation if check.status == "FAIL" else ""
            skipped = check.explanation if check.status == "INCONCLUSIVE" else ""
            suites.setdefault(check.engine, []).append(Case(name, failure, skipped))
        return [_write(f"deidkit audit {result.audit_id}", suites, folder / "report.junit.xml")]

    def write_comparison(self, comparison: Comparison, folder: Path) -> Sequence[Path]:
        """Write ``comparison.junit.xml``."""
        suites: dict[str, list[Case]] = {}
        for other, engine in changes.pairs(comparison):  # no ids in names, so that build servers keep a test's history
            name = engine.after if engine.before == engine.after else f"{engine.after} against {engine.before}"
            if len(comparison.others) > 1:
                name += f", audit {other.audit.audit_id}"
            suites[name] = [
                Case(
                    f"{c.title}{f' ({c.recognizer})' if c.recognizer else ''}",
                    failure=f"worse: {changes.value(c.before)} before, {changes.value(c.after)} after, difference "
                    f"{changes.difference(c.difference)}" if c.direction == "worse" else "",
                    skipped=f"not decided: {c.difference.reason or c.difference.interval}"
                    if c.direction == "not decided" else "",
                )
                for c in engine.changes
            ]  # fmt: skip
        for other in comparison.others:
            for label in other.removed:
                missing = f"it is not in audit {other.audit.audit_id}"
                suites.setdefault(label, []).append(Case("still measured", failure=missing))
        return [_write(f"deidkit compare {comparison.first.audit_id}", suites, folder / "comparison.junit.xml")]


def _write(name: str, suites: dict[str, list[Case]], path: Path) -> Path:
    root = ElementTree.Element("testsuites", name=_xml(name))
    for suite, found in suites.items():
        cases = _merged_by_name(found)
        failed, skipped = sum(bool(c.failure) for c in cases), sum(bool(c.skipped) for c in cases)
        counts = {"tests": str(len(cases)), "failures": str(failed), "errors": "0", "skipped": str(skipped)}
        group = ElementTree.SubElement(root, "testsuite", {"name": _xml(suite), **counts})
        for case in cases:
            test = ElementTree.SubElement(group, "testcase", name=_xml(case.name), classname=_xml(suite))
            for kind, message in (("failure", case.failure), ("skipped", case.skipped)):
                if message:
                    ElementTree.SubElement(test, kind, message=_xml(message)).text = _xml(message)
    ElementTree.indent(root)
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
    return path


def _merged_by_name(cases: Sequence[Case]) -> list[Case]:
    """Merge cases of the same name, by which build servers track tests; a failure takes precedence over a skip."""
    together: dict[str, list[Case]] = {}
    for case in cases:
        together.setdefault(case.name, []).append(case)
    failures = {name: "; ".join(filter(None, (case.failure for case in same))) for name, same in together.items()}
    return [
        Case(name, failures[name], "" if failures[name] else "; ".join(filter(None, (case.skipped for case in same))))
        for name, same in together.items()
    ]


def _xml(text: str) -> str:
    """Remove the characters that XML 1.0 does not allow."""
    return "".join(c if c.isprintable() or c in "\n\t" else " " for c in text if not 0xD800 <= ord(c) <= 0xDFFF)
