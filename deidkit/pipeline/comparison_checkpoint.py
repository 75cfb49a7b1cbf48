"""Saves running comparisons in the workspace, so that an interruption costs at most a minute of them."""

from __future__ import annotations

import hashlib

import numpy as np

from deidkit.comparison import Checkpoint, Templates
from deidkit.pipeline.workspace import Workspace, key_of
from deidkit.result import Component


class ComparisonCheckpoint:
    """The checkpoint of one comparison in the workspace; satisfies `deidkit.comparison.Checkpoints`.

    It is identified by templates, labels and recognizer, so that it cannot be confused with another one.

    Attributes:
        key: Hash of these.

    Args:
        workspace: Where it is stored.
        recognizer: The comparing recognizer.
        sets: The probes and, unless they are compared with one another, the references.
        settings: Further parameters of the comparison.
    """

    def __init__(self, workspace: Workspace, recognizer: Component, *sets: Templates, settings: object) -> None:
        self._workspace = workspace
        self.key = key_of("comparison", recognizer, settings, [digest_of(templates) for templates in sets])

    def load(self) -> Checkpoint | None:
        """The last checkpoint; a damaged one counts as none."""
        return self._workspace.load(self.key, Checkpoint)

    def save(self, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint. Raises DeidkitError where the disk is full."""
        self._workspace.save(self.key, checkpoint)


def digest_of(templates: Templates) -> str:
    """Hash of templates and of what is known about each."""
    found = hashlib.blake2b(digest_size=32)
    arrays = [templates.data, templates.identities, templates.subjects, templates.sources]
    arrays += [] if templates.starts is None else [templates.starts]
    for array in arrays:
        found.update(f"{array.dtype.str} {array.shape}".encode())
        found.update(np.ascontiguousarray(array).view(np.uint8).data)
    return found.hexdigest()
