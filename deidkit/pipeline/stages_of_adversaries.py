"""Stage that runs an engine again: for an adversary's gallery, and to test whether the engine is deterministic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from deidkit.hand import AnalyzedImage, HandAnalysis
from deidkit.leakage import pixel_hash, turned_back
from deidkit.pipeline.batch_work import BatchWork, Copy, palm_in_copy
from deidkit.pipeline.engine_calls import EngineCall
from deidkit.pipeline.plugin_warnings import PluginWarnings
from deidkit.pipeline.records import OwnCopiesRecord
from deidkit.pipeline.stages import Stage
from deidkit.pipeline.stages_of_regions import Shown, regions_record
from deidkit.pipeline.workspace import key_of
from deidkit.plugins import Loaded
from deidkit.protocols import Engine, Failure, Handedness, Image

OWN_SEED = 1_000_003
"""First seed of an adversary, distinct from those of an audit."""

REPEATED = 2
"""Pictures per batch whose first copy is requested again."""

WITH_DECOY = 8
"""Number of initial batches in which an engine gets a decoy, and in which an engine whose copies depend on the original
only is called again: an engine that recognises an audit's pictures does so in any batch."""

_OTHER: dict[Handedness, Handedness] = {"left": "right", "right": "left"}


@dataclass(frozen=True, eq=False)
class OwnCopies(Stage[OwnCopiesRecord]):
    """Copies of the originals made by an adversary, as their gallery.

    If copies depend on the original only, these are the released ones. The engine gets the pictures in another order
    than in the audit's own calls, mixed with repeated pictures and decoys, so that an engine that recognises an audit
    by any of these reveals its usual behaviour.

    Attributes:
        engine: The engine; it can be called.
        runs: Number of runs on each picture.
    """

    engine: Loaded[Engine]
    runs: int
    record = OwnCopiesRecord

    def key(self, work: BatchWork) -> str:
        """Copies, hand analysis, engine and runs."""
        of_engine = work.copies_of(self.engine)
        component, early = self.engine.component, _early(work)
        return key_of("own copies", of_engine.key, of_engine.contents, component, self.runs, REPEATED, early)

    def make(self, work: BatchWork) -> OwnCopiesRecord:
        """Run the engine."""
        copies, analysis = work.copies_of(self.engine).copies, work.context.plugins.analysis
        first = {copy.number: copy for copy in reversed(copies)}
        released = [first[number] for number in sorted(first)]
        plugin, warnings = self.engine.plugin, work.context.warnings.nested()
        calls = _Calls(work, self.engine, warnings)
        fixed, early = plugin.deterministic and not plugin.diverse, _early(work)
        repeated = released[:REPEATED] if early or not fixed else []
        again = list(calls.run(repeated, released[0].seed)) if repeated else []
        changed = [(copy, picture) for copy, picture in again if pixel_hash(picture) != copy.sha256]
        decoys = [_mirrored(copy, analysis) for copy in repeated[:1] if early]
        other = list(calls.run(decoys, released[0].seed)) if decoys else []
        shown = []
        if fixed:
            shown = [Shown(copy.number, OWN_SEED, copy.original, copy.image, None) for copy in released]
        else:
            for run in range(self.runs):
                for copy, picture in calls.run(released[::-1], OWN_SEED + run):
                    upright = turned_back(copy.original.pixels, picture).image
                    image = analysis.image(copy.original.sample, upright)
                    other.append((copy, picture))
                    shown.append(Shown(copy.number, OWN_SEED + run, copy.original, image, None))
        # The next copy of a weak engine may show slightly more than its first: only first copies without detail count.
        more = {
            copy.number
            for copy, picture in [*changed, *other]
            if palm_in_copy(copy.original, picture).shows_original
            and not palm_in_copy(first[copy.number].original, first[copy.number].picture).changes
        }
        return OwnCopiesRecord(
            regions=regions_record(shown, analysis),
            calls=calls.count,
            repeated=len(again),
            changed=len(changed),
            tried=len({copy.number for copy, _ in [*again, *other]}),
            shown=sorted(more),
            warnings=warnings.sentences,
            notes=warnings.notes,
        )


class _Calls:
    """Runs an engine on originals and counts the calls."""

    def __init__(self, work: BatchWork, engine: Loaded[Engine], warnings: PluginWarnings) -> None:
        self._work, self._engine, self._warnings = work, engine, warnings
        self.count = 0

    def run(self, copies: Sequence[Copy], seed: int) -> Iterator[tuple[Copy, Image]]:
        """Yield the engine's outputs for the originals of these copies, without failures."""
        context = self._work.context
        originals: list[AnalyzedImage] = [copy.original for copy in copies]
        call = EngineCall(self._engine, [seed], self._warnings, context.process_state)
        with context.plugins.exclusive(self._engine.plugin):
            context.plugins.check_cancelled()
            outputs = call.run(originals)
        self.count += len(originals)
        for copy, items in zip(copies, outputs, strict=True):
            if not isinstance(items[0], Failure):
                yield copy, items[0]


def _early(work: BatchWork) -> bool:
    return work.position < WITH_DECOY


def _mirrored(copy: Copy, analysis: HandAnalysis) -> Copy:
    """A decoy: the mirrored original, which is a new hand that is on no list of an audit's pictures."""
    sample = copy.original.sample
    side = None if sample.hand is None else _OTHER[sample.hand]
    pixels = np.ascontiguousarray(copy.original.pixels[:, ::-1])
    return replace(copy, original=analysis.image(replace(sample, hand=side), pixels))
