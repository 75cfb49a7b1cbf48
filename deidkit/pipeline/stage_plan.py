"""The stages of an audit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deidkit.pipeline.plugin_set import PluginSet
from deidkit.pipeline.stages import Stage
from deidkit.pipeline.stages_of_adversaries import OwnCopies
from deidkit.pipeline.stages_of_copies import Copies, CopyTemplates, Examinations, Measurements, Thumbnails
from deidkit.pipeline.stages_of_originals import Originals, OriginalTemplates
from deidkit.pipeline.stages_of_regions import CopyRegions, OriginalRegions
from deidkit.plugins import Loaded
from deidkit.protocols import Engine, Recognizer


@dataclass(frozen=True)
class EngineStages:
    """The stages of one engine.

    Attributes:
        number: Of the engine in the audit, from 1.
        templates: Recognizer's label -> templates of the copies.
        examinations: Changes, quality and usability.
        regions: Input of attackers; None without attacks.
        own_copies: Copies made by an adversary; None if none are needed, or the engine cannot be called.
    """

    number: int
    engine: Loaded[Engine]
    copies: Copies
    templates: Mapping[str, CopyTemplates]
    examinations: Examinations
    measurements: Sequence[Measurements]
    thumbnails: Thumbnails
    regions: CopyRegions | None
    own_copies: OwnCopies | None

    @classmethod
    def of(cls, number: int, engine: Loaded[Engine], plugins: PluginSet, runs: int) -> EngineStages:
        """The stages of an engine among the plugins of an audit; an adversary runs it `runs` times if it can be."""
        runs = 0 if engine.plugin.finished else runs
        return cls(
            number=number,
            engine=engine,
            copies=Copies(engine),
            templates={item.component.label: CopyTemplates(engine, item) for item in plugins.recognizers},
            examinations=Examinations(engine),
            measurements=[Measurements(engine, measure) for measure in plugins.quality],
            thumbnails=Thumbnails(engine),
            regions=CopyRegions(engine) if plugins.attackers else None,
            own_copies=OwnCopies(engine, runs) if runs else None,
        )

    @property
    def after_copies(self) -> Sequence[Stage[Any]]:
        """Every stage that needs the pictures."""
        further = [stage for stage in (self.regions, self.own_copies) if stage]
        return [*self.templates.values(), self.examinations, *self.measurements, self.thumbnails, *further]


@dataclass(frozen=True)
class RecognizerStages:
    """The stages of one recognizer on the originals."""

    recognizer: Loaded[Recognizer]
    templates: OriginalTemplates


@dataclass(frozen=True)
class StagePlan:
    """Every stage of an audit."""

    originals: Originals
    regions: OriginalRegions | None
    recognizers: Sequence[RecognizerStages]
    engines: Sequence[EngineStages]

    @property
    def all(self) -> Sequence[Stage[Any]]:
        """Every stage, those of originals first; the same plugins give the same order."""
        found: list[Stage[Any]] = [self.originals, *(recognizer.templates for recognizer in self.recognizers)]
        if self.regions:
            found.append(self.regions)
        for engine in self.engines:
            found += [engine.copies, *engine.after_copies]
        return found

    @classmethod
    def of(cls, plugins: PluginSet, attack_runs: int | None = None) -> StagePlan:
        """The stages that the plugins of an audit need."""
        most_runs = max((item.plugin.runs for item in plugins.attackers), default=0)
        runs = most_runs if attack_runs is None or not most_runs else attack_runs
        return cls(
            originals=Originals(),
            regions=OriginalRegions() if plugins.attackers else None,
            recognizers=[RecognizerStages(item, OriginalTemplates(item)) for item in plugins.recognizers],
            engines=[EngineStages.of(place, engine, plugins, runs) for place, engine in enumerate(plugins.engines, 1)],
        )
