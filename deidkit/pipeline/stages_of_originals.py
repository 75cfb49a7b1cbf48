"""Stages on the originals: the pictures themselves, and the templates of each recognizer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deidkit.hand import palm_or_none, region_mirrored
from deidkit.leakage import LENGTH, fingerprint, pixel_hash
from deidkit.pipeline.batch_work import BatchWork, first_region
from deidkit.pipeline.extraction import TemplateExtraction
from deidkit.pipeline.records import FailedSample, OriginalsRecord, TemplatesRecord
from deidkit.pipeline.stages import Stage
from deidkit.pipeline.workspace import key_of
from deidkit.plugins import Loaded
from deidkit.protocols import Failure, Recognizer


@dataclass(frozen=True, eq=False)
class Originals(Stage[OriginalsRecord]):
    """The originals as pictures."""

    record = OriginalsRecord

    def key(self, work: BatchWork) -> str:
        """Contents and hand analysis."""
        components = work.context.plugins.analysis_components
        return key_of("originals", work.batch.contents, components, work.context.plan.palm)

    def make(self, work: BatchWork) -> OriginalsRecord:
        """Read the batch."""
        batch, plugins = work.batch, work.context.plugins
        warnings = work.context.warnings.nested()
        unreadable = [
            FailedSample(number, image.stage, image.reason)
            for number, image in zip(batch.numbers, batch.images, strict=True)
            if isinstance(image, Failure)
        ]
        for error in batch.raised:
            warnings.raised("data set", plugins.dataset.component.name, error)
        warnings.include([], batch.warnings.notes)
        readable = batch.readable
        prints = [
            fingerprint(image.pixels, palm_or_none(image), first_region(rois), mirrored=region_mirrored(image))
            for image, rois in zip(batch.images, batch.rois, strict=True)
            if not isinstance(image, Failure)
        ]
        numbers = [n for n, image in zip(batch.numbers, batch.images, strict=True) if not isinstance(image, Failure)]
        return OriginalsRecord(
            unreadable=unreadable,
            numbers=numbers,
            pixel_hashes=[pixel_hash(image.pixels) for image in readable],
            fingerprints=np.reshape(prints, (-1, LENGTH)).astype(np.uint8),
            hands=[len(image.hands) + image.unread_palms if image.sample.kind == "hand" else 1 for image in readable],
            backs=sum(hand.side == "back" for image in readable for hand in image.hands),
            warnings=warnings.sentences,
            notes=warnings.notes,
        )


@dataclass(frozen=True, eq=False)
class OriginalTemplates(Stage[TemplatesRecord]):
    """Templates that one recognizer extracts from the originals."""

    recognizer: Loaded[Recognizer]
    record = TemplatesRecord

    def key(self, work: BatchWork) -> str:
        """Contents, hand analysis and recognizer."""
        components = [*work.context.plugins.analysis_components, self.recognizer.component]
        return key_of("templates of originals", work.batch.contents, components)

    def make(self, work: BatchWork) -> TemplatesRecord:
        """Extract the templates of the batch."""
        batch, plugins = work.batch, work.context.plugins
        warnings = work.context.warnings.nested()
        images, rois = batch.images, batch.rois
        with plugins.exclusive(self.recognizer.plugin):
            extracted = TemplateExtraction(self.recognizer, warnings, work.context.process_state).run(images, rois)
        warnings.raised_at(batch.readable, plugins.analysis_components)
        return TemplatesRecord(
            templates=extracted.templates,
            numbers=[batch.numbers[row] for row in extracted.rows],
            failures=[
                FailedSample(batch.numbers[row], failure.stage, failure.reason)
                for row, failure in sorted(extracted.failures.items())
            ],
            warnings=warnings.sentences,
            notes=warnings.notes,
        )
