"""Verdicts in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from deidkit.result import EngineResult, EngineVerdict, Requirement, Status
from deidkit.titles import title_of

NO_REQUIREMENT = "No requirement was stated, so this audit reports measurements and no verdict."
NOTHING_JUDGED = "Only controls and baselines were audited, so there was nothing to judge by the requirements."

ORDER: dict[Status, int] = {"FAIL": 0, "INCONCLUSIVE": 1, "NO REQUIREMENT": 2, "PASS": 3}
"""Statuses by precedence."""


def finding_sentence(engine: EngineResult, name: str, count: int, explanation: str) -> str:
    """Number of occurrences of a finding, out of the pictures that could have it."""
    return f"{count} of {max(count, engine.expected)} {name}: {explanation}"


def engine_sentence(status: Status, checks: Sequence[Requirement], leaks: Sequence[str], holes: Sequence[str]) -> str:
    """Verdict on one engine, from its checks and findings."""
    by_status = {name: [check for check in checks if check.status == name] for name in ORDER}
    failed, undecided = by_status["FAIL"], by_status["INCONCLUSIVE"]
    parts = []
    if leaks:
        parts.append(f"A leak was found: {'; '.join(leaks)}")
    if failed:
        parts.append(f"{_share(failed, checks)} failed: {_first(failed)}")
    if status == "INCONCLUSIVE" and undecided:
        needed = [check.subjects_needed for check in undecided]
        known = [number for number in needed if number is not None]
        several = len(known) == len(needed) > 1  # the explanation of a single check has its own advice
        advice = f"; about {max(known)} subjects would decide all of them" if several else ""
        parts.append(f"{_share(undecided, checks)} could not be decided: {_first(undecided)}{advice}")
    if status in ("INCONCLUSIVE", "NO REQUIREMENT") and holes:
        passed = f"{_every(checks)} passed, but the" if checks and not undecided else "The"
        parts.append(f"{passed} evidence is incomplete: {'; '.join(holes)}")
    if status == "PASS":
        parts.append(f"{_every(checks)} passed, on these data and recognizers")
    return ". ".join(parts) + "." if parts else NO_REQUIREMENT


def _share(some: Sequence[Requirement], checks: Sequence[Requirement]) -> str:
    return "The check" if len(checks) == 1 else f"{len(some)} of {len(checks)} checks"


def _every(checks: Sequence[Requirement]) -> str:
    return "The check" if len(checks) == 1 else f"All {len(checks)} checks"


def _first(checks: Sequence[Requirement]) -> str:
    first = checks[0]
    against = f" against {first.recognizer}" if first.recognizer else ""
    more = f"; {len(checks) - 1} more" if len(checks) > 1 else ""
    return f"{title_of(first.metric)}{against}, {first.explanation.rstrip('.')}{more}"


def overall_sentence(engines: Sequence[EngineVerdict], status: Status, *, required: bool) -> str:
    """Verdict on the audit; `required`: whether there were any requirements."""
    if not engines:
        return NOTHING_JUDGED if required else NO_REQUIREMENT
    if len(engines) == 1:
        return engines[0].sentence
    if status == "NO REQUIREMENT":
        incomplete = [f"{engine.engine}: {engine.sentence}" for engine in engines if engine.holes]
        return " ".join([NO_REQUIREMENT, *incomplete])
    named = {name: [engine.engine for engine in engines if engine.status == name] for name in ORDER}
    words: dict[Status, tuple[str, str]] = {
        "FAIL": ("fails", "fail"),
        "INCONCLUSIVE": ("could not be decided", "could not be decided"),
        "PASS": ("passes", "pass"),
    }
    parts = [
        f"{len(named[name])} of {len(engines)} engines {phrase[len(named[name]) > 1]}: {', '.join(named[name])}"
        for name, phrase in words.items()
        if named[name]
    ]
    return ". ".join(parts) + "."
