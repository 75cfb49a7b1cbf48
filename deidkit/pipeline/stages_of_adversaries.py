"""The stage in which an engine is run again: by an adversary on his gallery, and by the audit to see if it repeats."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from deidkit.hand import AnalyzedImage
from deidkit.leakage import Reference, examine, pixel_hash, turned_back
from deidkit.pipeline.batch_work import BatchWork, Copy, palm_or_none
from deidkit.pipeline.engine_calls import EngineCall
from deidkit.pipeline.plugin_warnings import PluginWarnings
from deidkit.pipeline.records import OwnCopiesRecord
from deidkit.pipeline.stages import Stage
from deidkit.pipeline.stages_of_regions import Shown, regions_record
from deidkit.pipeline.workspace import key_of
from deidkit.plugins import Loaded
from deidkit.protocols import Engine, Failure, Image

OWN_SEED = 1_000_003
"""First seed of an adversary: far from those that an audit uses."""

REPEATED = 2
"""Pictures of a batch whose first copy is asked for again."""


@dataclass(frozen=True, eq=False)
class OwnCopies(Stage[OwnCopiesRecord]):
    """Copies that an adversary makes of the originals, whose gallery they are.

    An engine whose copies follow from the original alone is not called: his copies are the released ones. What it is
    called for stands in another order than the audit's own calls, with pictures that it has seen before among it.

    Attributes:
        engine: The engine; it can be called.
        runs: How often he runs it on each picture.
    """

    engine: Loaded[Engine]
    runs: int
    record = OwnCopiesRecord

    def key(self, work: BatchWork) -> str:
        """Copies, hand analysis, engine and runs."""
        of_engine = work.copies_of(self.engine)
        return key_of("own copies", of_engine.key, of_engine.contents, self.engine.component, self.runs, REPEATED)

    def make(self, work: BatchWork) -> OwnCopiesRecord:
        """Run the engine."""
        copies, analysis = work.copies_of(self.engine).copies, work.context.plugins.analysis
        first = {copy.number: copy for copy in reversed(copies)}
        released = [first[number] for number in sorted(first)]
        plugin = self.engine.plugin
        if plugin.deterministic and not plugin.diverse:
            shown = [Shown(copy.number, OWN_SEED, copy.original, copy.image, None) for copy in released]
            return OwnCopiesRecord(regions=regions_record(shown, analysis), calls=0, repeated=0, changed=0, shown=[])
        warnings = work.context.warnings.within()
        calls = _Calls(work, self.engine, warnings)
        again = list(calls.made(released[:REPEATED], released[0].seed)) if released else []
        shown = []
        for run in range(self.runs):
            for copy, picture in calls.made(released[::-1], OWN_SEED + run):
                upright = turned_back(copy.original.pixels, picture).image
                image = analysis.image(copy.original.sample, upright)
                shown.append(Shown(copy.number, OWN_SEED + run, copy.original, image, None))
        return OwnCopiesRecord(
            regions=regions_record(shown, analysis),
            calls=calls.count,
            repeated=len(again),
            changed=sum(pixel_hash(picture) != pixel_hash(copy.picture) for copy, picture in again),
            shown=[copy.number for copy, picture in again if _shows_more(copy, picture)],
            warnings=warnings.sentences,
            notes=warnings.notes,
        )


class _Calls:
    """Runs an engine on originals, and counts."""

    def __init__(self, work: BatchWork, engine: Loaded[Engine], warnings: PluginWarnings) -> None:
        self._work, self._engine, self._warnings = work, engine, warnings
        self.count = 0

    def made(self, copies: Sequence[Copy], seed: int) -> Iterator[tuple[Copy, Image]]:
        """The engine's pictures of the originals of these copies, without those at which it fails."""
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


def _shows_more(copy: Copy, picture: Image) -> bool:
    """Whether a second copy shows the original and the first did not."""
    if pixel_hash(picture) == pixel_hash(copy.picture):
        return False
    reference = Reference(copy.original.pixels, palm_or_none(copy.original))
    return examine(reference, picture).shows_original and not examine(reference, copy.picture).shows_original
