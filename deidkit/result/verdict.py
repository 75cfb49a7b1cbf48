"""Records of the verdict."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Status = Literal["PASS", "FAIL", "INCONCLUSIVE", "NO REQUIREMENT"]


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """One check: a stated requirement on one engine and, where it applies, one recognizer.

    Attributes:
        text: The requirement as it was written.
        engine: Engine label.
        recognizer: Recognizer label, empty for quality, usability and counts of findings.
        status: ``PASS``, ``FAIL`` or ``INCONCLUSIVE``.
        measured: The end of the interval, or the number, that decided; None where there was none.
        explanation: One sentence.
        metric: Name of the metric.
        reason: Why the policy states the requirement; empty for one without a reason.
        subjects_needed: About how many subjects would decide it, if more of them gave the same number; None where it is
            decided or cannot be known.
    """

    text: str
    engine: str
    recognizer: str
    status: Status
    measured: float | None
    explanation: str
    metric: str = ""
    reason: str = ""
    subjects_needed: int | None = None


@dataclass(frozen=True, kw_only=True)
class EngineVerdict:
    """What the audit says about one engine.

    Attributes:
        engine: Engine label.
        status: FAIL where a leak was found or a requirement failed, else INCONCLUSIVE where anything is not decided.
        sentence: The verdict in one sentence.
        leaks: A sentence for each finding that shows identity in the copies.
        holes: A sentence for each thing that the evidence lacks: with one, nothing passes.
    """

    engine: str
    status: Status
    sentence: str
    leaks: list[str] = field(default_factory=list)
    holes: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the audit says against the stated requirements.

    Attributes:
        status: Of the whole audit: FAIL if any engine fails, else INCONCLUSIVE if any could not be judged.
        sentence: The verdict in one sentence.
        requirements: Every check, those that failed first.
        engines: The verdict on each engine that is judged, those that fail first.
        policy: Name of the policy; empty where single requirements were stated.
        policy_digest: SHA-256 of everything that the policy states, in hex; empty where nothing was stated.
    """

    status: Status
    sentence: str
    requirements: list[Requirement] = field(default_factory=list)
    engines: list[EngineVerdict] = field(default_factory=list)
    policy: str = ""
    policy_digest: str = ""
