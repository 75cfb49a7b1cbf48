"""Input of the attackers in an audit; only attacked pictures are held in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deidkit import attacks
from deidkit.attacks import CONTROL_ORIGINALS, MOST_ORIGINALS, AttackMaterial, Labels, Pictures
from deidkit.pipeline.context import AuditContext
from deidkit.pipeline.numbering import Numbering
from deidkit.pipeline.records import RegionsRecord
from deidkit.pipeline.stage_plan import EngineStages, StagePlan
from deidkit.pipeline.stages import StageResults
from deidkit.plugins import create
from deidkit.protocols import Recognizer

FOLD_SEED = 0
"""Seed of the folds, and of the attackers' random numbers."""


class Materials:
    """The material of every attack of one audit."""

    def __init__(self, context: AuditContext, stages: StagePlan, results: StageResults, numbering: Numbering) -> None:
        self._context, self._stages, self._results, self._numbering = context, stages, results, numbering
        self._of_engine: tuple[int, AttackMaterial] | None = None
        self._recruits: dict[str, Recognizer] = {}
        self._recruiting = Lock()

    @cached_property
    def for_controls(self) -> AttackMaterial:
        """Originals for the controls that do not depend on the engine; they also serve as copies."""
        return self._of_originals(CONTROL_ORIGINALS)

    def of(self, engine: EngineStages) -> AttackMaterial:
        """Originals and copies of an engine; only the material of the last engine is cached."""
        if self._of_engine is None or self._of_engine[0] != engine.number:
            self._of_engine = None  # free it before the next one is loaded
            self._of_engine = engine.number, self._gathered(engine)
        return self._of_engine[1]

    def _gathered(self, engine: EngineStages) -> AttackMaterial:
        originals = self._attacked
        sources = originals.originals.labels.sources
        assert engine.regions is not None, "attacks are made where their stages are"
        own: Pictures | None = None
        if engine.own_copies:
            own = self._pictures((record.regions for record in self._results.of(engine.own_copies)), sources)
        copies = self._pictures(self._results.of(engine.regions), sources)
        return AttackMaterial(
            originals=originals.originals,
            copies=copies,
            folds=originals.folds,
            recognizers=originals.recognizers,
            own=own if own is not None and len(own) else None,
            recruit=originals.recruit,
            seed=originals.seed,
            cancelled=originals.cancelled,
            memo=self.for_controls.memo,
        )

    @cached_property
    def _attacked(self) -> AttackMaterial:
        return self._of_originals(MOST_ORIGINALS)

    @cached_property
    def _labels(self) -> Labels:
        """Labels of all originals with a region."""
        numbers = [np.asarray(record.numbers, np.int32) for record in self._of_stage()]
        seeds = np.zeros(sum(map(len, numbers)), np.int32)
        return self._labelled(np.concatenate(numbers), seeds)

    @cached_property
    def _originals(self) -> Pictures:
        """Originals of the controls and of the attacks."""
        return self._pictures(self._of_stage(), np.union1d(*map(self._sources, (CONTROL_ORIGINALS, MOST_ORIGINALS))))

    def _sources(self, most: int) -> NDArray[np.int32]:
        return self._labels.sources[attacks.limited_rows(self._labels, most, FOLD_SEED)]

    def _of_originals(self, most: int) -> AttackMaterial:
        labels = self._labels
        rows = np.flatnonzero(np.isin(self._originals.labels.sources, self._sources(most)))
        originals = self._originals.rows(rows)
        return AttackMaterial(
            originals=originals,
            copies=originals,
            folds=attacks.identity_folds(labels.subjects, seed=FOLD_SEED),
            recognizers={
                recognizer.component.label: recognizer.plugin
                for recognizer in self._context.plugins.recognizers
                if recognizer.plugin.input == "roi"
            },
            recruit=self._recruited,
            seed=FOLD_SEED,
            cancelled=self._context.plugins.cancelled.is_set,
        )

    def _of_stage(self) -> Iterator[RegionsRecord]:
        assert self._stages.regions is not None, "attacks are made where their stages are"
        return self._results.of(self._stages.regions)

    def _pictures(self, records: Iterable[RegionsRecord], sources: NDArray[np.int32]) -> Pictures:
        """Pictures of the originals, or of their copies, with these source numbers."""
        parts = [_part(record, sources) for record in records]
        numbers, seeds = (np.concatenate([getattr(part, name) for part in parts]) for name in ("numbers", "seeds"))
        contexts = [part.contexts for part in parts if part.contexts is not None]
        return Pictures(
            regions=np.concatenate([part.regions for part in parts]),
            labels=self._labelled(numbers, seeds),
            found=np.concatenate([part.found for part in parts]),
            contexts=np.concatenate(contexts) if len(contexts) == len(parts) else None,
            colours=_coloured(parts),
        )

    def _labelled(self, samples: NDArray[np.int32], seeds: NDArray[np.int32]) -> Labels:
        numbering = self._numbering
        return Labels(numbering.identities[samples], numbering.subjects[samples], samples, seeds)

    def _recruited(self, name: str) -> Recognizer:
        """A recognizer of the audit by its plain name, or a new one for the attackers."""
        of_audit = (item for item in self._context.plugins.recognizers if item.component.name == name)
        with self._recruiting:
            if name not in self._recruits:
                chosen = next(of_audit, None) or create("recognizer", name)
                self._recruits[name] = chosen.plugin
            return self._recruits[name]


class _Part(NamedTuple):
    """A subset of a record's pictures."""

    numbers: NDArray[np.int32]
    seeds: NDArray[np.int32]
    regions: NDArray[np.uint8]
    found: NDArray[np.uint8]
    contexts: NDArray[np.uint8] | None
    colours: NDArray[np.uint8] | None


def _part(record: RegionsRecord, sources: NDArray[np.int32]) -> _Part:
    numbers = np.asarray(record.numbers, np.int32)
    rows = np.flatnonzero(np.isin(numbers, sources))
    contexts = None if record.contexts is None else record.contexts[rows]
    colours = None if record.colours is None else record.colours[rows]
    seeds = np.asarray(record.seeds, np.int32)[rows]
    return _Part(numbers[rows], seeds, record.regions[rows], record.found[rows], contexts, colours)


def _coloured(parts: Sequence[_Part]) -> NDArray[np.uint8] | None:
    """Colour regions, with grey ones repeated over three channels; None if all pictures are grey."""
    if all(part.colours is None for part in parts):
        return None
    return np.concatenate(
        [np.repeat(part.regions[..., None], 3, axis=3) if part.colours is None else part.colours for part in parts]
    )
