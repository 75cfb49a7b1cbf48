"""What is to be audited, as plain values: equal plans give equal numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

import deidkit
from deidkit.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class AuditPlan:
    """Everything that decides the numbers of an audit.

    Attributes:
        dataset: ``NAME``, ``NAME:PATH`` or a path.
        engines: ``NAME[:options]`` of each anonymizer.
        recognizers: ``NAME[:options]`` of each recognizer.
        seeds: How many seeds each engine that can give different results is run with: 0, 1, ... seeds - 1.
        analyzer: Hand analyzer.
        segmenter: Segmenter.
        roi_rule: ROI rule.
        palm: Which published palm polygon the engines get.
        roi_from: Where a copy's palm ROI comes from: found anew in the de-identified picture, as an attacker who
            holds nothing else must, or placed as in the original, as one who holds that can.
        exclude: File that lists samples to leave out.
        resamples: Bootstrap resamples of the subjects.
        bootstrap_seed: Seed of the bootstrap.
        quality: ``NAME[:options]`` of each further measure of quality.
        requirements: ``METRIC >= NUMBER`` statements.
        include_originals: Whether the report may show originals.
    """

    dataset: str
    engines: tuple[str, ...]
    recognizers: tuple[str, ...]
    seeds: int = 1
    analyzer: str = "mediapipe"
    segmenter: str = "grabcut"
    roi_rule: str = "valley"
    palm: Literal["paper", "program"] = "paper"
    roi_from: Literal["deidentified", "original"] = "deidentified"
    exclude: Path | None = None
    resamples: int = 1000
    bootstrap_seed: int = 0
    quality: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    include_originals: bool = False

    def __post_init__(self) -> None:
        for what, given in (("engine", self.engines), ("recognizer", self.recognizers), ("quality", self.quality)):
            if not given and what != "quality":
                raise UsageError(f"an audit needs at least one --{what}; see: deidkit plugins --kind {what}")
            twice = next((text for text in given if given.count(text) > 1), None)
            if twice:
                raise UsageError(f"--{what} {twice} is given twice.")

    def values(self) -> dict[str, Any]:
        """The plan ready for JSON."""
        plain = asdict(self)
        plain["exclude"] = str(self.exclude) if self.exclude else None
        return plain

    def digest(self, meant: Sequence[str]) -> str:
        """SHA-256 of the plan and of deidkit's version: what an interrupted audit is found by.

        Args:
            meant: The files and folders that the plan's words mean here, see `Parts.meant`.
        """
        exclude = str(self.exclude.resolve()) if self.exclude else None
        text = msgspec.json.encode([deidkit.__version__, self.values(), exclude, meant], order="sorted")
        return hashlib.sha256(text).hexdigest()
