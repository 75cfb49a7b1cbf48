"""Stages for attacks: palm regions of originals and copies, and pictures with the palm masked out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.hand import AnalyzedImage, HandAnalysis, palm_or_none
from deidkit.pipeline.batch_work import BatchWork, first_region
from deidkit.pipeline.records import RegionsRecord
from deidkit.pipeline.stages import Stage
from deidkit.pipeline.workspace import key_of
from deidkit.plugins import Loaded
from deidkit.protocols import ROI_SIZE, Engine, Failure, GreyImage, Image, Mask

RIM_SIGMA = 8.0
"""Standard deviation, in pixels, of the smooth continuation of the palm beyond its outline."""

CONTEXT_SIDE = 128
"""Side of the square to which pictures with the palm masked out are reduced."""


@dataclass(frozen=True, eq=False)
class OriginalRegions(Stage[RegionsRecord]):
    """Palm regions and contexts of the originals in which a palm is found."""

    record = RegionsRecord

    def key(self, work: BatchWork) -> str:
        """Contents, hand analysis and palm polygon."""
        context = work.context
        return key_of("palm regions", work.batch.contents, context.plugins.analysis_components, context.plan.palm)

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
    """Palm regions of the copies, placed as in their originals and as detected in the copies, and contexts."""

    engine: Loaded[Engine]
    record = RegionsRecord

    def key(self, work: BatchWork) -> str:
        """Copies, hand analysis and palm polygon."""
        context = work.context
        contents = work.copies_of(self.engine).contents
        components = context.plugins.analysis_components
        return key_of(
            "palm regions of copies, in colours", work.batch.contents, contents, components, context.plan.palm
        )

    def make(self, work: BatchWork) -> RegionsRecord:
        """Cut the regions of the copies."""
        shown = [
            Shown(copy.number, copy.seed, copy.original, copy.image, first_region(copy.rois))
            for copy in work.copies_of(self.engine).copies
        ]
        return regions_record(shown, work.context.plugins.analysis, in_colours=True)


@dataclass(frozen=True)
class Shown:
    """A picture as seen by an attacker.

    Attributes:
        number: Of its original.
        seed: Of the copy; 0 for an original.
        original: Picture whose hand places the region.
        found: The region found in the picture itself; None if it is not kept.
    """

    number: int
    seed: int
    original: AnalyzedImage
    image: AnalyzedImage
    found: GreyImage | None


def regions_record(shown: Sequence[Shown], analysis: HandAnalysis, *, in_colours: bool = False) -> RegionsRecord:
    """Regions and contexts of pictures, and colour regions if requested and available.

    Pictures without a region are left out.
    """
    numbers, seeds, regions, founds, contexts, coloured = [], [], [], [], [], []
    for item in shown:
        region = first_region(analysis.rois_placed_as(item.image, item.original))
        if region is None:
            continue
        palm = palm_or_none(item.original)
        inside = _inside(item.original, palm, analysis)
        numbers.append(item.number)
        seeds.append(item.seed)
        regions.append(_palm_alone(region, inside))
        founds.append(_palm_alone(region if item.found is None else item.found, inside))
        contexts.append(_context(item.image.pixels, palm))
        colours = analysis.colours_placed_as(item.image, item.original) if in_colours else None
        if colours is not None:
            coloured.append(np.dstack([_palm_alone(plane, inside) for plane in np.moveaxis(colours, 2, 0)]))
    grey = all(np.ptp(colours, axis=2).max() == 0 for colours in coloured)
    has_context = all(item.image.sample.kind == "hand" for item in shown)
    return RegionsRecord(
        numbers=numbers,
        seeds=seeds,
        regions=_stacked(regions, (ROI_SIZE, ROI_SIZE)),
        found=_stacked(founds, (ROI_SIZE, ROI_SIZE)),
        contexts=_stacked(contexts, (CONTEXT_SIDE, CONTEXT_SIDE, 3)) if has_context else None,
        colours=None if grey else _stacked(coloured, (ROI_SIZE, ROI_SIZE, 3)),
    )


def _inside(original: AnalyzedImage, palm: Mask | None, analysis: HandAnalysis) -> NDArray[np.float32] | None:
    """(128, 128) float32: 1 where a region shows the palm, else 0; None if it shows nothing else."""
    if palm is None or original.sample.kind == "roi":
        return None
    shown = analysis.image(original.sample, np.repeat(palm[:, :, None] * np.uint8(255), 3, axis=2))
    region = first_region(analysis.rois_placed_as(shown, original))
    if region is None:
        return None
    inside = cv2.erode((region > 250).astype(np.float32), np.ones((3, 3), np.uint8))
    return np.asarray(inside) if inside.any() else None


def _palm_alone(region: GreyImage, inside: NDArray[np.float32] | None) -> GreyImage:
    """Replace a region's rim, which no palm anonymizer treats, by a smooth continuation of the palm.

    The rim contains the finger bases, which identify people whose palm was filled with one colour: that is context.
    """
    if inside is None:
        return region
    plane = region.astype(np.float32)
    weight = cv2.GaussianBlur(inside, (0, 0), RIM_SIGMA)
    mean = float((plane * inside).sum() / inside.sum())
    smooth = mean + cv2.GaussianBlur((plane - mean) * inside, (0, 0), RIM_SIGMA) / np.maximum(weight, 1e-3)
    return np.where(inside > 0, region, np.clip(smooth, 0, 255).round()).astype(np.uint8)


def _stacked(arrays: Sequence[NDArray[np.uint8]], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    return np.reshape(np.asarray(arrays, np.uint8), (-1, *shape))


def _context(pixels: Image, palm: Mask | None) -> Image:
    """Fill the original's palm with grey and reduce the picture to a square."""
    shown = pixels if palm is None else np.where(palm[:, :, None], np.uint8(128), pixels)
    return np.asarray(cv2.resize(shown, (CONTEXT_SIDE, CONTEXT_SIDE), interpolation=cv2.INTER_AREA), np.uint8)
