"""Options of an audit besides data set, engines and recognizers, as keyword arguments."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypedDict

from deidkit.attacks import Attacker
from deidkit.measures.quality import SmallPictures
from deidkit.pipeline.plan import EngineChoice
from deidkit.protocols import PalmVariant, QualityMeasure


class AuditOptions(TypedDict, total=False):
    """What decides the numbers, see `AuditPlan`, and how the audit is run, see `Execution`."""

    seeds: int
    analyzer: str
    segmenter: str
    roi_rule: str
    palm: PalmVariant
    roi_from: Literal["deidentified", "original"]
    small_pictures: SmallPictures
    exclude: Path | None
    quality: Sequence[str | QualityMeasure]
    policy: str
    requirements: Sequence[str]
    include_originals: bool
    baselines: Sequence[EngineChoice]
    attack: str
    attackers: Sequence[str | Attacker]
    attack_budget: float
    attack_runs: int | None
    sample_pairs: int | None
    isolate: bool
    resume: bool
    overwrite: bool
    work: Path | str | None
    threads: int
    cluster: str
    command: str
    formats: Sequence[str]
