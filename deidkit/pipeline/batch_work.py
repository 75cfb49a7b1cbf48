"""One batch of a running audit: its originals and each engine's copies, created or loaded on demand."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from deidkit.errors import DeidkitError
from deidkit.hand import AnalyzedImage, palm_or_none
from deidkit.leakage import CopyRecord, Reference, examine_palm, pixel_hash, turned_back
from deidkit.pipeline.batches import Batch
from deidkit.pipeline.context import AuditContext
from deidkit.pipeline.engine_calls import CopyFile, EngineCall, seeds_of
from deidkit.pipeline.records import CopiesRecord, CopyEntry, FailedSample, PixelsRecord, StoredPicture
from deidkit.pipeline.workspace import key_of
from deidkit.plugins import Loaded, errors_attributed_to
from deidkit.protocols import Engine, Failure, GreyImage, Image


@dataclass(frozen=True)
class Copy:
    """One de-identified picture, analysed as an attacker would.

    Attributes:
        number: Sample number of its original.
        seed: Seed of the engine.
        picture: The copy as the engine returned it.
        sha256: Hash of `picture`, see `deidkit.leakage.pixel_hash`.
        image: The copy at the original's size, rotated back if width and height are exchanged.
        rois: Palm region of each of its hands. If none is found, the regions of the original's hands: an undetected
            hand is no success of an anonymizer.
        not_found: Reason why no hand or region was found in the copy itself; None if one was.
    """

    number: int
    seed: int
    original: AnalyzedImage
    picture: Image
    sha256: str
    image: AnalyzedImage
    rois: list[GreyImage | Failure]
    not_found: Failure | None = None


class BatchWork:
    """A batch with the results computed so far in this process."""

    def __init__(self, context: AuditContext, batch: Batch, position: int) -> None:
        self.context, self.batch, self.position = context, batch, position
        self._copies: dict[int, EngineBatch] = {}

    def copies_of(self, engine: Loaded[Engine]) -> EngineBatch:
        """An engine's copies of the batch."""
        return self._copies.setdefault(id(engine.plugin), EngineBatch(self, engine))

    def forget_copies(self, engine: Loaded[Engine]) -> None:
        """Release an engine's pictures; they are loaded again when needed."""
        self.copies_of(engine).forget()

    def forget(self) -> None:
        """Release all pictures."""
        self.batch.forget()
        for copies in self._copies.values():
            copies.forget()


class EngineBatch:
    """One engine's copies of one batch."""

    def __init__(self, work: BatchWork, engine: Loaded[Engine]) -> None:
        self._work, self._engine = work, engine
        self._pictures: Sequence[Image] | None = None

    @property
    def seeds(self) -> list[int]:
        """The seeds that the engine is run with."""
        return seeds_of(self._engine.plugin, self._work.context.plan.seeds)

    @cached_property
    def key(self) -> str:
        """Hash of all dependencies of the copies; unique to this audit if the engine is not reusable."""
        context, engine = self._work.context, self._engine
        with errors_attributed_to(engine.component, "input_digest"):
            inputs = [engine.plugin.input_digest(sample) for sample in self._work.batch.samples]
        return key_of(
            "copies",
            self._work.batch.contents,
            context.plugins.analysis_components,
            context.plan.palm,
            engine.component,
            inputs,
            "" if engine.plugin.reusable else context.audit_id,
            self.seeds,
        )

    @cached_property
    def record(self) -> CopiesRecord:
        """Record of the copies; calls the engine only if they are not in the workspace."""
        workspace = self._work.context.workspace
        record = workspace.load(self.key, CopiesRecord)
        if record is None or not workspace.has(self._pixels_key):
            record, pictures = self._run_engine()
            originals = self._originals()
            stored = [
                StoredPicture.of(picture, originals[entry.number].pixels)
                for entry, picture in zip(record.copies, pictures, strict=True)
            ]
            workspace.save(self._pixels_key, PixelsRecord(pictures=stored))
            workspace.save(self.key, record)
            self._pictures = pictures
        self._work.context.warnings.include(record.warnings, record.notes)
        return record

    @cached_property
    def contents(self) -> list[CopyEntry]:
        """Dependencies of results about the copies, besides plugins."""
        return self.record.copies

    @cached_property
    def copies(self) -> list[Copy]:
        """The copies as pictures. Raises DeidkitError if those in the workspace are damaged."""
        entries, originals = self.record.copies, self._originals()
        pictures = self._pictures if self._pictures is not None else self._loaded(originals)
        return [
            self._analysed(entry, originals[entry.number], picture)
            for entry, picture in zip(entries, pictures, strict=True)
        ]

    def forget(self) -> None:
        """Release the pictures; they are loaded again when needed."""
        self._pictures = None
        self.__dict__.pop("copies", None)

    def discard(self) -> None:
        """Remove the copies from the workspace."""
        self._work.context.workspace.discard([self.key, self._pixels_key])

    @property
    def _pixels_key(self) -> str:
        return key_of("pixels", self.key)

    def _originals(self) -> dict[int, AnalyzedImage]:
        batch = self._work.batch
        return {
            number: image
            for number, image in zip(batch.numbers, batch.images, strict=True)
            if not isinstance(image, Failure)
        }

    def _loaded(self, originals: dict[int, AnalyzedImage]) -> list[Image]:
        workspace = self._work.context.workspace
        stored = workspace.load(self._pixels_key, PixelsRecord)
        if stored is None or len(stored.pictures) != len(self.record.copies):
            workspace.discard([self.key, self._pixels_key])
            raise DeidkitError(
                f"pictures of engine '{self._engine.component.label}' in {workspace.where} are damaged and were "
                "removed; run the same command with --resume to make them again."
            )
        pairs = zip(stored.pictures, self.record.copies, strict=True)
        return [picture.pixels(originals[entry.number].pixels) for picture, entry in pairs]

    def _run_engine(self) -> tuple[CopiesRecord, list[Image]]:
        context, engine = self._work.context, self._engine
        warnings = context.warnings.nested()
        originals = self._originals()
        for image in originals.values():
            palm_or_none(image)  # computed in advance, so that the timing is the engine's own
        call = EngineCall(engine, self.seeds, warnings, context.process_state)
        with context.plugins.exclusive(engine.plugin):
            context.plugins.check_cancelled()  # after waiting for the engine
            started = time.perf_counter()
            outputs = call.run(list(originals.values()))
            seconds = time.perf_counter() - started
        entries, failures, pictures = [], [], []
        for (number, original), items in zip(originals.items(), outputs, strict=True):
            for seed, item in zip(self.seeds, items, strict=True):
                if isinstance(item, Failure):
                    failures.append(FailedSample(number, item.stage, item.reason, seed))
                else:
                    file = call.files.get((original.sample.key, seed), CopyFile())
                    sha = pixel_hash(item)
                    entries.append(CopyEntry(number, seed, sha, file.carried, file.holds_original, file.encoding))
                    pictures.append(item)
        if failures:
            context.plugins.check_cancelled()  # a failure due to cancellation is not the picture's
        record = CopiesRecord(
            copies=entries, failures=failures, seconds=seconds, warnings=warnings.sentences, notes=warnings.notes
        )
        return record, pictures

    def _analysed(self, entry: CopyEntry, original: AnalyzedImage, picture: Image) -> Copy:
        context = self._work.context
        analysis = context.plugins.analysis
        upright = turned_back(original.pixels, picture).image
        same = np.array_equal(upright, original.pixels)
        image = original if same else analysis.image(original.sample, upright)
        not_found = None
        if context.plan.roi_from == "original":
            rois = analysis.rois_placed_as(image, original)
        else:
            rois = analysis.rois(image)
            if all(isinstance(roi, Failure) for roi in rois):
                not_found = next((roi for roi in rois if isinstance(roi, Failure)), None)
                rois = analysis.rois_placed_as(image, original)
        return Copy(entry.number, entry.seed, original, picture, entry.sha256, image, rois, not_found)


def palm_in_copy(original: AnalyzedImage, copy: Image) -> CopyRecord:
    """Whether and how a copy shows the palm of its original."""
    return examine_palm(Reference(original.pixels, palm_or_none(original)), copy)


def first_region(rois: list[GreyImage | Failure]) -> GreyImage | None:
    """The region of the most confident hand that has one."""
    return next((roi for roi in rois if not isinstance(roi, Failure)), None)
