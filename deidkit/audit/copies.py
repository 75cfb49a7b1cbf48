"""Copies: each picture through an engine, to templates, quality and usability."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from deidkit.audit import acquisition, engines
from deidkit.audit.batches import Batch
from deidkit.audit.heard import Heard, Note, raised_at
from deidkit.audit.parts import Parts
from deidkit.audit.plan import AuditPlan
from deidkit.audit.workspace import Workspace, key_of
from deidkit.errors import PluginError, SampleError
from deidkit.hand import AnalyzedImage
from deidkit.images import thumbnail
from deidkit.metrics.coverage import brought_to_size, change_finding, pixel_hash, size_finding
from deidkit.metrics.quality import picture_quality
from deidkit.metrics.usability import HandReading, usability_difference
from deidkit.protocols import Engine, Failure, GreyImage, Image, Mask, QualityMeasure
from deidkit.result import Component

THUMBNAIL_SIDE = 256
"""Longer side of a gallery picture in pixels."""

_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Copy:
    """One de-identified picture, analysed as an attacker would; `size` is what was found about its size."""

    number: int
    seed: int
    original: AnalyzedImage
    image: AnalyzedImage
    roi: GreyImage | Failure
    size: Literal["resized", "reshaped"] | None


def process(
    batch: Batch,
    parts: Parts,
    plan: AuditPlan,
    position: int,
    gallery: frozenset[int],
    workspace: Workspace,
    note: Note,
    audit_id: str,
) -> str:
    """De-identify a batch with one engine and measure the copies, unless that is already done.

    Args:
        batch: The originals.
        parts: The plugins.
        plan: The audit's plan.
        position: Which of the engines.
        gallery: Numbers of the samples to keep thumbnails of.
        workspace: Where results are kept.
        note: Called with one sentence about a plugin that raises.
        audit_id: Which audit it is; results of an engine that is not reusable are of use to this one only.

    Returns:
        The key of the result: arrays ``templates.<recognizer>``, ``copies.<recognizer>`` ((k, 2) int32 sample number
        and seed), ``quality.<measure>`` and ``thumbnail.<number>``; records ``copies`` (one for each picture),
        ``failures``, ``seconds``.
    """
    engine, component = parts.engines[position]
    seeds = engines.seeds_of(engine, plan.seeds)
    wanted = sorted(gallery.intersection(batch.numbers))
    key = key_of(
        "copies",
        batch.contents,
        parts.analysis_components,
        [c for _, c in parts.recognizers],
        [c for _, c in parts.quality],
        component,
        _digest_of_inputs(engine, component, batch),
        "" if engines.reusable(engine) else audit_id,
        seeds,
        [plan.palm, plan.roi_from, plan.include_originals],
        wanted,
    )
    if (stored := workspace.load(key)) is not None:
        for sentence in stored[1]["raised"]:
            note(sentence)
        return key
    heard = Heard(note)
    copies, failures, seconds = _make(batch, parts, plan, engine, component, seeds, heard)
    arrays: dict[str, NDArray[Any]] = {}
    acquisition_failures: dict[str, list[list[Any]]] = {}
    for index, (recognizer, recognizer_component) in enumerate(parts.recognizers):
        images, rois = [copy.image for copy in copies], [copy.roi for copy in copies]
        with parts.turn(recognizer):
            acquired = acquisition.acquire(recognizer, recognizer_component, images, rois, heard)
        if acquired.templates is not None:
            arrays[f"templates.{index}"] = acquired.templates
        pairs = [(copies[row].number, copies[row].seed) for row in acquired.rows]
        arrays[f"copies.{index}"] = np.asarray(pairs, dtype=np.int32).reshape(-1, 2)
        acquisition_failures[str(index)] = [
            [copies[row].number, copies[row].seed, failure.stage, failure.reason]
            for row, failure in sorted(acquired.failures.items())
        ]
    for index, (measure, measure_component) in enumerate(parts.quality):
        if copies:
            with parts.turn(measure):
                arrays[f"quality.{index}"] = _by_network(measure, measure_component, copies)
    arrays |= _thumbnails(copies, wanted, plan, component)
    measured = [_measure(copy, parts) for copy in copies]
    raised_at([*batch.readable, *(copy.image for copy in copies)], parts.analysis_components, heard)
    records = {
        "copies": measured,
        "engine_failures": failures,
        "failures": acquisition_failures,
        "seconds": seconds,
        "raised": heard.sentences,
    }
    workspace.save(key, arrays, records)
    return key


def _digest_of_inputs(engine: Engine, component: Component, batch: Batch) -> list[str | None]:
    """What the engine reads besides the pictures, for engines that take finished files."""
    return [engines.ask(engine, component, "input_digest", sample) for sample in batch.samples]


def _make(
    batch: Batch,
    parts: Parts,
    plan: AuditPlan,
    engine: Engine,
    component: Component,
    seeds: list[int],
    note: Note,
) -> tuple[list[Copy], list[list[Any]], float]:
    readable = [
        (number, image, roi)
        for number, image, roi in zip(batch.numbers, batch.images, batch.rois, strict=True)
        if not isinstance(image, Failure)
    ]
    for _, image, _ in readable:
        _palm(image)  # so that the time below is the engine's own
    with parts.turn(engine):
        parts.go_on()  # it may have been waited for
        started = time.perf_counter()
        outputs = engines.run(engine, component, [image for _, image, _ in readable], seeds, note)
        seconds = time.perf_counter() - started
    copies: list[Copy] = []
    failures: list[list[Any]] = []
    for (number, original, original_roi), items in zip(readable, outputs, strict=True):
        for seed, item in zip(seeds, items, strict=True):
            if isinstance(item, Failure):
                failures.append([number, seed, item.stage, item.reason])
            else:
                copies.append(_analyse(number, seed, original, original_roi, item, parts, plan))
    if failures and hasattr(engine, "stop"):
        parts.go_on()  # that it was stopped says nothing about a picture
    return copies, failures, seconds


def _analyse(
    number: int,
    seed: int,
    original: AnalyzedImage,
    original_roi: GreyImage | Failure,
    pixels: Image,
    parts: Parts,
    plan: AuditPlan,
) -> Copy:
    image = parts.analysis.image(original.sample, brought_to_size(pixels, original.pixels))
    if plan.roi_from == "deidentified":
        roi = acquisition.roi(parts.analysis, image)
    elif isinstance(original_roi, Failure):
        roi = original_roi
    else:
        roi = parts.analysis.roi_placed_as(image, original)
    return Copy(number, seed, original, image, roi, size_finding(original.pixels, pixels))


def _measure(copy: Copy, parts: Parts) -> dict[str, Any]:
    """Quality and usability of one copy, as JSON."""
    original, output = copy.original.pixels, copy.image.pixels
    record: dict[str, Any] = {
        "number": copy.number,
        "seed": copy.seed,
        "sha256": pixel_hash(output),
        "change": _change(copy),
        "size": copy.size,
        "quality": picture_quality(original, output, _palm(copy.original)),
    }
    if copy.original.sample.kind == "hand":
        record["usability"] = usability_difference(
            reading(copy.original, parts), reading(copy.image, parts), original.shape[:2]
        )
    return record


def _by_network(measure: QualityMeasure, component: Component, copies: list[Copy]) -> NDArray[Any]:
    """What a measure says of every copy, in their order."""
    found: list[NDArray[Any]] = []
    for _, of_one in groupby(copies, key=lambda copy: copy.number):
        group = list(of_one)
        try:
            values = np.asarray(measure.measure(group[0].original.pixels, [copy.image.pixels for copy in group]))
        except Exception as error:
            raise PluginError(
                f"quality measure '{component.label}' of {component.distribution} raised {error!r}; audit without it, "
                "or tell its authors."
            ) from error
        if len(values) != len(group):
            raise PluginError(
                f"quality measure '{component.label}' of {component.distribution} gave {len(values)} values for "
                f"{len(group)} copies."
            )
        found.append(values)
    return np.concatenate(found)


def reading(image: AnalyzedImage, parts: Parts) -> HandReading:
    """What the hand analysis says about a picture; None for each task that fails."""
    if not image.hands:
        return HandReading(box=None, keypoints=None, keypoints_3d=None, roi=None, mask=None)
    hand = image.hands[0]
    return HandReading(
        box=hand.box,
        keypoints=hand.keypoints,
        keypoints_3d=hand.keypoints_3d,
        roi=_or_none(lambda: parts.analysis.corners(image)),
        mask=_or_none(image.hand_mask),
    )


def _or_none(task: Callable[[], _Found]) -> _Found | None:
    try:
        return task()
    except SampleError:
        return None


def _palm(image: AnalyzedImage) -> Mask | None:
    return _or_none(image.palm_mask)


def _change(copy: Copy) -> str | None:
    return change_finding(copy.original.pixels, copy.image.pixels, _palm(copy.original))


def _thumbnails(
    copies: list[Copy], wanted: list[int], plan: AuditPlan, component: Component
) -> dict[str, NDArray[Any]]:
    """Gallery pictures: never an original, nor what an engine passed through, unless the user asked for originals."""
    arrays: dict[str, NDArray[Any]] = {}
    for copy in copies:
        if copy.number not in wanted or f"thumbnail.{copy.number}" in arrays:
            continue
        passed_through = component.control or _change(copy)
        if passed_through and not plan.include_originals:
            continue
        arrays[f"thumbnail.{copy.number}"] = _bytes(thumbnail(copy.image.pixels, THUMBNAIL_SIDE))
        if plan.include_originals:
            arrays[f"original.{copy.number}"] = _bytes(thumbnail(copy.original.pixels, THUMBNAIL_SIDE))
    return arrays


def _bytes(data: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(data, dtype=np.uint8)
