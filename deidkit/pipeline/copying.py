"""De-identification of pictures into files: the work of each thread, here or on a cluster worker."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock
from typing import Any, Literal

import numpy as np

from deidkit import defaults, plugins
from deidkit.errors import Interruption, SampleError, UsageError
from deidkit.hand import AnalyzedImage, HandAnalysis
from deidkit.images import WRITABLE_SUFFIXES, read_image, write_image
from deidkit.leakage import brought_to_size
from deidkit.options import Spec, build
from deidkit.pipeline.batches import Batch
from deidkit.pipeline.engine_calls import EngineCall, seeds_of
from deidkit.pipeline.plan import EngineChoice
from deidkit.pipeline.plugin_set import build_analysis, make_engine
from deidkit.pipeline.plugin_warnings import PluginWarnings
from deidkit.pipeline.process_state import ProcessState
from deidkit.plugins import Loaded
from deidkit.protocols import Dataset, Engine, Failure, Image, PalmVariant, Sample

STAGE = "pictures"


@dataclass(frozen=True, kw_only=True)
class DeidentificationPlan:
    """Plan of a de-identification run.

    Attributes:
        source: A picture, or a folder of pictures.
        target: Destination: a picture or a folder.
        seeds: Copies of each picture by engines that can make several.
        kind: Whether the pictures show whole hands or palm regions already cut out.
        cluster: ``local:N`` or the address of a Dask scheduler, whose workers do the work; empty for none.
        isolate: Whether the engine runs in a separate process.
    """

    source: Path
    target: Path
    engine: EngineChoice
    seeds: int = 1
    kind: Literal["hand", "roi"] = "hand"
    palm: PalmVariant = "paper"
    analyzer: str = defaults.HAND_ANALYZER
    segmenter: str = defaults.SEGMENTER
    overwrite: bool = False
    threads: int = 1
    cluster: str = ""
    isolate: bool = False


@dataclass(frozen=True)
class CopyOutcome:
    """Outcome of one copy, or of a failed picture (without a seed), with path and reason."""

    file: str
    seed: int | None = None
    state: Literal["written", "already there", "failed"] = "written"
    stage: str = ""
    reason: str = ""


@dataclass(frozen=True)
class CopyJob:
    """One picture and the destinations of its copies, one per seed."""

    sample: Sample
    targets: tuple[Path, ...]


@dataclass(frozen=True)
class Copier:
    """De-identification of pictures with one engine.

    Attributes:
        analysers: Components of the hand analysis; none for palm regions.
        alone: Whether a single picture is copied, whose copy the user may name.
        lock: Held while the engine is called.
        cancelled: Set when the work is to end.
    """

    call: EngineCall
    analysis: HandAnalysis
    analysers: Sequence[Loaded[Any]]
    overwrite: bool
    alone: bool
    lock: AbstractContextManager[object]
    cancelled: Event = field(default_factory=Event)

    @classmethod
    def of(
        cls,
        engine: Loaded[Engine],
        plan: DeidentificationPlan,
        warnings: PluginWarnings,
        note: Callable[[str], None],
    ) -> Copier:
        """Create the components of a plan besides its engine. Raises DeidkitError if a plugin cannot be used."""
        analysis, analysers = _analysis(plan, note)
        return cls(
            call=EngineCall(
                engine, seeds_of(engine.plugin, plan.seeds), warnings, ProcessState.now(), with_details=True
            ),
            analysis=analysis,
            analysers=analysers,
            overwrite=plan.overwrite,
            alone=plan.source.is_file(),
            lock=nullcontext() if engine.plugin.thread_safe else Lock(),
        )

    @property
    def engine(self) -> Loaded[Engine]:
        """The engine."""
        return self.call.engine

    def parts(self, jobs: Sequence[CopyJob]) -> list[Sequence[CopyJob]]:
        """Split the pictures into batches of the engine's preferred size."""
        size = self.engine.plugin.batch_size
        return [jobs[start : start + size] for start in range(0, len(jobs), size)]

    def outcomes(self, part: Sequence[CopyJob]) -> Iterator[CopyOutcome]:
        """De-identify a batch; yields the outcome of each copy.

        Raises:
            DeidkitError: The engine cannot continue, or the work was cancelled.
        """
        seeds = self.call.seeds
        pending: list[CopyJob] = []
        for job in part:
            suffix = job.targets[0].suffix.lower()
            if not self.overwrite and all(path.exists() for path in job.targets):
                yield from (CopyOutcome(job.sample.key, seed, "already there") for seed in seeds)
            elif suffix not in WRITABLE_SUFFIXES:
                reason = f"copies cannot be written as '{suffix}'; convert it to PNG first"
                reason += ", or name its copy OUT.png" if self.alone else ""
                yield CopyOutcome(job.sample.key, None, "failed", "write", reason)
            else:
                pending.append(job)
        samples = [job.sample for job in pending]
        batch = Batch(range(len(pending)), samples, [""] * len(pending), _Files(samples), self.analysis)
        readable: list[tuple[CopyJob, AnalyzedImage]] = []
        for job, image in zip(pending, batch.images, strict=True):
            if isinstance(image, Failure):
                yield CopyOutcome(job.sample.key, None, "failed", image.stage, image.reason)
            else:
                readable.append((job, image))
        if not readable:
            return
        for _, image in readable:
            with suppress(SampleError):
                image.palm_mask()  # computed in advance, while another batch may use the engine
        with self.lock:
            if self.cancelled.is_set():  # while the engine was waited for
                raise Interruption("the work was interrupted.")
            results = self.call.run([image for _, image in readable])
        for (job, image), items in zip(readable, results, strict=True):
            for seed, path, made in zip(seeds, job.targets, items, strict=True):
                item = made if self.engine.component.control else _changed(made, image)
                yield _written(CopyOutcome(job.sample.key, seed), path, item, image.pixels, self.overwrite)


def engine_of(plan: DeidentificationPlan, note: Callable[[str], None]) -> Loaded[Engine]:
    """Make the engine of a plan. Raises DeidkitError if it cannot be made, or is only a stand-in."""
    engine = make_engine(plan.engine, note, isolate=plan.isolate)
    if reason := engine.plugin.stand_in():
        raise UsageError(f"{engine.component.name}: {reason}.")
    return engine


@dataclass(frozen=True)
class _Files(Dataset):
    """The pictures as a data set without subjects."""

    pictures: Sequence[Sample]

    version = "1"

    def samples(self) -> Sequence[Sample]:
        return self.pictures

    def read(self, sample: Sample) -> Image:
        return read_image(path_of(sample))

    def digest(self, sample: Sample) -> str:
        return hashlib.sha256(path_of(sample).read_bytes()).hexdigest()


def path_of(sample: Sample) -> Path:
    """The file of a picture to de-identify."""
    assert sample.path is not None, "every picture to de-identify is a file"
    return sample.path


def _analysis(plan: DeidentificationPlan, note: Callable[[str], None]) -> tuple[HandAnalysis, Sequence[Loaded[Any]]]:
    """The hand analysis and its components; for palm regions no hands are detected, so no model is fetched."""
    if plan.kind == "hand":
        analysis, components = build_analysis(plan.analyzer, plan.segmenter, palm=plan.palm, note=note)
        parts: list[Any] = [analysis.analyzer, analysis.segmenter]
        return analysis, [Loaded(part, component) for part, component in zip(parts, components, strict=False)]
    names = {"hand_analyzer": plan.analyzer, "segmenter": plan.segmenter, "roi_rule": defaults.ROI_RULE}
    unused = [_unprepared(kind, name) for kind, name in names.items()]
    return HandAnalysis(*unused, palm=plan.palm), []  # type: ignore[misc, arg-type]


def _unprepared(kind: str, text: str) -> object:
    spec = Spec.parse(text)
    return build(plugins.load(kind, spec.name), spec.rest, what=f"{plugins.words(kind)} '{spec.name}'")


def _changed(item: Image | Failure, image: AnalyzedImage) -> Image | Failure:
    """Return the copy, or a failure if its palm is unchanged, since it would publish an original."""
    if isinstance(item, Failure):
        return item
    try:
        palm = image.palm_mask()
    except SampleError:
        palm = np.ones(image.pixels.shape[:2], bool)
    before = image.pixels[palm]
    if not before.size or not np.ptp(before, axis=0).any():  # a palm of one colour has nothing to change
        return item
    if np.array_equal(brought_to_size(item, image.pixels)[palm], before):
        return Failure("engine", "the engine left the palm as it was, so this is not a copy and was not written")
    return item


def _written(outcome: CopyOutcome, path: Path, item: Image | Failure, original: Image, overwrite: bool) -> CopyOutcome:
    """Write one copy; returns its outcome."""
    if path.exists() and not overwrite:
        return CopyOutcome(outcome.file, outcome.seed, "already there")
    if isinstance(item, Failure):
        return CopyOutcome(outcome.file, outcome.seed, "failed", item.stage, item.reason)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_image(path, brought_to_size(item, original))
    except (OSError, SampleError) as error:
        reason = str(error.strerror) if isinstance(error, OSError) and error.strerror else str(error)
        return CopyOutcome(outcome.file, outcome.seed, "failed", "write", reason)
    return outcome
