"""Reads scores of any matcher from a file."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidkit.errors import MissingDependency, UsageError
from deidkit.metrics import CellScores
from deidkit.scores import Scores

KINDS = tuple(field.name for field in fields(CellScores) if not field.name.startswith("identification"))
"""Kinds of scores a file may hold."""

Columns = dict[str, NDArray[Any]]


def read_scores(path: Path, *, similarity: bool) -> tuple[dict[str, Scores], bool]:
    """Read the scores of a file.

    Args:
        path: npz, csv or parquet.
        similarity: Whether higher means more alike; the scores are then negated.

    Returns:
        Kind -> distances, and whether every kind came with its subjects.

    Raises:
        UsageError: The file cannot be read or used, or genuine scores are on average larger than impostor scores.
        MissingDependency: A Parquet file without the package that reads it.
    """
    columns = _columns(path)
    if {"kind", "score"} <= set(columns):
        columns = _from_long(columns, path)
    if not {"genuine", "impostor"} <= set(columns):
        raise UsageError(
            f"{path} needs the columns or arrays genuine and impostor (or kind and score); it has "
            f"{', '.join(sorted(columns)) or 'none'}."
        )
    known = {*KINDS, *(f"{kind}_{end}" for kind in KINDS for end in ("subject", "probe_subject", "reference_subject"))}
    unknown = sorted(set(columns) - known)
    if unknown:
        raise UsageError(f"{path}: '{unknown[0]}' is no kind of score; the kinds are {', '.join(KINDS)}.")
    numbering: dict[Any, int] = {}
    sets, with_subjects = {}, True
    for kind in KINDS:
        if kind not in columns:
            continue
        values = _numbers(columns[kind], kind, path)
        if values.size == 0:
            continue
        subjects = _subjects(columns, kind, values.size, path)
        if subjects is None:
            with_subjects = False
            own = np.arange(values.size, dtype=np.int32)
            subjects = (own, own)
        else:
            subjects = (_numbered(subjects[0], numbering), _numbered(subjects[1], numbering))
        sets[kind] = Scores(-values if similarity else values, *subjects)
    _check_polarity(sets, path, similarity=similarity)
    return sets, with_subjects


def _check_polarity(sets: Mapping[str, Scores], path: Path, *, similarity: bool) -> None:
    if {"genuine", "impostor"} <= set(sets) and sets["genuine"].values.mean() > sets["impostor"].values.mean():
        said = "similarities" if similarity else "distances"
        other = "without --similarity" if similarity else "with --similarity"
        raise UsageError(
            f"{path}: read as {said}, genuine scores are less alike than impostor scores on average. "
            f"If they are the other kind, run it {other}."
        )


def _columns(path: Path) -> Columns:
    readers = {".npz": _npz, ".csv": _csv, ".parquet": _parquet}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise UsageError(f"{path}: scores are read from .npz, .csv or .parquet files.")
    try:
        return reader(path)
    except FileNotFoundError as error:
        raise UsageError(f"there is no file {path}.") from error
    except (OSError, ValueError, UnicodeDecodeError, csv.Error, zipfile.BadZipFile) as error:
        raise UsageError(f"{path} cannot be read as {path.suffix[1:]}: {error}.") from error


def _npz(path: Path) -> Columns:
    with path.open("rb") as file:
        if not zipfile.is_zipfile(file):
            raise UsageError(f"{path} is not an npz file, or is cut off; write it again with numpy.savez.")
    with np.load(path, allow_pickle=False) as stored:
        try:
            return {name: np.ravel(stored[name]) for name in stored.files}
        except ValueError as error:
            raise UsageError(f"{path} holds an array that is not of numbers or text, or is damaged.") from error


def _csv(path: Path) -> Columns:
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        names = [name for name in rows.fieldnames or () if name]
        found: dict[str, list[str]] = {name: [] for name in names}
        for row in rows:
            for name in names:
                if row[name] not in (None, ""):
                    found[name].append(row[name])
    return {name: np.asarray(values) for name, values in found.items()}


def _parquet(path: Path) -> Columns:
    try:
        import pyarrow.parquet
    except ModuleNotFoundError as error:
        raise MissingDependency(
            "Parquet files need the package pyarrow. Install it with: pip install 'deidkit[parquet]'"
        ) from error
    table = pyarrow.parquet.read_table(path)
    return {name: np.asarray(table[name].drop_null().to_pylist()) for name in table.column_names}


def _from_long(columns: Columns, path: Path) -> Columns:
    kinds = columns["kind"]
    if len({len(column) for column in columns.values()}) != 1:
        raise UsageError(f"{path}: in the long form every row needs every column.")
    found: Columns = {}
    for kind in np.unique(kinds):
        here = kinds == kind
        found[str(kind)] = columns["score"][here]
        for end in ("probe_subject", "reference_subject", "subject"):
            if end in columns:
                found[f"{kind}_{end}"] = columns[end][here]
    return found


def _numbers(values: NDArray[Any], kind: str, path: Path) -> NDArray[np.float64]:
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except ValueError as error:
        raise UsageError(f"{path}: the {kind} scores hold something that is no number: {error}.") from error
    if not np.isfinite(numbers).all():
        raise UsageError(f"{path}: the {kind} scores hold values that are not finite.")
    return numbers


def _subjects(columns: Columns, kind: str, count: int, path: Path) -> tuple[NDArray[Any], NDArray[Any]] | None:
    both = columns.get(f"{kind}_subject")
    probe = columns.get(f"{kind}_probe_subject", both)
    reference = columns.get(f"{kind}_reference_subject", both)
    if probe is None or reference is None:
        return None
    if len(probe) != count or len(reference) != count:
        raise UsageError(f"{path}: there are {count} {kind} scores but {len(probe)} and {len(reference)} subjects.")
    return probe, reference


def _numbered(names: NDArray[Any], numbering: dict[Any, int]) -> NDArray[np.int32]:
    return np.asarray([numbering.setdefault(str(name), len(numbering)) for name in names], dtype=np.int32)
