"""Turns a data set into arrays on disk, once, so that a training that was killed finds them again."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deidkit.atomic import replacing
from deidkit.errors import DatasetError, SampleError, UsageError, os_errors_as
from deidkit.processors import available
from deidkit.progress import Progress
from deidkit.protocols import Sample
from deidkit.training import Example, Examples

_LATER, _READY, _LEFT_OUT = 0, 1, 2

Prepare = Callable[[Example], dict[str, NDArray[np.generic]]]
"""One example as arrays of fixed shape and dtype; SampleError leaves it out."""


@dataclass(frozen=True)
class Prepared:
    """Pictures ready to be learned from.

    Attributes:
        arrays: Name -> (n, ...) memory-mapped array, read-only.
        labels: (n,) int64, identities numbered from 0.
        identities: Names by number.
        left_out: Pictures that could not be used.
    """

    arrays: dict[str, NDArray[np.generic]]
    labels: NDArray[np.int64]
    identities: list[str]
    left_out: int


def prepare(
    examples: Examples, one: Prepare, folder: Path, recipe: dict[str, object], *, truth: bool, progress: Progress
) -> Prepared:
    """Prepare every picture of a data set, or what is missing of it; arrays of another recipe are not used.

    The folder holds biometric data in so far as the pictures are.

    Raises:
        DatasetError: No picture can be used.
        UsageError: The folder cannot be written or holds something else.
    """
    samples = list(examples.samples)
    with os_errors_as(UsageError, f"{folder} cannot be written"):
        folder.mkdir(parents=True, exist_ok=True)
        _hold_recipe(folder / "recipe.json", recipe)
        state = _state(folder / "state.npy", len(samples))
        left = [number for number in range(len(samples)) if state[number] == _LATER]
        with progress.stage("prepare pictures", len(left)) as stage:
            arrays = _arrays(folder, samples, examples, one, truth)

            def work(number: int) -> None:
                try:
                    made = one(examples.read(samples[number], truth=truth))
                except SampleError:
                    state[number] = _LEFT_OUT
                else:
                    for name, value in made.items():
                        arrays[name][number] = value
                    state[number] = _READY
                stage.advance()

            with ThreadPoolExecutor(available()) as pool:
                for _ in pool.map(work, left):
                    pass
            for array in (*arrays.values(), state):
                array.flush()
    return _selected(samples, arrays, np.asarray(state) == _READY)


def _selected(samples: Sequence[Sample], arrays: dict[str, np.memmap], ready: NDArray[np.bool_]) -> Prepared:
    chosen = np.flatnonzero(ready)
    if not len(chosen):
        raise DatasetError("no picture of the data set can be used for training: no hand was found in any.")
    names = [samples[int(number)].identity for number in chosen]
    identities = sorted(set(names))
    numbers = {name: number for number, name in enumerate(identities)}
    labels = np.array([numbers[name] for name in names], np.int64)
    whole = len(chosen) == len(samples)
    kept = {name: array if whole else array[chosen] for name, array in arrays.items()}
    return Prepared(kept, labels, identities, len(samples) - len(chosen))


def _hold_recipe(path: Path, recipe: dict[str, object]) -> None:
    text = json.dumps(recipe, sort_keys=True, indent=1)
    if path.is_file():
        if path.read_text(encoding="utf-8") != text:
            raise UsageError(
                f"{path.parent} holds pictures prepared for another training; choose another output folder, or delete "
                "that one."
            )
        return
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def _state(path: Path, count: int) -> np.memmap:
    if not path.is_file():
        with replacing(path) as partial, partial.open("wb") as file:
            np.save(file, np.zeros(count, np.uint8))
    state: np.memmap = np.load(path, mmap_mode="r+")
    return state


def _arrays(
    folder: Path, samples: Sequence[Sample], examples: Examples, one: Prepare, truth: bool
) -> dict[str, np.memmap]:
    """Open the arrays; their shapes come from the first picture that can be used."""
    present = sorted(folder.glob("array-*.npy"))
    layout = folder / "layout.json"
    if layout.is_file():
        names = json.loads(layout.read_text(encoding="utf-8"))
        return {name: np.load(folder / f"array-{name}.npy", mmap_mode="r+") for name in names}
    for path in present:  # begun, but killed before all were there
        path.unlink()
    for sample in samples:
        try:
            made = one(examples.read(sample, truth=truth))
            break
        except SampleError:
            continue
    else:
        raise DatasetError("no picture of the data set can be used for training: no hand was found in any.")
    arrays = {}
    for name, value in made.items():
        arrays[name] = np.lib.format.open_memmap(
            folder / f"array-{name}.npy", mode="w+", dtype=value.dtype, shape=(len(samples), *value.shape)
        )
    layout.write_text(json.dumps(sorted(made)), encoding="utf-8")
    return arrays
