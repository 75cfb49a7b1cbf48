"""Calls engines with copies of their input, and checks what they return by their contract."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from deidkit.contracts import picture_fault
from deidkit.errors import DeidkitError, SampleError
from deidkit.hand import AnalyzedImage, palm_or_none
from deidkit.images import file_encoding, file_findings, hidden_pictures
from deidkit.leakage import is_original
from deidkit.pipeline.isolation import PrivateImage
from deidkit.pipeline.plugin_warnings import PluginWarnings, detail_of
from deidkit.pipeline.process_state import ProcessState
from deidkit.plugins import Loaded, errors_attributed_to
from deidkit.protocols import Engine, Failure, Image


def seeds_of(engine: Engine, wanted: int) -> list[int]:
    """Seeds to run an engine with: only one for a deterministic engine."""
    return list(range(wanted if engine.diverse else 1))


@dataclass(frozen=True)
class CopyFile:
    """Content of a copy's file besides the picture.

    Attributes:
        carried: Kinds of additional content, see `deidkit.images.file_findings`.
        holds_original: Whether an embedded picture shows the original.
        encoding: Encoding of the file, see `deidkit.images.file_encoding`; empty without a file.
    """

    carried: list[str] = field(default_factory=list)
    holds_original: bool = False
    encoding: str = ""


@dataclass(frozen=True)
class EngineCall:
    """Calls of one engine.

    Attributes:
        warnings: Collects exceptions and contract violations.
        state: Process state, restored after each call.
        files: File contents besides pixels, by sample and seed; filled in as copies are made.
        with_details: Whether failures include the exception's text, which only the person running the engine may see.
    """

    engine: Loaded[Engine]
    seeds: Sequence[int]
    warnings: PluginWarnings
    state: ProcessState
    files: dict[tuple[str, int], CopyFile] = field(default_factory=dict)
    with_details: bool = False

    def run(self, images: Sequence[AnalyzedImage]) -> list[list[Image | Failure]]:
        """De-identify pictures in batches of the engine's preferred size; a failure does not affect other pictures.

        Returns:
            For each picture one item per seed, each a new array.

        Raises:
            DeidkitError: The engine cannot continue, e.g. because a service does not respond.
        """
        size = self.engine.plugin.batch_size
        parts = [images[start : start + size] for start in range(0, len(images), size)]
        return [result for part in parts for result in self._run_together(part)]

    def _run_together(self, images: Sequence[AnalyzedImage]) -> list[list[Image | Failure]]:
        inputs = [PrivateImage(image) for image in images]
        try:
            plugin = self.engine.plugin
            with self.state.restored_after(self._name, self.warnings, thread_safe=plugin.thread_safe):
                outputs = self._outputs(inputs)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # an engine that exits must not end the audit as a success
            if isinstance(error, DeidkitError) and not isinstance(error, SampleError):
                raise  # already a message for the user: the service does not respond, a model is missing
            if len(images) > 1:
                return [self._run_together([image])[0] for image in images]
            return [[self._failure(error)] * len(self.seeds)]
        if any(image.was_written_to for image in inputs):
            self.warnings.add(f"{self._name} wrote into the pictures that it was given")
        checked = [self._checked(items, image) for items, image in zip(outputs, images, strict=True)]
        for items, image in zip(checked, images, strict=True):
            for seed, item in zip(self.seeds, items, strict=True):
                if not isinstance(item, Failure):
                    self._search_file(image, seed, item)
        return checked

    def _search_file(self, image: AnalyzedImage, seed: int, copy: Image) -> None:
        plugin, sample = self.engine.plugin, image.sample
        with errors_attributed_to(self.engine.component, "delivered_file"):
            data = plugin.delivered_file(sample, seed)
        if data is None:
            return
        carried = sorted({found.kind for found in file_findings(data)})
        hidden = map(np.ascontiguousarray, hidden_pictures(data))
        holds = any(is_original(image.pixels, picture, palm_or_none(image), copy) for picture in hidden)
        self.files[sample.key, seed] = CopyFile(carried, holds, file_encoding(data))

    def _outputs(self, given: Sequence[PrivateImage]) -> list[list[object]]:
        """The engine's outputs, each picture copied on receipt; surplus items are not read."""
        returned = iter(self.engine.plugin.deidentify(given, list(self.seeds)))
        outputs = [
            list(itertools.islice(items, len(self.seeds) + 1)) for items in itertools.islice(returned, len(given) + 1)
        ]
        if len(outputs) != len(given):
            raise ValueError(f"{len(outputs)} results for {len(given)} pictures")
        return [[_received(item) for item in items] for items in outputs]

    @property
    def _name(self) -> str:
        return f"engine '{self.engine.component.name}'"

    def _failure(self, error: BaseException) -> Failure:
        if isinstance(error, SampleError):
            return Failure("engine", str(error))
        self.warnings.raised("engine", self.engine.component.name, error)
        detail = detail_of(error) if self.with_details else ""
        return Failure("engine", f"the engine raised {type(error).__name__}" + (f": {detail}" if detail else ""))

    def _checked(self, items: Sequence[object], image: AnalyzedImage) -> list[Image | Failure]:
        count = len(self.seeds)
        if len(items) != count:
            received = f"more than {count}" if len(items) > count else str(len(items))
            return [self._breach(f"the engine returned {received} pictures for {count} seeds")] * count
        return [self._checked_picture(item, image.pixels) for item in items]

    def _checked_picture(self, item: object, original: Image) -> Image | Failure:
        if isinstance(item, Failure):
            return item
        if fault := picture_fault(item):
            return self._breach(f"the engine returned {fault}")
        assert isinstance(item, np.ndarray)
        if item.shape != original.shape and not self.engine.plugin.any_size:
            return self._breach("the engine returned a picture of another size")
        return item

    def _breach(self, reason: str) -> Failure:
        self.warnings.add(f"{self._name} breaks its contract: {reason}")
        return Failure("engine", reason)


def _received(item: object) -> object:
    """Copy a picture, so that later changes by the engine have no effect."""
    return np.array(item, order="C") if isinstance(item, np.ndarray) else item
