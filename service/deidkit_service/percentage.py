"""Progress of a whole audit: stages weighted by their durations in the last finished audit of the benchmark.

An estimate: a slower engine or machine changes the weights.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec
from sqlalchemy import select

from deidkit.result import Timing
from deidkit_service import tables
from deidkit_service.benchmarks import frozen_of
from deidkit_service.home import Home

Part = Literal["pictures", "numbers", "controls", "attacks", "dossier"]

STAGE_PREFIXES: dict[str, Part] = {
    "pictures to templates": "pictures",
    "metrics, ": "numbers",
    "controls of attacks": "controls",
    "attacks, ": "attacks",
    "dossier": "dossier",
}
"""Prefix of stage names -> part of an audit; other stages take next to no time."""

ESTIMATED_SECONDS: dict[Part, float] = {
    "pictures": 55.0,
    "numbers": 2.0,
    "controls": 10.0,
    "attacks": 25.0,
    "dossier": 3.0,
}
"""Seconds of each part where no audit of the benchmark has finished: about those of 120 photographs of hands, the
standard attacks and MTCC on one processor. Only their ratios count."""


class AuditParts:
    """The parts of an audit.

    Args:
        counts: Number of stages of each part; parts that are absent are not counted.
        seconds: Expected duration of each part in seconds.
    """

    def __init__(self, counts: Mapping[Part, int], seconds: Mapping[Part, float]) -> None:
        self._counts, self._seconds = counts, seconds

    def percent(self, ended: Iterable[str], under_way: Mapping[str, float]) -> int:
        """Percentage of the audit that is done, 0 to 99, from ended stages and the finished shares of open ones."""
        made: defaultdict[str, float] = defaultdict(float)
        for name, share in [*((name, 1.0) for name in ended), *under_way.items()]:
            made[part_of(name)] += share
        total = sum(self._seconds[part] for part in self._counts)
        done = sum(self._seconds[part] * min(1.0, made[part] / count) for part, count in self._counts.items())
        return min(99, int(100 * done / total))


def part_of(stage: str) -> Part | Literal[""]:
    """Return the part of an audit that a stage belongs to; empty for stages of negligible duration."""
    return next((part for beginning, part in STAGE_PREFIXES.items() if stage.startswith(beginning)), "")


def audit_parts(home: Home, row: tables.Submission, benchmark: tables.Benchmark) -> AuditParts:
    """Return the parts of a submission's audit with their expected durations."""
    frozen = frozen_of(benchmark)
    engines, recognizers = 1 + frozen.identity_control, len(frozen.recognizers)
    counts: dict[Part, int] = {"pictures": 1, "numbers": recognizers * (1 + engines), "dossier": 1}
    if frozen.attack != "none" or frozen.attackers:
        counts |= {"controls": 1, "attacks": engines}
    return AuditParts(counts, ESTIMATED_SECONDS | _measured_seconds(home, row))


class _Report(msgspec.Struct):
    """The fields that are read from a report."""

    timings: list[Timing]


def _measured_seconds(home: Home, row: tables.Submission) -> dict[Part, float]:
    """Seconds of each part in the last finished audit of the same benchmark; empty if there is none."""
    s = tables.Submission
    done = select(s.id).where(s.benchmark == row.benchmark, s.kind == row.kind, s.state == "done")
    with home.database.reading() as session:
        last = session.scalar(done.order_by(s.finished.desc()).limit(1))
    try:
        found = (home.submission(last or "") / "report" / "report.json").read_bytes()
        timings = msgspec.json.decode(found, type=_Report).timings
    except (OSError, msgspec.DecodeError):  # no such audit, or its report was deleted meanwhile
        return {}
    seconds: defaultdict[str, float] = defaultdict(float)
    for timing in timings:
        part = "numbers" if timing.stage.startswith("comparison, ") else part_of(timing.stage)
        seconds[part] += timing.seconds
    seconds["attacks"] -= seconds["controls"]  # controls run within the first engine's attack stage
    return {part: seconds[part] for part in ESTIMATED_SECONDS if seconds[part] > 0}
