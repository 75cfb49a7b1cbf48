"""Originals: each picture once, to templates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deidkit.audit import acquisition
from deidkit.audit.batches import Batch
from deidkit.audit.parts import Parts
from deidkit.audit.workspace import Workspace, key_of
from deidkit.protocols import Failure


def process(batch: Batch, parts: Parts, workspace: Workspace, note: Callable[[str], None]) -> str:
    """Extract the templates of a batch of originals, unless that is already done.

    Returns:
        The key of the result in the workspace: arrays ``templates.<recognizer>`` and ``numbers.<recognizer>``,
        records ``failures`` (recognizer -> [[number, stage, reason], ...]).
    """
    key = key_of("originals", batch.digests, parts.analysis_components, [c for _, c in parts.recognizers])
    if workspace.load(key) is not None:
        return key
    arrays: dict[str, Any] = {}
    failures: dict[str, list[list[Any]]] = {}
    for index, (recognizer, component) in enumerate(parts.recognizers):
        images, rois = batch.images, batch.rois
        with parts.turn(recognizer):
            acquired = acquisition.acquire(recognizer, component, images, rois, note)
        if acquired.templates is not None:
            arrays[f"templates.{index}"] = acquired.templates
        arrays[f"numbers.{index}"] = acquisition.integers([batch.numbers[row] for row in acquired.rows])
        failures[str(index)] = [
            [batch.numbers[row], failure.stage, failure.reason] for row, failure in sorted(acquired.failures.items())
        ]
    unreadable = [
        [number, image.stage, image.reason]
        for number, image in zip(batch.numbers, batch.images, strict=True)
        if isinstance(image, Failure)
    ]
    workspace.save(key, arrays, {"failures": failures, "unreadable": unreadable})
    return key
