"""Stages on the copies of one engine: templates, examination, quality measures, thumbnails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from deidkit.errors import PluginError, SampleError
from deidkit.hand import AnalyzedImage, palm_or_none, region_mirrored, unchanged_share
from deidkit.images import thumbnail
from deidkit.leakage import LENGTH, Reference, examine, examine_palm, examine_region, fingerprint
from deidkit.measures.quality import TEXTURE, SmallPictures, picture_quality
from deidkit.measures.texture import palm_texture
from deidkit.measures.usability import HandReading, usability_difference
from deidkit.pipeline.batch_work import BatchWork, Copy, first_region, palm_in_copy
from deidkit.pipeline.extraction import TemplateExtraction
from deidkit.pipeline.plugin_set import PluginSet
from deidkit.pipeline.records import (
    CopiesRecord,
    CopyExamination,
    ExaminationRecord,
    FailedSample,
    MeasureRecord,
    StageRecord,
    TemplatesRecord,
    Thumbnail,
    ThumbnailsRecord,
)
from deidkit.pipeline.stages import Stage
from deidkit.pipeline.workspace import key_of
from deidkit.plugins import Loaded, errors_attributed_to
from deidkit.protocols import Engine, Mask, QualityMeasure, Recognizer

THUMBNAIL_SIDE = 256
"""Longer side of a gallery picture in pixels."""

_Value = TypeVar("_Value")
_R = TypeVar("_R", bound=StageRecord)


@dataclass(frozen=True, eq=False)
class Copies(Stage[CopiesRecord]):
    """The copies that one engine makes; their pixels are stored next to the record."""

    engine: Loaded[Engine]
    record = CopiesRecord

    def key(self, work: BatchWork) -> str:
        """Contents, hand analysis, engine and seeds."""
        return work.copies_of(self.engine).key

    def make(self, work: BatchWork) -> CopiesRecord:
        """Run the engine."""
        return work.copies_of(self.engine).record


@dataclass(frozen=True, eq=False)
class _OfCopies(Stage[_R]):
    """A stage that depends on the pixels of copies and originals."""

    engine: Loaded[Engine]

    def _key(self, name: str, work: BatchWork, *further: object) -> str:
        contents = work.copies_of(self.engine).contents
        return key_of(name, work.batch.contents, contents, work.context.plugins.analysis_components, *further)


@dataclass(frozen=True, eq=False)
class CopyTemplates(_OfCopies[TemplatesRecord]):
    """Templates that one recognizer extracts from the copies."""

    recognizer: Loaded[Recognizer]
    record = TemplatesRecord

    def key(self, work: BatchWork) -> str:
        """Copies, hand analysis, recognizer, and where the region of interest comes from."""
        return self._key("templates of copies", work, self.recognizer.component, work.context.plan.roi_from)

    def make(self, work: BatchWork) -> TemplatesRecord:
        """Extract the templates of the copies."""
        copies, plugins = work.copies_of(self.engine).copies, work.context.plugins
        warnings = work.context.warnings.nested()
        with plugins.exclusive(self.recognizer.plugin):
            extracted = TemplateExtraction(self.recognizer, warnings, work.context.process_state).run(
                [copy.image for copy in copies], [copy.rois for copy in copies]
            )
        failures = extracted.failures
        if self.recognizer.plugin.input == "roi":  # a failure to acquire, even if the original's region is used
            failures = {row: copy.not_found for row, copy in enumerate(copies) if copy.not_found} | failures
        warnings.raised_at([copy.image for copy in copies], plugins.analysis_components)
        return TemplatesRecord(
            templates=extracted.templates,
            numbers=[copies[row].number for row in extracted.rows],
            seeds=[copies[row].seed for row in extracted.rows],
            failures=[
                FailedSample(copies[row].number, failure.stage, failure.reason, copies[row].seed)
                for row, failure in sorted(failures.items())
            ],
            warnings=warnings.sentences,
            notes=warnings.notes,
        )


@dataclass(frozen=True, eq=False)
class Examinations(_OfCopies[ExaminationRecord]):
    """Changes, quality and usability of the copies."""

    record = ExaminationRecord

    def key(self, work: BatchWork) -> str:
        """Copies, hand analysis, palm polygon, and how small pictures are measured."""
        return self._key("examination", work, work.context.plan.palm, work.context.plan.small_pictures)

    def make(self, work: BatchWork) -> ExaminationRecord:
        """Examine the copies."""
        copies, plugins = work.copies_of(self.engine).copies, work.context.plugins
        warnings = work.context.warnings.nested()
        examined = [
            found
            for _, of_one in groupby(copies, key=lambda copy: copy.number)
            for found in _examined(list(of_one), plugins, work.context.plan.small_pictures)
        ]
        prints = [
            fingerprint(
                copy.image.pixels,
                palm_or_none(copy.original),
                first_region(copy.rois),
                copy.picture.shape[:2],
                mirrored=region_mirrored(copy.original),
            )
            for copy in copies
        ]
        images = [*work.batch.readable, *(copy.image for copy in copies)]
        warnings.raised_at(images, plugins.analysis_components)
        return ExaminationRecord(
            copies=examined,
            fingerprints=np.reshape(prints, (-1, LENGTH)).astype(np.uint8),
            warnings=warnings.sentences,
            notes=warnings.notes,
        )


@dataclass(frozen=True, eq=False)
class Measurements(_OfCopies[MeasureRecord]):
    """Values of one quality measure for the copies."""

    measure: Loaded[QualityMeasure]
    record = MeasureRecord

    def key(self, work: BatchWork) -> str:
        """Copies and measure."""
        return self._key("quality", work, self.measure.component)

    def make(self, work: BatchWork) -> MeasureRecord:
        """Measure the copies."""
        copies = work.copies_of(self.engine).copies
        if not copies:
            return MeasureRecord(values=None, numbers=[])
        context, plugin = work.context, self.measure.plugin
        warnings = context.warnings.nested()
        named = f"quality measure '{self.measure.component.name}'"
        with (
            context.plugins.exclusive(plugin),
            context.process_state.restored_after(named, warnings, thread_safe=plugin.thread_safe),
        ):
            values = _measured_values(self.measure, copies)
        numbers = [copy.number for copy in copies]
        return MeasureRecord(values=values, numbers=numbers, notes=warnings.notes)


@dataclass(frozen=True, eq=False)
class Thumbnails(_OfCopies[ThumbnailsRecord]):
    """Small pictures for the report."""

    record = ThumbnailsRecord

    def key(self, work: BatchWork) -> str:
        """Copies, what is shown of them, and whether originals may be."""
        numbers = sorted(work.context.gallery.intersection(work.batch.numbers))
        return self._key("thumbnails", work, self.engine.component, numbers, work.context.plan.include_originals)

    def make(self, work: BatchWork) -> ThumbnailsRecord:
        """Create thumbnails; never of originals or unchanged pictures, unless the user asked for originals."""
        with_originals = work.context.plan.include_originals
        shown: dict[int, Thumbnail] = {}
        numbers = work.context.gallery.intersection(work.batch.numbers)
        for copy in work.copies_of(self.engine).copies if numbers else []:
            if copy.number not in numbers or copy.number in shown:
                continue
            passed_through = self.engine.component.control or palm_in_copy(copy.original, copy.picture).shows_original
            if with_originals or not passed_through:
                original = thumbnail(copy.original.pixels, THUMBNAIL_SIDE) if with_originals else None
                shown[copy.number] = Thumbnail(copy.number, thumbnail(copy.image.pixels, THUMBNAIL_SIDE), original)
        return ThumbnailsRecord(thumbnails=list(shown.values()))


def _examined(copies: Sequence[Copy], plugins: PluginSet, small_pictures: SmallPictures) -> Iterator[CopyExamination]:
    """Yield findings about the copies of one original."""
    original = copies[0].original
    palm = palm_or_none(original)
    reference = Reference(original.pixels, palm)
    hands = [Reference(original.pixels, mask) for mask in _separate_palms(original)]
    region = first_region(plugins.analysis.rois_placed_as(original, original))
    palm_shown = None if palm is None else _palm_in_region(original, palm, plugins)
    side = _value_or_none(lambda: _shorter_side(plugins.analysis.corners(original))) or 0.0
    before = _hand_reading(original, plugins) if original.sample.kind == "hand" else None
    for copy in copies:
        usability = None
        if before is not None:
            usability = usability_difference(before, _hand_reading(copy.image, plugins), original.pixels.shape[:2])
        leak = examine(reference, copy.picture)
        copy_region = first_region(plugins.analysis.rois_placed_as(copy.image, original))
        texture = None
        if region is not None and copy_region is not None:
            leak = examine_region(leak, region, copy_region, palm_shown, side)
            texture = None if palm_shown is None else palm_texture(region, copy_region, palm_shown)
        untreated = sum(examine_palm(hand, copy.picture).shows_original for hand in hands)
        yield CopyExamination(
            number=copy.number,
            seed=copy.seed,
            sha256=copy.sha256,
            leak=leak,
            untreated_hands=0 if leak.shows_original else untreated,
            unchanged_share=_unchanged_share(copy, plugins),
            quality=picture_quality(original.pixels, copy.image.pixels, palm, small_pictures) | {TEXTURE: texture},
            usability=usability,
        )


def _palm_in_region(original: AnalyzedImage, palm: Mask, plugins: PluginSet) -> Mask | None:
    """(128, 128) bool: palm mask in the first hand's region of interest; None if the region cannot be cut out."""
    analysis = plugins.analysis
    shown = analysis.image(original.sample, np.repeat(palm[:, :, None] * np.uint8(255), 3, axis=2))
    region = _value_or_none(lambda: analysis.roi_placed_as(shown, original))
    return None if region is None else region > 127


def _shorter_side(corners: NDArray[np.float32]) -> float:
    return float(np.linalg.norm(corners - np.roll(corners, 1, axis=0), axis=1).min())


def _separate_palms(original: AnalyzedImage) -> Sequence[Mask]:
    """Palm mask of each hand, if there are several."""
    if original.sample.kind == "roi" or len(original.hands) < 2:
        return ()
    return _value_or_none(original.palm_masks) or ()


def _unchanged_share(copy: Copy, plugins: PluginSet) -> float | None:
    """Largest share of unchanged pixels of a region, over the hands."""
    original, output = copy.original, copy.image.pixels
    if original.sample.kind == "roi":
        return _value_or_none(lambda: unchanged_share(plugins.analysis.corners(original), original.pixels, output))
    shares = [
        _value_or_none(lambda hand=hand: unchanged_share(original.roi_corners(hand), original.pixels, output))  # type: ignore[misc]
        for hand in original.hands
    ]
    return max((share for share in shares if share is not None), default=None)


def _hand_reading(image: AnalyzedImage, plugins: PluginSet) -> HandReading:
    """Results of the hand analysis of a picture; None for each task that fails."""
    if not image.hands:
        return HandReading(box=None, keypoints=None, keypoints_3d=None, roi=None, mask=None)
    hand = image.hands[0]
    return HandReading(
        box=hand.box,
        keypoints=hand.keypoints,
        keypoints_3d=hand.keypoints_3d,
        roi=_value_or_none(lambda: plugins.analysis.corners(image)),
        mask=_value_or_none(image.hand_mask),
    )


def _value_or_none(task: Callable[[], _Value]) -> _Value | None:
    try:
        return task()
    except SampleError:
        return None


def _measured_values(measure: Loaded[QualityMeasure], copies: Sequence[Copy]) -> NDArray[Any]:
    """The values of a measure for every copy, in their order."""
    found: list[NDArray[Any]] = []
    for _, of_one in groupby(copies, key=lambda copy: copy.number):
        group = list(of_one)
        original = group[0].original.pixels.copy()
        with errors_attributed_to(measure.component, "values"):
            values = np.asarray(measure.plugin.measure(original, [copy.image.pixels.copy() for copy in group]))
        if len(values) != len(group):
            raise PluginError(
                f"quality measure '{measure.component.label}' of {measure.component.distribution} gave {len(values)} "
                f"values for {len(group)} copies."
            )
        found.append(values)
    return np.concatenate(found)
