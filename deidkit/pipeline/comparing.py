"""Keeps comparisons that are under way in the workspace, so that an interruption costs at most a minute of them."""

from __future__ import annotations

import hashlib

import msgspec
import numpy as np

from deidkit.comparison import Checkpoint, Templates
from deidkit.pipeline.records import StoredArray
from deidkit.pipeline.workspace import Workspace, key_of
from deidkit.result import Component


class ComparisonRecord(msgspec.Struct, frozen=True):
    """A comparison up to some stripe.

    Attributes:
        stripes: How many stripes are compared.
        arrays: What was counted and kept, by name.
    """

    stripes: int
    arrays: dict[str, StoredArray]


class ComparisonsUnderWay:
    """One comparison in the workspace; satisfies `deidkit.comparison.Checkpoints`.

    It is known by its templates, their labels and the recognizer, so that nothing else can be taken for it.

    Args:
        workspace: Where it is kept.
        recognizer: Who compares.
        sets: The probes and, where they are not compared with one another, the references.
        settings: What else decides what is compared.
    """

    def __init__(self, workspace: Workspace, recognizer: Component, *sets: Templates, settings: object) -> None:
        self._workspace = workspace
        self._key = key_of("comparison", recognizer, settings, [_digest(templates) for templates in sets])

    def load(self) -> Checkpoint | None:
        """The last checkpoint; a damaged one counts as none."""
        record = self._workspace.load(self._key, ComparisonRecord)
        if record is None:
            return None
        return Checkpoint(record.stripes, {name: stored.array for name, stored in record.arrays.items()})

    def save(self, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint. Raises DeidkitError where the disk is full."""
        arrays = {name: StoredArray.of(array) for name, array in checkpoint.arrays.items()}
        self._workspace.save(self._key, ComparisonRecord(checkpoint.stripes, arrays))


def _digest(templates: Templates) -> str:
    found = hashlib.blake2b(digest_size=32)
    arrays = [templates.data, templates.identities, templates.subjects, templates.sources]
    arrays += [] if templates.starts is None else [templates.starts]
    for array in arrays:
        found.update(f"{array.dtype.str} {array.shape}".encode())
        found.update(np.ascontiguousarray(array).view(np.uint8).data)
    return found.hexdigest()
