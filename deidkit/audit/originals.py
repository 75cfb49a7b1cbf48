"""Originals: each picture once, to templates."""

from __future__ import annotations

from typing import Any

from deidkit.audit import acquisition
from deidkit.audit.batches import Batch
from deidkit.audit.heard import Heard, Note, raised, raised_at
from deidkit.audit.parts import Parts
from deidkit.audit.workspace import Workspace, key_of
from deidkit.metrics.coverage import pixel_hash
from deidkit.protocols import Failure


def process(batch: Batch, parts: Parts, workspace: Workspace, note: Note) -> str:
    """Extract the templates of a batch of originals, unless that is already done.

    Returns:
        The key of the result in the workspace: arrays ``templates.<recognizer>`` and ``numbers.<recognizer>``,
        records ``failures`` (recognizer -> [[number, stage, reason], ...]), ``unreadable`` ([[number, stage, reason],
        ...]), ``pixels`` (the hash of each picture that can be read) and ``raised``.
    """
    key = key_of("originals", batch.contents, parts.analysis_components, [c for _, c in parts.recognizers])
    if (stored := workspace.load(key)) is not None:
        for sentence in stored[1]["raised"]:
            note(sentence)
        return key
    heard = Heard(note)
    arrays: dict[str, Any] = {}
    failures: dict[str, list[list[Any]]] = {}
    for index, (recognizer, component) in enumerate(parts.recognizers):
        images, rois = batch.images, batch.rois
        with parts.turn(recognizer):
            acquired = acquisition.acquire(recognizer, component, images, rois, heard)
        if acquired.templates is not None:
            arrays[f"templates.{index}"] = acquired.templates
        arrays[f"numbers.{index}"] = acquisition.integers([batch.numbers[row] for row in acquired.rows])
        failures[str(index)] = [
            [batch.numbers[row], failure.stage, failure.reason] for row, failure in sorted(acquired.failures.items())
        ]
    for error in batch.raised:
        raised("data set", parts.dataset_component.name, error, heard)
    raised_at(batch.readable, parts.analysis_components, heard)
    unreadable = [
        [number, image.stage, image.reason]
        for number, image in zip(batch.numbers, batch.images, strict=True)
        if isinstance(image, Failure)
    ]
    pixels = [pixel_hash(image.pixels) for image in batch.readable]
    records = {"failures": failures, "unreadable": unreadable, "pixels": pixels, "raised": heard.sentences}
    workspace.save(key, arrays, records)
    return key
