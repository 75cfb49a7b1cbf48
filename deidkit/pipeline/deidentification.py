"""De-identifies pictures: the same reading, analysis and engine calls as in an audit, and files at the end."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock
from typing import Literal

import msgspec

from deidkit import plugins
from deidkit.datasets.walking import COPIES, walk
from deidkit.errors import Interruption, SampleError, UsageError
from deidkit.hand import AnalyzedImage, HandAnalysis
from deidkit.images import PICTURE_SUFFIXES, WRITABLE_SUFFIXES, read_image, write_image
from deidkit.leakage import brought_to_size
from deidkit.options import Spec, build
from deidkit.pipeline.batches import Batch
from deidkit.pipeline.engine_calls import EngineCall, seeds_of
from deidkit.pipeline.isolation import ProcessState
from deidkit.pipeline.plan import EngineChoice
from deidkit.pipeline.plugin_set import build_analysis
from deidkit.pipeline.plugin_warnings import PluginWarnings
from deidkit.plugins import Loaded
from deidkit.progress import Progress
from deidkit.protocols import Dataset, Engine, Failure, Image, PalmVariant, Sample
from deidkit.result import Component


@dataclass(frozen=True, kw_only=True)
class DeidentificationPlan:
    """What is to be de-identified, and how.

    Attributes:
        source: A picture, or a folder of pictures.
        target: Where copies go: a picture or a folder.
        engine: The anonymizer.
        seeds: Copies of each picture by engines that can make several.
        kind: Whether the pictures show whole hands or palm regions already cut out.
        palm: Which palm polygon.
        analyzer: Hand analyzer.
        segmenter: Segmenter.
        overwrite: Whether copies that are already there are made anew.
        threads: Worker threads.
    """

    source: Path
    target: Path
    engine: EngineChoice
    seeds: int = 1
    kind: Literal["hand", "roi"] = "hand"
    palm: PalmVariant = "paper"
    analyzer: str = "mediapipe"
    segmenter: str = "grabcut"
    overwrite: bool = False
    threads: int = 1


@dataclass(frozen=True)
class CopyOutcome:
    """What became of one copy, or of a picture that gave none.

    Attributes:
        file: Name of the original below the source.
        seed: Of the copy; None where the picture gave none.
        state: What became of it.
        stage: Where it failed.
        reason: Why.
    """

    file: str
    seed: int | None = None
    state: Literal["written", "already there", "failed"] = "written"
    stage: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Deidentification:
    """What became of all pictures.

    Attributes:
        engine: The engine.
        seeds: Those it was run with.
        outcomes: One for each copy, or picture that gave none.
        other_files: Files in the source that are no pictures.
    """

    engine: Component
    seeds: list[int]
    outcomes: list[CopyOutcome]
    other_files: int

    def count(self, state: Literal["written", "already there", "failed"]) -> int:
        """How many copies came to a state."""
        return Counter(outcome.state for outcome in self.outcomes)[state]

    @property
    def failed(self) -> list[CopyOutcome]:
        """Those that failed."""
        return [outcome for outcome in self.outcomes if outcome.state == "failed"]


@dataclass(frozen=True)
class _Job:
    """One picture and where its copies go, one for each seed."""

    sample: Sample
    targets: tuple[Path, ...]


@dataclass(frozen=True)
class _Files(Dataset):
    """The pictures as a data set: nobody is named, every file is read as it stands."""

    pictures: Sequence[Sample]

    version = "1"

    def samples(self) -> Sequence[Sample]:
        return self.pictures

    def read(self, sample: Sample) -> Image:
        return read_image(_path(sample))

    def digest(self, sample: Sample) -> str:
        return hashlib.sha256(_path(sample).read_bytes()).hexdigest()


def _path(sample: Sample) -> Path:
    assert sample.path is not None, "every picture to de-identify is a file"
    return sample.path


@dataclass(frozen=True)
class _Setup:
    """What all pictures go through."""

    call: EngineCall
    analysis: HandAnalysis
    overwrite: bool
    lock: AbstractContextManager[object]
    cancelled: Event = field(default_factory=Event)


def deidentify(plan: DeidentificationPlan, progress: Progress) -> Deidentification:
    """De-identify a picture, or every picture in a folder and below it.

    Copies keep name and format, stand upright and carry no metadata. What is already in the target from the same
    engine is not made again, so an interrupted run goes on where it was. A picture that fails does not stop the others.

    Raises:
        DeidkitError: Nothing can be done: no picture, copies that would overwrite originals, a broken plugin.
    """
    engine: Loaded[Engine] = plugins.create("engine", plan.engine, note=progress.note)
    if reason := engine.plugin.stand_in():
        raise UsageError(f"{engine.component.name}: {reason}.")
    seeds = seeds_of(engine.plugin, plan.seeds)
    jobs, others = _jobs(plan, len(seeds))
    if not jobs:
        raise UsageError(f"there is no picture in {plan.source}.")
    analysis, analysed_by = _analysis(plan, progress)
    record = {"engine": engine.component, "hand_analysis": analysed_by, "palm": plan.palm, "kind": plan.kind}
    _check_targets(plan, jobs, json.dumps(msgspec.to_builtins(record), indent=2, sort_keys=True))
    warnings = PluginWarnings.shown_by(progress.note)
    setup = _Setup(
        call=EngineCall(engine, seeds, warnings, ProcessState.now()),
        analysis=analysis,
        overwrite=plan.overwrite,
        lock=nullcontext() if engine.plugin.thread_safe else Lock(),
    )
    return Deidentification(engine.component, seeds, _run(jobs, setup, plan.threads, progress), others)


def _analysis(plan: DeidentificationPlan, progress: Progress) -> tuple[HandAnalysis, list[Component]]:
    """The hand analysis and what it is made of; for palm regions no hand is looked for, so no model is fetched."""
    if plan.kind == "hand":
        analysis, parts = build_analysis(plan.analyzer, plan.segmenter, "valley", plan.palm, progress.note)
        return analysis, parts[:2]
    unused = [
        _unprepared(kind, text)
        for kind, text in (("hand_analyzer", plan.analyzer), ("segmenter", plan.segmenter), ("roi_rule", "valley"))
    ]
    return HandAnalysis(*unused, palm=plan.palm), []  # type: ignore[misc, arg-type]


def _unprepared(kind: str, text: str) -> object:
    spec = Spec.parse(text)
    return build(plugins.load(kind, spec.name), spec.rest, what=f"{plugins.words(kind)} '{spec.name}'")


def _jobs(plan: DeidentificationPlan, copies: int) -> tuple[list[_Job], int]:
    """The pictures with the names of their copies, and how many other files lie beside them."""
    source, target = plan.source, plan.target

    def job(key: str, path: Path, copy: Path) -> _Job:
        return _Job(Sample(key=key, subject="", kind=plan.kind, path=path), _names(copy, copies))

    if source.is_file():
        is_file = target.suffix.lower() in PICTURE_SUFFIXES and not target.is_dir()
        return [job(source.name, source, target if is_file else target / source.name)], 0
    found, top, made = walk(source), source.resolve(), target.resolve()
    copies_inside = made != top and made.is_relative_to(top)
    return [
        job(key, path, target / path.relative_to(source))
        for key, path in found.pictures
        if not (copies_inside and path.resolve().is_relative_to(made))
    ], len(found.others)


def _names(path: Path, copies: int) -> tuple[Path, ...]:
    if copies == 1:
        return (path,)
    return tuple(path.with_name(f"{path.stem}_de-id_{number}{path.suffix}") for number in range(1, copies + 1))


def _check_targets(plan: DeidentificationPlan, jobs: Sequence[_Job], record: str) -> None:
    """Refuse to write over originals, or to mix another engine's copies in; leave a record of who made these."""
    source, target = plan.source, plan.target
    originals = {_path(job.sample).resolve() for job in jobs}
    if any(path.resolve() in originals for job in jobs for path in job.targets):
        raise UsageError(f"the copies would overwrite the originals in {source}; name another output folder.")
    existing = sum(path.exists() for job in jobs for path in job.targets)
    if source.is_file():
        if existing and not plan.overwrite:
            raise UsageError(f"{jobs[0].targets[0]} is already there; name another output or allow --overwrite.")
        return
    file = target / COPIES
    try:
        target.mkdir(parents=True, exist_ok=True)
        before = file.read_text(encoding="utf-8") if file.exists() else ""
        if existing and before != record and not plan.overwrite:
            raise UsageError(
                f"{target} holds {existing} of these pictures, made by another engine, with other options or by hand; "
                "name another output folder or allow --overwrite."
            )
        file.write_text(record, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"the output folder {target} cannot be used: {error.strerror}.") from error


def _run(jobs: Sequence[_Job], setup: _Setup, threads: int, progress: Progress) -> list[CopyOutcome]:
    """De-identify the pictures in batches as large as the engine wants them."""
    engine = setup.call.engine.plugin
    parts = [jobs[start : start + engine.batch_size] for start in range(0, len(jobs), engine.batch_size)]
    with progress.stage("pictures", len(jobs)) as stage, ThreadPoolExecutor(threads) as pool:

        def one(part: Sequence[_Job]) -> list[CopyOutcome]:
            outcomes = list(_outcomes(part, setup))
            stage.advance(len(part))
            return outcomes

        try:
            futures = [pool.submit(one, part) for part in parts]
            return [outcome for future in futures for outcome in future.result()]
        except BaseException:
            setup.cancelled.set()
            with suppress(Exception):
                engine.stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _outcomes(part: Sequence[_Job], setup: _Setup) -> Iterator[CopyOutcome]:
    seeds = setup.call.seeds
    wanted: list[_Job] = []
    for job in part:
        suffix = job.targets[0].suffix.lower()
        if not setup.overwrite and all(path.exists() for path in job.targets):
            yield from (CopyOutcome(job.sample.key, seed, "already there") for seed in seeds)
        elif suffix not in WRITABLE_SUFFIXES:
            reason = f"copies cannot be written as '{suffix}'; convert it to PNG first"
            yield CopyOutcome(job.sample.key, None, "failed", "write", reason)
        else:
            wanted.append(job)
    samples = [job.sample for job in wanted]
    batch = Batch(range(len(wanted)), samples, [""] * len(wanted), _Files(samples), setup.analysis)
    readable: list[tuple[_Job, AnalyzedImage]] = []
    for job, image in zip(wanted, batch.images, strict=True):
        if isinstance(image, Failure):
            yield CopyOutcome(job.sample.key, None, "failed", image.stage, image.reason)
        else:
            readable.append((job, image))
    if not readable:
        return
    for _, image in readable:
        with suppress(SampleError):
            image.palm_mask()  # analysed now, while another batch may have the engine
    with setup.lock:
        if setup.cancelled.is_set():  # while the engine was waited for
            raise Interruption("the work was interrupted.")
        results = setup.call.run([image for _, image in readable])
    for (job, image), items in zip(readable, results, strict=True):
        for seed, path, item in zip(seeds, job.targets, items, strict=True):
            yield _written(CopyOutcome(job.sample.key, seed), path, item, image.pixels, setup.overwrite)


def _written(outcome: CopyOutcome, path: Path, item: Image | Failure, original: Image, overwrite: bool) -> CopyOutcome:
    """Write one copy and say what became of it."""
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
