"""Stages for attacks: palm regions of originals and copies, and pictures with the palm masked out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.hand import AnalyzedImage, HandAnalysis
from deidkit.pipeline.batch_work import BatchWork, first_region, palm_or_none
from deidkit.pipeline.records import RegionsRecord, StoredArray
from deidkit.pipeline.stages import Stage
from deidkit.pipeline.workspace import key_of
from deidkit.plugins import Loaded
from deidkit.protocols import ROI_SIZE, Engine, Failure, GreyImage, Image, Mask

CONTEXT_SIDE = 128
"""Side of the square to which pictures with the palm masked out are reduced."""


@dataclass(frozen=True, eq=False)
class OriginalRegions(Stage[RegionsRecord]):
    """Palm regions and contexts of the originals in which a palm is found."""

    record = RegionsRecord

    def key(self, work: BatchWork) -> str:
        """Contents, hand analysis and palm polygon."""
        context = work.context
        return key_of("regions", work.batch.contents, context.plugins.analysis_components, context.plan.palm)

    def make(self, work: BatchWork) -> RegionsRecord:
        """Cut the regions of the batch."""
        batch, analysis = work.batch, work.context.plugins.analysis
        shown = [
            (number, 0, image, image, None)
            for number, image, rois in zip(batch.numbers, batch.images, batch.rois, strict=True)
            if not isinstance(image, Failure) and first_region(rois) is not None
        ]
        return regions_record([Shown(*item) for item in shown], analysis)


@dataclass(frozen=True, eq=False)
class CopyRegions(Stage[RegionsRecord]):
    """Palm regions of the copies, placed as in their originals and found anew, and contexts.

    Attributes:
        engine: Whose copies.
    """

    engine: Loaded[Engine]
    record = RegionsRecord

    def key(self, work: BatchWork) -> str:
        """Copies, hand analysis and palm polygon."""
        context = work.context
        contents = work.copies_of(self.engine).contents
        components = context.plugins.analysis_components
        return key_of("regions of copies", work.batch.contents, contents, components, context.plan.palm)

    def make(self, work: BatchWork) -> RegionsRecord:
        """Cut the regions of the copies."""
        shown = [
            Shown(copy.number, copy.seed, copy.original, copy.image, first_region(copy.rois))
            for copy in work.copies_of(self.engine).copies
        ]
        return regions_record(shown, work.context.plugins.analysis)


@dataclass(frozen=True)
class Shown:
    """A picture as an attacker sees it.

    Attributes:
        number: Of its original.
        seed: Of the copy; 0 for an original.
        original: Whose hand places the region.
        image: The picture.
        found: The region found in the picture itself; None where that is not to be kept.
    """

    number: int
    seed: int
    original: AnalyzedImage
    image: AnalyzedImage
    found: GreyImage | None


def regions_record(shown: Sequence[Shown], analysis: HandAnalysis) -> RegionsRecord:
    """Regions and contexts of pictures; those without a region are left out."""
    numbers, seeds, regions, founds, contexts = [], [], [], [], []
    for item in shown:
        region = first_region(analysis.rois_placed_as(item.image, item.original))
        if region is None:
            continue
        numbers.append(item.number)
        seeds.append(item.seed)
        regions.append(region)
        founds.append(region if item.found is None else item.found)
        contexts.append(_context(item.image.pixels, palm_or_none(item.original)))
    has_context = all(item.image.sample.kind == "hand" for item in shown)
    return RegionsRecord(
        numbers=numbers,
        seeds=seeds,
        regions=StoredArray.of(_stacked(regions, (ROI_SIZE, ROI_SIZE))),
        found=StoredArray.of(_stacked(founds, (ROI_SIZE, ROI_SIZE))),
        contexts=StoredArray.of(_stacked(contexts, (CONTEXT_SIDE, CONTEXT_SIDE, 3))) if has_context else None,
    )


def _stacked(arrays: Sequence[NDArray[np.uint8]], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    return np.reshape(np.asarray(arrays, np.uint8), (-1, *shape))


def _context(pixels: Image, palm: Mask | None) -> Image:
    """A picture with the palm of the original filled with grey, reduced to a square."""
    shown = pixels if palm is None else np.where(palm[:, :, None], np.uint8(128), pixels)
    return np.asarray(cv2.resize(shown, (CONTEXT_SIDE, CONTEXT_SIDE), interpolation=cv2.INTER_AREA), np.uint8)
