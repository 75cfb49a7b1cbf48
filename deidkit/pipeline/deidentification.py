"""De-identifies pictures with the reading, analysis and engine calls of an audit, and writes files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import msgspec

from deidkit.datasets.walking import COPIES, walk
from deidkit.errors import UsageError, os_errors_as
from deidkit.images import PICTURE_SUFFIXES
from deidkit.pipeline import cluster
from deidkit.pipeline.copying import STAGE, Copier, CopyJob, CopyOutcome, DeidentificationPlan, engine_of, path_of
from deidkit.pipeline.engine_calls import seeds_of
from deidkit.pipeline.plugin_warnings import PluginWarnings
from deidkit.processors import limited_library_threads
from deidkit.progress import Progress
from deidkit.protocols import Sample
from deidkit.result import Component


@dataclass(frozen=True)
class Deidentification:
    """Outcomes of all pictures.

    Attributes:
        outcomes: One per copy, or per failed picture.
        other_files: Files in the source that are not pictures.
    """

    engine: Component
    seeds: list[int]
    outcomes: list[CopyOutcome]
    other_files: int

    def count(self, state: Literal["written", "already there", "failed"]) -> int:
        """Number of copies in a state."""
        return Counter(outcome.state for outcome in self.outcomes)[state]

    @property
    def failed(self) -> list[CopyOutcome]:
        """Those that failed."""
        return [outcome for outcome in self.outcomes if outcome.state == "failed"]


@limited_library_threads()
def deidentify(plan: DeidentificationPlan, progress: Progress) -> Deidentification:
    """De-identify a picture, or every picture in a folder and below it.

    Copies keep name and format, are upright and carry no metadata. What is already in the target from the same
    engine is not made again, so an interrupted run resumes. A picture that fails does not stop the others.

    Raises:
        DeidkitError: Nothing can be done: no picture, copies that would overwrite originals, a broken plugin.
    """
    if plan.cluster:
        cluster.check(plan.cluster)
        plan = replace(plan, source=plan.source.absolute(), target=plan.target.absolute())
    engine = engine_of(plan, progress.note)
    seeds = seeds_of(engine.plugin, plan.seeds)
    jobs, lost, others = _jobs(plan, len(seeds))
    if not jobs:
        what = "picture in" if plan.source.exists() else "file or folder"
        raise UsageError(f"there is no {what} {plan.source}.")
    warnings = PluginWarnings.shown_by(progress.note)
    copier = Copier.of(engine, plan, warnings, progress.note)
    analysed_by = [loaded.component for loaded in copier.analysers]
    values = {"engine": engine.component, "hand_analysis": analysed_by, "palm": plan.palm, "kind": plan.kind}
    record = json.dumps(msgspec.to_builtins(values), indent=2, sort_keys=True)
    _check_targets(plan, jobs, record)
    if plan.cluster:
        outcomes = cluster.copies_on_cluster(plan, copier, jobs, record, progress)
    else:
        outcomes = _run(jobs, copier, plan.threads, progress)
    return Deidentification(engine.component, seeds, [*outcomes, *lost], others)


def _jobs(plan: DeidentificationPlan, copies: int) -> tuple[list[CopyJob], list[CopyOutcome], int]:
    """The pictures with the paths of their copies, failures to read, and the number of other files."""
    source, target = plan.source, plan.target

    def job(key: str, path: Path, copy: Path) -> CopyJob:
        return CopyJob(Sample(key=key, subject="", kind=plan.kind, path=path), _names(copy, copies))

    if source.is_file():
        is_file = target.suffix.lower() in PICTURE_SUFFIXES and not target.is_dir()
        return [job(source.name, source, target if is_file else target / source.name)], [], 0
    found, top, made = walk(source), source.resolve(), target.resolve()
    copies_inside = made != top and made.is_relative_to(top)
    jobs = [
        job(key, path, target / path.relative_to(source))
        for key, path in found.pictures
        if not (copies_inside and path.resolve().is_relative_to(made))
    ]
    lost = [CopyOutcome(one.key, None, "failed", "read", one.reason) for one in found.lost]
    return jobs, lost, len(found.others) - len(lost)


def _names(path: Path, copies: int) -> tuple[Path, ...]:
    if copies == 1:
        return (path,)
    return tuple(path.with_name(f"{path.stem}_de-id_{number}{path.suffix}") for number in range(1, copies + 1))


def _check_targets(plan: DeidentificationPlan, jobs: Sequence[CopyJob], record: str) -> None:
    """Refuse to overwrite originals or to mix copies of different engines; record the engine in the target."""
    source, target = plan.source, plan.target
    originals = {path_of(job.sample).resolve() for job in jobs}
    if any(path.resolve() in originals for job in jobs for path in job.targets):
        raise UsageError(f"the copies would overwrite the originals in {source}; name another output folder.")
    existing = sum(path.exists() for job in jobs for path in job.targets)
    if source.is_file():
        if existing and not plan.overwrite:
            raise UsageError(f"{jobs[0].targets[0]} already exists; name another output or allow --overwrite.")
        return
    file = target / COPIES
    with os_errors_as(UsageError, f"the output folder {target} cannot be used"):
        target.mkdir(parents=True, exist_ok=True)
        before = file.read_text(encoding="utf-8") if file.exists() else ""
        if existing and before != record and not plan.overwrite:
            raise UsageError(
                f"{target} holds {existing} of these pictures, made by another engine, with other options or by hand; "
                "name another output folder or allow --overwrite."
            )
        file.write_text(record, encoding="utf-8")


def _run(jobs: Sequence[CopyJob], copier: Copier, threads: int, progress: Progress) -> list[CopyOutcome]:
    """De-identify the pictures in batches as large as the engine wants them."""
    parts = copier.parts(jobs)
    with progress.stage(STAGE, len(jobs)) as stage, ThreadPoolExecutor(threads) as pool:

        def one(part: Sequence[CopyJob]) -> list[CopyOutcome]:
            outcomes = list(copier.outcomes(part))
            stage.advance(len(part))
            return outcomes

        try:
            futures = [pool.submit(one, part) for part in parts]
            return [outcome for future in futures for outcome in future.result()]
        except BaseException:
            copier.cancelled.set()
            copier.call.warnings.silence()
            with suppress(Exception):
                copier.engine.plugin.stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
