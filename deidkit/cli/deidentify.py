"""``deidkit deidentify``: pictures through an engine, names and formats kept."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, Literal

import click

from deidkit.cli import output
from deidkit.cli.configuration import config_option
from deidkit.cli.shared import Folder

if TYPE_CHECKING:
    from deidkit.audit.heard import Note
    from deidkit.hand import AnalyzedImage, HandAnalysis
    from deidkit.progress import Progress
    from deidkit.protocols import Engine
    from deidkit.result import Component


@dataclass(frozen=True)
class Job:
    """One picture and where its copies go, one for each seed."""

    key: str
    source: Path
    targets: tuple[Path, ...]


@dataclass(frozen=True)
class Setup:
    """What all pictures go through."""

    engine: Engine
    turn: AbstractContextManager[object]
    component: Component
    analysis: HandAnalysis
    seeds: Sequence[int]
    kind: Literal["hand", "roi"]
    overwrite: bool
    note: Note
    interrupted: Event = field(default_factory=Event)


@dataclass(frozen=True)
class Outcome:
    """What became of one copy, or of a picture that gave none."""

    job: Job
    seed: int | None = None
    state: Literal["written", "already there", "failed"] = "written"
    stage: str = ""
    reason: str = ""


@click.command()
@click.argument("source", metavar="IN", type=click.Path(path_type=Path, exists=True))
@click.argument("target", metavar="OUT", type=Folder(path_type=Path))
@click.option("--engine", required=True, metavar="NAME[:OPTIONS]", help="Anonymizer, e.g. pixelate:block=16.")
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True,
              help="Copies of each picture, named NAME_de-id_1 ..., by engines that can make several.")  # fmt: skip
@click.option("--kind", type=click.Choice(["hand", "roi"]), default="hand", show_default=True,
              help="Whether the pictures show whole hands or palm regions already cut out.")  # fmt: skip
@click.option("--palm", type=click.Choice(["paper", "program"]), default="paper", show_default=True,
              help="Palm polygon of the published text or of its authors' program.")  # fmt: skip
@click.option("--analyzer", default="mediapipe", show_default=True, help="Hand analyzer.")
@click.option("--segmenter", default="grabcut", show_default=True, help="Hand segmenter.")
@click.option("--overwrite", is_flag=True, help="Make copies anew that are already there. Originals are never touched.")
@click.option("--threads", type=click.IntRange(1), default=os.cpu_count() or 1, help="Worker threads. Default: all.")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print what became of the pictures as JSON.")
@click.option("--quiet", is_flag=True, help="No progress.")
def deidentify(source: Path, target: Path, **options: Any) -> None:
    r"""De-identify a picture, or every picture in a folder and below it.

    Copies keep name and format, stand upright and carry no metadata. What is already in OUT from the same engine is
    not made again, so an interrupted run goes on where it was. A picture that fails does not stop the others.

    \b
    Examples:
        deidkit deidentify hands/ copies/ --engine pixelate
        deidkit deidentify hand.jpg copy.jpg --engine blur:sigma=12

    Exit codes: 0 all done, 2 something failed.
    """
    from deidkit import plugins
    from deidkit.audit.engines import seeds_of, turns
    from deidkit.audit.heard import Heard
    from deidkit.errors import UsageError

    progress = output.progress(options["quiet"])
    engine, component = plugins.create("engine", options["engine"], note=progress.note)
    seeds = seeds_of(engine, options["seeds"])
    if len(seeds) < options["seeds"]:
        click.echo(f"note: {component.label} gives one result for each picture, so there is one copy.", err=True)
    if component.control:
        click.echo(f"note: {component.label} is a control; what it writes is not de-identified.", err=True)
    jobs, others = _jobs(source, target, len(seeds))
    if not jobs:
        raise UsageError(f"there is no picture in {source}.")
    analysis, analysed_by = _analysis(options, progress.note)
    made_by = {"engine": component, "hand_analysis": analysed_by, "palm": options["palm"], "kind": options["kind"]}
    _check_targets(source, target, jobs, made_by, options["overwrite"])
    setup = Setup(
        engine=engine,
        turn=turns(engine),
        component=component,
        analysis=analysis,
        seeds=seeds,
        kind=options["kind"],
        overwrite=options["overwrite"],
        note=Heard.aloud(progress.note),
    )
    outcomes = _run(jobs, setup, options["threads"], progress)
    _report(outcomes, component, seeds, others, options["as_json"])
    if any(outcome.state == "failed" for outcome in outcomes):
        raise click.exceptions.Exit(2)


def _analysis(options: dict[str, Any], note: Callable[[str], None]) -> tuple[HandAnalysis, list[Component]]:
    """The hand analysis and what it is made of; for palm regions no hand is looked for, so no model is fetched."""
    from deidkit import plugins
    from deidkit.audit import build_analysis
    from deidkit.hand import HandAnalysis
    from deidkit.options import Spec, build

    if options["kind"] == "hand":
        analysis, parts = build_analysis(options["analyzer"], options["segmenter"], "valley", options["palm"], note)
        return analysis, parts[:2]
    unused = {}
    for kind, text in (
        ("hand_analyzer", options["analyzer"]),
        ("segmenter", options["segmenter"]),
        ("roi_rule", "valley"),
    ):
        spec = Spec.parse(text)
        unused[kind] = build(plugins.load(kind, spec.name), spec.rest, what=f"{kind.replace('_', ' ')} '{spec.name}'")
    return HandAnalysis(unused["hand_analyzer"], unused["segmenter"], unused["roi_rule"], options["palm"]), []


def _jobs(source: Path, target: Path, copies: int) -> tuple[list[Job], int]:
    """The pictures with the names of their copies, and how many other files lie beside them."""
    from deidkit.datasets.walking import walk
    from deidkit.images import PICTURE_SUFFIXES

    if source.is_file():
        is_file = target.suffix.lower() in PICTURE_SUFFIXES and not target.is_dir()
        return [Job(source.name, source, _names(target if is_file else target / source.name, copies))], 0
    found, top, made = walk(source), source.resolve(), target.resolve()
    copies_inside = made != top and made.is_relative_to(top)
    return [
        Job(key, path, _names(target / path.relative_to(source), copies))
        for key, path in found.pictures
        if not (copies_inside and path.resolve().is_relative_to(made))
    ], len(found.others)


def _names(path: Path, copies: int) -> tuple[Path, ...]:
    if copies == 1:
        return (path,)
    return tuple(path.with_name(f"{path.stem}_de-id_{number}{path.suffix}") for number in range(1, copies + 1))


def _check_targets(source: Path, target: Path, jobs: Sequence[Job], made_by: dict[str, Any], overwrite: bool) -> None:
    """Refuse to write over originals, or to mix another engine's copies in; leave a record of who made these."""
    import msgspec

    from deidkit.datasets.walking import COPIES
    from deidkit.errors import UsageError

    originals = {job.source.resolve() for job in jobs}
    if any(path.resolve() in originals for job in jobs for path in job.targets):
        raise UsageError(f"the copies would overwrite the originals in {source}; name another output folder.")
    there = sum(path.exists() for job in jobs for path in job.targets)
    if source.is_file():
        if there and not overwrite:
            raise UsageError(f"{jobs[0].targets[0]} is already there; name another output or allow --overwrite.")
        return
    record = target / COPIES
    content = json.dumps(msgspec.to_builtins(made_by), indent=2, sort_keys=True)
    try:
        target.mkdir(parents=True, exist_ok=True)
        before = record.read_text(encoding="utf-8") if record.exists() else ""
        if there and before != content and not overwrite:
            raise UsageError(
                f"{target} holds {there} of these pictures, made by another engine, with other options or by hand; "
                "name another output folder or allow --overwrite."
            )
        record.write_text(content, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"the output folder {target} cannot be used: {error.strerror}.") from error


def _run(jobs: Sequence[Job], setup: Setup, threads: int, progress: Progress) -> list[Outcome]:
    """De-identify the pictures in batches as large as the engine likes them."""
    from deidkit.audit.engines import stop

    size = max(1, setup.engine.batch_size)
    batches = [jobs[start : start + size] for start in range(0, len(jobs), size)]
    with progress.stage("pictures", len(jobs)) as stage, ThreadPoolExecutor(threads) as pool:

        def one(batch: Sequence[Job]) -> list[Outcome]:
            outcomes = list(_batch(batch, setup))
            stage.advance(len(batch))
            return outcomes

        try:
            futures = [pool.submit(one, batch) for batch in batches]
            return [outcome for future in futures for outcome in future.result()]
        except BaseException:
            setup.interrupted.set()
            stop(setup.engine)
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _batch(batch: Sequence[Job], setup: Setup) -> Iterator[Outcome]:
    from deidkit.audit.engines import run
    from deidkit.errors import Interruption, SampleError
    from deidkit.images import WRITABLE_SUFFIXES, read_image, write_image
    from deidkit.metrics.coverage import brought_to_size
    from deidkit.protocols import Failure, Sample

    read: list[tuple[Job, AnalyzedImage]] = []
    for job in batch:
        if not setup.overwrite and all(path.exists() for path in job.targets):
            yield from (Outcome(job, seed, "already there") for seed in setup.seeds)
            continue
        suffix = job.targets[0].suffix.lower()
        if suffix not in WRITABLE_SUFFIXES:
            yield Outcome(
                job, None, "failed", "write", f"copies cannot be written as '{suffix}'; convert it to PNG first"
            )
            continue
        sample = Sample(key=job.key, subject="", kind=setup.kind, path=job.source)
        try:
            read.append((job, setup.analysis.image(sample, read_image(job.source))))
        except SampleError as error:
            yield Outcome(job, None, "failed", "read", str(error))
    if not read:
        return
    images = [image for _, image in read]
    for image in images:
        with suppress(SampleError):
            image.palm_mask()  # analysed now, while another batch may have the engine
    with setup.turn:
        if setup.interrupted.is_set():  # while the engine was waited for
            raise Interruption("the work was interrupted.")
        results = run(setup.engine, setup.component, images, setup.seeds, setup.note)
    for (job, image), items in zip(read, results, strict=True):
        for seed, path, item in zip(setup.seeds, job.targets, items, strict=True):
            if path.exists() and not setup.overwrite:
                yield Outcome(job, seed, "already there")
            elif isinstance(item, Failure):
                yield Outcome(job, seed, "failed", item.stage, item.reason)
            else:
                try:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    write_image(path, brought_to_size(item, image.pixels))
                    yield Outcome(job, seed)
                except (OSError, SampleError) as error:
                    yield Outcome(job, seed, "failed", "write", getattr(error, "strerror", "") or str(error))


def _report(
    outcomes: Sequence[Outcome], component: Component, seeds: Sequence[int], others: int, as_json: bool
) -> None:
    counts = Counter(outcome.state for outcome in outcomes)
    failed = [outcome for outcome in outcomes if outcome.state == "failed"]
    if as_json:
        output.echo_json(
            {
                "engine": component.label,
                "seeds": list(seeds),
                "written": counts["written"],
                "already_there": counts["already there"],
                "failed": [
                    {"file": one.job.key, "seed": one.seed, "stage": one.stage, "reason": one.reason} for one in failed
                ],
                "other_files": others,
            }
        )
        return
    for one in failed:
        copy = f", copy {one.seed + 1}" if one.seed is not None and len(seeds) > 1 else ""
        click.echo(f"{one.job.key}{copy}: {one.reason}", err=True)
    said = [f"{counts[state]} {state}" for state in ("written", "already there", "failed")]
    if others:
        said.append(f"{others} other files left alone")
    click.echo(f"{component.label}: {', '.join(said)}")
