"""``deidkit synthesize``: drawn hands as files, with or without their ground truth."""

from __future__ import annotations

import csv
import json
import os
import shlex
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from deidkit import defaults
from deidkit.atomic import replacing
from deidkit.cli import output
from deidkit.cli.configuration import config_option
from deidkit.cli.shared import quiet_option, threads_option

if TYPE_CHECKING:
    from deidkit.datasets.synthetic import Synthetic
    from deidkit.progress import Stage
    from deidkit.protocols import Sample

RECIPE = "recipe.json"
MANIFEST = "manifest.csv"
TRUTH = Path("truth") / "keypoints.jsonl"
COLUMNS = ("path", "subject", "hand", "session", "kind")

_ENDINGS = {".png": b"IEND\xaeB`\x82", ".jpg": b"\xff\xd9"}
"""Suffix of a file's name -> last bytes of a complete file."""


@click.command()
@click.argument("folder", metavar="OUTPUT", type=click.Path(path_type=Path, file_okay=False))
@click.option("--subjects", type=click.IntRange(1), default=30, show_default=True, help="How many people.")
@click.option("--samples", type=click.IntRange(1), default=4, show_default=True, help="Pictures of each hand.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True,
              help="Which population: two seeds have no hand in common; the audit's own is seed 0.")  # fmt: skip
@click.option("--hands", type=click.Choice(["one", "both", "left", "right"]), default="one", show_default=True,
              help="Hands of each person; one: odd numbers left, even right.")  # fmt: skip
@click.option("--format", "suffix", type=click.Choice(["png", "jpg"]), default="png", show_default=True,
              help="PNG keeps every pixel; JPEG takes a fifth of the space.")  # fmt: skip
@click.option("--truth", is_flag=True, help=f"Write keypoints and ROI ({TRUTH}) and hand masks, too.")
@threads_option
@quiet_option
@config_option
def synthesize(folder: Path, **options: Any) -> None:
    r"""Write a data set of procedural hands to OUTPUT.

    Pictures are named PALM_SAMPLE, with a manifest with subjects and hands; deidkit audit reads either. Run again,
    the command continues where it stopped; with larger numbers it adds to the data set.

    \b
    Examples:
        deidkit synthesize hands/
        deidkit synthesize training/ --subjects 20000 --samples 8 --seed 7 --format jpg --truth
    """
    from deidkit.datasets.synthetic import Synthetic
    from deidkit.errors import UsageError

    dataset = Synthetic(options["subjects"], options["samples"], options["seed"], options["hands"])
    suffix = f".{options['suffix']}"
    _begin(folder, dataset, suffix)
    try:
        pictures = _write(folder, dataset, suffix, options["truth"], options["threads"], options["quiet"])
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}.") from error
    choices = ["--engine", defaults.CONTROL, "--recognizer", defaults.RECOGNIZER]
    command = shlex.join(["deidkit", "audit", "--dataset", str(folder), *choices])
    output.echo(f"{pictures} pictures in {folder}; audit them with: {command}")


def _write(folder: Path, dataset: Synthetic, suffix: str, truth: bool, threads: int, quiet: bool) -> int:
    """Write missing pictures, and rewrite the tables, which appear when complete."""
    from concurrent.futures import Future, ThreadPoolExecutor

    total = (2 if dataset.hands == "both" else 1) * dataset.subjects * dataset.pictures
    jobs = _palms(dataset)
    waiting: deque[Future[list[tuple[list[str], str]]]] = deque()
    with (
        ThreadPoolExecutor(threads) as pool,
        output.progress(quiet).stage("hands", total) as stage,
        _table(folder / MANIFEST) as manifest,
        _table(folder / TRUTH if truth else None) as lines,
    ):
        rows = csv.writer(manifest, lineterminator="\n")
        rows.writerow(COLUMNS)
        try:
            while True:
                # Submit only a few hands ahead, to bound the memory.
                while len(waiting) < 2 * threads and (job := next(jobs, None)) is not None:
                    waiting.append(pool.submit(_palm, folder, dataset, suffix, truth, *job, stage))
                if not waiting:
                    break
                for row, line in waiting.popleft().result():
                    rows.writerow(row)
                    lines.write(line)
        finally:
            for future in waiting:
                future.cancel()
    return total


def _palms(dataset: Synthetic) -> Iterator[tuple[int, list[Sample]]]:
    """Palm number and samples, for each hand."""
    palm = 0
    for subject in range(1, dataset.subjects + 1):
        samples = list(dataset.samples_of(subject))
        for start in range(0, len(samples), dataset.pictures):
            palm += 1
            yield palm, samples[start : start + dataset.pictures]


def _palm(
    folder: Path, dataset: Synthetic, suffix: str, truth: bool, palm: int, samples: list[Sample], stage: Stage
) -> list[tuple[list[str], str]]:
    """Write the pictures of one hand; returns the table rows of each."""
    from deidkit.errors import SampleError, UsageError
    from deidkit.images import write_image

    done = []
    for number, sample in enumerate(samples, start=1):
        picture = folder / f"{palm:04d}_{number:04d}{suffix}"
        mask = folder / TRUTH.parent / f"{palm:04d}_{number:04d}_mask.png"
        files = [picture, mask] if truth else [picture]
        if not all(map(_whole, files)):
            hand = dataset.truth(sample)
            try:
                write_image(picture, hand.pixels)
                if truth:
                    write_image(mask, hand.mask.astype("uint8") * 255)
            except SampleError as error:
                raise UsageError(f"{folder} cannot be written: {error}.") from error
        line = ""
        if truth:
            known = dataset.positions(sample)
            line = json.dumps({
                "path": picture.name,
                "hand": known.handedness,
                "keypoints": _rounded(known.keypoints),
                "roi_corners": _rounded(known.roi_corners),
                "mask": mask.relative_to(folder).as_posix(),
            }) + "\n"  # fmt: skip
        done.append(([picture.name, sample.subject, sample.hand or "", "", sample.kind], line))
        stage.advance()
    return done


def _begin(folder: Path, dataset: Synthetic, suffix: str) -> None:
    """Create the folder, or check that its content has the same settings and no further people."""
    from deidkit.errors import UsageError

    g = dataset.generator
    recipe = {
        "generator": f"deidkit.synthesis {dataset.version}",
        "seed": dataset.seed,
        "hands": dataset.hands,
        "size": [g.width, g.height],
        "format": suffix[1:],
    }
    size = {"subjects": dataset.subjects, "samples": dataset.pictures}
    path = folder / RECIPE
    try:
        if path.is_file():
            found = _read(path)
            other = [name for name, value in recipe.items() if found.get(name) != value]
            if other:
                differences = ", ".join(f"{name} {found.get(name)} (asked for: {recipe[name]})" for name in other)
                raise UsageError(f"{folder} has hands made with other settings: {differences}. Choose another folder.")
            less = [name for name, value in size.items() if value < found.get(name, 0)]
            if less:
                counts = " and ".join(f"{found[name]} {name}" for name in less)
                raise UsageError(f"{folder} already has {counts}; ask for at least as many, or choose another folder.")
        elif folder.is_dir() and any(folder.iterdir()):
            raise UsageError(f"{folder} is not empty and holds no {RECIPE}. Choose another folder.")
        folder.mkdir(parents=True, exist_ok=True)
        with _table(path) as file:
            json.dump({**recipe, **size}, file, indent=2)
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}.") from error


def _read(path: Path) -> dict[str, Any]:
    from deidkit.errors import UsageError

    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, UnicodeDecodeError):
        found = None
    if not isinstance(found, dict):
        raise UsageError(f"{path} is damaged. Delete it together with the folder, or choose another folder.")
    return found


@contextmanager
def _table(path: Path | None) -> Iterator[TextIO]:
    """Open a text file that appears under its name when complete; discards the text for None."""
    if path is None:
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
            yield nowhere
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        yield file


def _whole(path: Path) -> bool:
    """Whether a picture exists and is complete, by its last bytes."""
    ending = _ENDINGS[path.suffix]
    try:
        with path.open("rb") as file:
            file.seek(-len(ending), os.SEEK_END)
            return file.read() == ending
    except OSError:
        return False


def _rounded(points: Any) -> list[list[float]]:
    return [[round(float(value), 3) for value in point] for point in points]
