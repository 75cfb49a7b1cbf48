"""The plan of an audit as plain values: equal plans give equal results."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import msgspec

import deidkit
from deidkit import defaults
from deidkit.attack_sets import attackers_of
from deidkit.attacks import BUDGET_SECONDS, Attacker
from deidkit.errors import UsageError
from deidkit.measures.quality import SmallPictures
from deidkit.protocols import Dataset, Engine, Image, PalmVariant, QualityMeasure, Recognizer

EngineChoice = str | Engine | Callable[[Image], Image]
"""An engine by name or reference, as an object, or as a function from a picture to a picture."""

MOST_RUNS = 16
"""Largest number of runs of an engine by an adversary."""


@dataclass(frozen=True, kw_only=True)
class AuditPlan:
    """All parameters that determine an audit's results.

    Attributes:
        dataset: ``NAME``, ``NAME:PATH``, a path, or an object.
        engines: ``NAME[:options]``, ``module:Class`` or an object for each anonymizer.
        seeds: How many seeds each engine that can give different results is run with: 0, 1, ... seeds - 1.
        palm: Which published palm polygon the engines get.
        roi_from: Where a copy's palm ROI comes from: detected in the de-identified picture, as an attacker who
            holds nothing else must, or placed as in the original, as one who holds that can.
        small_pictures: Whether SSIM, MS-SSIM and PSNR are measured on pictures under 161 pixels as they are (MS-SSIM
            alone needs them larger), or as the published program does, on 200 x 200.
        exclude: File that lists samples to leave out.
        quality: ``NAME[:options]`` of each further measure of quality.
        policy: Name or file of a policy; empty for none.
        requirements: ``METRIC >= NUMBER`` statements, in addition to those of the policy.
        include_originals: Whether the report may show originals.
        baselines: Engines to compare with; measured and never judged.
        attackers: Further attackers, by name, reference or as objects.
        attack_budget: Wall time in seconds of each attack on an engine, and of each of its controls.
        attack_runs: How often an adversary runs each engine on his gallery; 0 for never, and then nobody asks an
            engine again whether it repeats itself either. None for as often as the attackers want.
        sample_pairs: Most comparisons between originals, between copies and originals, and between copies, by each
            recognizer; where there are more, a sample of them is made. None for all.
        isolate: Whether each engine runs in a separate process.
    """

    dataset: str | Path | Dataset
    engines: tuple[EngineChoice, ...]
    recognizers: tuple[str | Recognizer, ...]
    seeds: int = 1
    analyzer: str = defaults.HAND_ANALYZER
    segmenter: str = defaults.SEGMENTER
    roi_rule: str = defaults.ROI_RULE
    palm: PalmVariant = "paper"
    roi_from: Literal["deidentified", "original"] = "deidentified"
    small_pictures: SmallPictures = "keep"
    exclude: Path | None = None
    quality: tuple[str | QualityMeasure, ...] = ()
    policy: str = ""
    requirements: tuple[str, ...] = ()
    include_originals: bool = False
    baselines: tuple[EngineChoice, ...] = ()
    attack: str = defaults.ATTACK
    attackers: tuple[str | Attacker, ...] = ()
    attack_budget: float = BUDGET_SECONDS
    attack_runs: int | None = None
    sample_pairs: int | None = None
    isolate: bool = False

    def __post_init__(self) -> None:
        if not self.attack_budget > 0:
            raise UsageError(f"--attack-budget {self.attack_budget:g} leaves no time; give seconds above 0.")
        if self.attack_runs is not None and not 0 <= self.attack_runs <= MOST_RUNS:
            raise UsageError(f"--attack-runs {self.attack_runs} is not in 0..{MOST_RUNS}.")
        lists: dict[str, tuple[object, ...]] = {
            "engine": (*self.engines, *self.baselines),
            "recognizer": self.recognizers,
            "quality": self.quality,
            "attacker": self.attackers,
        }
        for what, given in lists.items():
            if not given and what not in ("quality", "attacker"):
                raise UsageError(f"an audit needs at least one --{what}; see: deidkit plugins --kind {what}")
            keys = [choice if isinstance(choice, str) else id(choice) for choice in given]  # an array equals nothing
            twice = next((choice for choice, key in zip(given, keys, strict=True) if keys.count(key) > 1), None)
            if twice is not None:
                raise UsageError(f"--{what} {_choice_name(twice)} is given twice.")

    @property
    def all_attackers(self) -> tuple[str | Attacker, ...]:
        """Attackers of the set, then the further ones, without duplicates, combining attackers last."""
        return tuple(dict.fromkeys([*attackers_of(self.attack), *self.attackers]))

    def values(self) -> dict[str, Any]:
        """The plan ready for JSON."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        plain["exclude"] = str(self.exclude) if self.exclude else None
        plain["dataset"] = _choice_name(self.dataset)
        for name in ("engines", "recognizers", "quality", "baselines", "attackers"):
            plain[name] = [_choice_name(choice) for choice in plain[name]]
        return plain

    def digest(self, paths: Sequence[str]) -> str:
        """SHA-256 of the plan and of deidkit's version, by which an interrupted audit is found.

        Args:
            paths: The files and folders that the plan refers to, see `PluginSet.paths`.
        """
        exclude = str(self.exclude.resolve()) if self.exclude else None
        text = msgspec.json.encode([deidkit.__version__, self.values(), exclude, paths], order="sorted")
        return hashlib.sha256(text).hexdigest()


def _choice_name(choice: object) -> str:
    """Name of a choice in the record: its text, or the name of an object's class or of a function."""
    return str(choice) if isinstance(choice, str | Path) else str(getattr(choice, "__name__", type(choice).__name__))
