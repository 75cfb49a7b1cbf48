"""Records of what was audited, and with what."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Component:
    """One plugin as it was used.

    Attributes:
        kind: ``engine``, ``recognizer``, ``dataset``, ``hand_analyzer``, ``segmenter``, ``roi_rule``,
            ``quality_measure``.
        name: Entry-point name.
        label: Its name in tables, with the options that distinguish it, e.g. ``pixelate (block=16)``.
        version: The plugin's own.
        distribution: Package and version that brought it.
        options: Every option with its value, defaults included.
        weights: File name -> SHA-256 of each model file used.
        control: Whether it is there to calibrate the audit.
        baseline: Whether it is a yardstick that is measured and not judged.
        remark: What a reader must know about it, e.g. what its weights were trained on; one clause, or empty.
    """

    kind: str
    name: str
    label: str
    version: str
    distribution: str
    options: dict[str, Any] = field(default_factory=dict)
    weights: dict[str, str] = field(default_factory=dict)
    control: bool = False
    baseline: bool = False
    remark: str = ""

    @property
    def judged(self) -> bool:
        """Whether a verdict is given on it: controls and baselines are measured only."""
        return not (self.control or self.baseline)


@dataclass(frozen=True, kw_only=True)
class Exclusion:
    """Samples left out for one reason."""

    reason: str
    count: int


@dataclass(frozen=True, kw_only=True)
class DatasetSummary:
    """What was audited.

    Attributes:
        component: The adapter.
        fingerprint: SHA-256 over every sample's key, identity and content digest.
        samples: Number of samples used, after exclusions.
        subjects: Number of people.
        identities: Number of hands.
        sessions: Number of sessions, None where the data set does not say.
        kind: ``hand``, ``roi`` or ``mixed``.
        exclusions: What was left out and why.
        notes: Findings about the data set (duplicates, aliases), one sentence each.
        hands: Number of hands in a picture -> how many originals show that many; empty where it was not counted.
    """

    component: Component
    fingerprint: str
    samples: int
    subjects: int
    identities: int
    sessions: int | None
    kind: str
    exclusions: list[Exclusion] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    hands: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where, when and with what the audit ran.

    Attributes:
        command: The command line.
        deidkit: Version of deidkit.
        commit: Git commit of the code when it runs from a checkout, else empty.
        python: Version.
        platform: Operating system and processor.
        packages: Name -> version of the packages that numbers depend on.
        started: UTC, ISO 8601.
        finished: UTC, ISO 8601.
        wall_seconds: Time spent in this run (a resumed audit counts only its last run).
        seeds: Seeds of the engines.
        options: Every option of the audit.
    """

    command: str
    deidkit: str
    commit: str
    python: str
    platform: str
    packages: dict[str, str]
    started: str
    finished: str
    wall_seconds: float
    seeds: dict[str, Any]
    options: dict[str, Any]
