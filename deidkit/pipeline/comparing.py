"""Keeps comparisons that are under way in the workspace, so that an interruption costs at most a minute of them."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from deidkit.comparison import Arrays, Checkpoint, Templates
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


class PartRecord(msgspec.Struct, frozen=True):
    """What a worker of a cluster found in a part of a comparison, by name."""

    arrays: dict[str, StoredArray]

    @classmethod
    def of(cls, arrays: Arrays) -> PartRecord:
        """Store arrays."""
        return cls({name: StoredArray.of(array) for name, array in arrays.items()})

    def loaded(self) -> dict[str, NDArray[Any]]:
        """The arrays; read-only."""
        return {name: stored.array for name, stored in self.arrays.items()}


class TemplatesSet(msgspec.Struct, frozen=True):
    """All templates of one side of a comparison, for workers of a cluster; see `Templates`."""

    data: StoredArray
    identities: StoredArray
    subjects: StoredArray
    sources: StoredArray
    starts: StoredArray | None

    @classmethod
    def of(cls, templates: Templates) -> TemplatesSet:
        """Store templates."""
        return cls(
            data=StoredArray.of(templates.data),
            identities=StoredArray.of(templates.identities),
            subjects=StoredArray.of(templates.subjects),
            sources=StoredArray.of(templates.sources),
            starts=None if templates.starts is None else StoredArray.of(templates.starts),
        )

    @property
    def templates(self) -> Templates:
        """The templates, in arrays of their own: loops are compiled anew for what must not be written to."""
        return Templates(
            data=self.data.array.copy(),
            identities=self.identities.array.copy(),
            subjects=self.subjects.array.copy(),
            sources=self.sources.array.copy(),
            starts=None if self.starts is None else self.starts.array.copy(),
        )


class ComparisonsUnderWay:
    """One comparison in the workspace; satisfies `deidkit.comparison.Checkpoints`.

    It is known by its templates, their labels and the recognizer, so that nothing else can be taken for it.

    Attributes:
        key: Hash of these.

    Args:
        workspace: Where it is kept.
        recognizer: Who compares.
        sets: The probes and, where they are not compared with one another, the references.
        settings: What else decides what is compared.
    """

    def __init__(self, workspace: Workspace, recognizer: Component, *sets: Templates, settings: object) -> None:
        self._workspace = workspace
        self.key = key_of("comparison", recognizer, settings, [digest_of(templates) for templates in sets])

    def load(self) -> Checkpoint | None:
        """The last checkpoint; a damaged one counts as none."""
        record = self._workspace.load(self.key, ComparisonRecord)
        if record is None:
            return None
        return Checkpoint(record.stripes, {name: stored.array for name, stored in record.arrays.items()})

    def save(self, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint. Raises DeidkitError where the disk is full."""
        arrays = {name: StoredArray.of(array) for name, array in checkpoint.arrays.items()}
        self._workspace.save(self.key, ComparisonRecord(checkpoint.stripes, arrays))


def digest_of(templates: Templates) -> str:
    """Hash of templates and of what is known about each."""
    found = hashlib.blake2b(digest_size=32)
    arrays = [templates.data, templates.identities, templates.subjects, templates.sources]
    arrays += [] if templates.starts is None else [templates.starts]
    for array in arrays:
        found.update(f"{array.dtype.str} {array.shape}".encode())
        found.update(np.ascontiguousarray(array).view(np.uint8).data)
    return found.hexdigest()
