"""Reads scores of any matcher from a file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deidkit.cli.scoretables import Column, read_table
from deidkit.errors import UsageError
from deidkit.measures import CellScores
from deidkit.scores import Scores

KINDS = tuple(field.name for field in fields(CellScores) if not field.name.startswith("identification"))
"""Kinds of scores a file may hold."""

MATED = ("genuine", "deidentified", "deidentified_other", "diversity", "linkage_mated")
"""Kinds whose comparisons are of one person."""

SUBJECTS = ("subject", "probe_subject", "reference_subject")
NO_SCORE = frozenset({"nan", "na", "n/a", "null", "none", "-"})
"""Texts that stand for a comparison without a score: a failure to acquire."""

SHOWN = 5
"""Rows that a message names."""


@dataclass(frozen=True)
class ScoreFile:
    """The scores of a file.

    Attributes:
        sets: Kind -> distances.
        with_subjects: Whether every kind came with its subjects.
        failures: Kind -> comparisons without a score, for kinds that have any.
        notes: What a reader of the numbers must know, one sentence each.
    """

    sets: dict[str, Scores]
    with_subjects: bool
    failures: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Rows:
    """The comparisons of one kind, with the rows of the file they stand in."""

    scores: Column
    probes: Column | None
    references: Column | None
    numbers: NDArray[np.int64]


def read_scores(path: Path, *, similarity: bool) -> ScoreFile:
    """Read the scores of a file.

    Args:
        path: npz, csv or parquet; columns (or arrays) by kind, or the columns kind and score.
        similarity: Whether higher means more alike; the scores are then negated.

    Raises:
        UsageError: The file cannot be read or used, or genuine scores are on average larger than impostor scores; the
            message names rows and columns.
        MissingDependency: A Parquet file without the package that reads it.
    """
    columns = read_table(path)
    by_kind, extra = _long(columns, path) if {"kind", "score"} <= set(columns) else _wide(columns, path)
    if not {"genuine", "impostor"} <= set(by_kind):
        raise UsageError(
            f"{path} needs the columns or arrays genuine and impostor (or kind and score); it has "
            f"{', '.join(sorted(columns)) or 'none'}."
        )
    notes = [f"column '{name}' is no kind of score and is left out" for name in extra]
    numbering: dict[str, int] = {}
    sets: dict[str, Scores] = {}
    failures: dict[str, int] = {}
    with_subjects = True
    for kind in [kind for kind in KINDS if kind in by_kind]:
        rows = by_kind[kind]
        values, present = _values(rows, kind, path)
        if missing := int((~present).sum()):
            failures[kind] = missing
        if not values.size:
            continue
        if rows.probes is None or rows.references is None:
            with_subjects = False
            own = np.arange(values.size, dtype=np.int32)
            probes, references = own, own
        else:
            _check_subjects(rows, present, kind, path)
            notes += _same_subject_note(rows, present, kind)
            probes, references = (_numbered(s[present], numbering) for s in (rows.probes, rows.references))
        sets[kind] = Scores(-values if similarity else values, probes, references)
    _check_polarity(sets, path, similarity=similarity)
    return ScoreFile(sets, with_subjects, failures, notes + _alike_notes(numbering))


def _wide(columns: Mapping[str, Column], path: Path) -> tuple[dict[str, _Rows], list[str]]:
    """One column for each kind, and its subjects beside it; empty rows at a column's end are none of it."""
    known = {*KINDS, *(f"{kind}_{end}" for kind in KINDS for end in SUBJECTS)}
    extra = [name for name in columns if name not in known]
    for name in extra:
        if near := get_close_matches(name, known, n=1, cutoff=0.85):
            raise UsageError(f"{path}: column '{name}' is no kind of score; did you mean '{near[0]}'?")
    found = {}
    for kind in KINDS:
        if kind not in columns:
            continue
        both = columns.get(f"{kind}_subject")
        probes, references = columns.get(f"{kind}_probe_subject", both), columns.get(f"{kind}_reference_subject", both)
        cells = [column for column in (columns[kind], probes, references) if column is not None]
        if len({len(column) for column in cells}) > 1:
            counts = " and ".join(str(len(column)) for column in cells[1:])
            raise UsageError(f"{path}: there are {len(cells[0])} {kind} scores but {counts} subjects.")
        used = np.logical_or.reduce([_filled(column) for column in cells])
        numbers = np.flatnonzero(used) + 2
        found[kind] = _Rows(
            columns[kind][used],
            None if probes is None else probes[used],
            None if references is None else references[used],
            numbers,
        )
    return found, extra


def _long(columns: Mapping[str, Column], path: Path) -> tuple[dict[str, _Rows], list[str]]:
    """One row for each comparison."""
    if len({len(column) for column in columns.values()}) != 1:
        raise UsageError(f"{path}: in the long form every row needs every column.")
    kinds = np.char.lower(columns["kind"].astype(str))
    unknown = [str(kind) for kind in np.unique(kinds) if kind and kind not in KINDS]
    if unknown:
        raise UsageError(f"{path}: '{unknown[0]}' is no kind of score; the kinds are {', '.join(KINDS)}.")
    used = np.logical_or.reduce([_filled(column) for column in columns.values()])
    if (nameless := np.flatnonzero(used & (kinds == ""))).size:
        raise UsageError(f"{path}, {_rows_named(nameless + 2)}: the kind is empty.")
    both = columns.get("subject")
    probes, references = columns.get("probe_subject", both), columns.get("reference_subject", both)
    found = {}
    for kind in KINDS:
        here = kinds == kind
        if here.any():
            found[kind] = _Rows(
                columns["score"][here],
                None if probes is None else probes[here],
                None if references is None else references[here],
                np.flatnonzero(here) + 2,
            )
    return found, [name for name in columns if name not in {"kind", "score", *SUBJECTS}]


def _filled(column: Column) -> NDArray[np.bool_]:
    return column != "" if column.dtype.kind == "U" else np.ones(len(column), bool)


def _values(rows: _Rows, kind: str, path: Path) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The scores there are, and which comparisons have one."""
    if rows.scores.dtype.kind != "U":
        numbers = rows.scores.astype(np.float64)
        present = ~np.isnan(numbers)
    else:
        lower = np.char.lower(rows.scores)
        present = ~np.isin(lower, [*NO_SCORE, ""])
        numbers = np.full(len(lower), np.nan)
        try:
            numbers[present] = rows.scores[present].astype(np.float64)
        except ValueError:
            place = next(place for place in np.flatnonzero(present) if not _is_number(rows.scores[place]))
            cell, row = rows.scores[place], rows.numbers[place]
            raise UsageError(f"{path}, row {row}: the {kind} score '{cell}' is no number.") from None
    infinite = present & ~np.isfinite(numbers)
    if infinite.any():
        raise UsageError(f"{path}, {_rows_named(rows.numbers[infinite])}: {_a(kind)} score is not finite.")
    return numbers[present], present


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _check_subjects(rows: _Rows, present: NDArray[np.bool_], kind: str, path: Path) -> None:
    """Every score needs its subjects, and one of a mated kind the same on both sides."""
    assert rows.probes is not None and rows.references is not None
    nameless = present & ~(_filled(rows.probes) & _filled(rows.references))
    if nameless.any():
        raise UsageError(
            f"{path}, {_rows_named(rows.numbers[nameless])}: {_a(kind)} score has no subject; fill in who it is of, or "
            "remove the row."
        )
    if kind in MATED:
        different = present & (_names(rows.probes) != _names(rows.references))
        if different.any():
            place = int(np.flatnonzero(different)[0])
            raise UsageError(
                f"{path}, {_rows_named(rows.numbers[different])}: {_a(kind)} score is of two subjects, "
                f"'{rows.probes[place]}' and '{rows.references[place]}'; write one person in one way."
            )


def _same_subject_note(rows: _Rows, present: NDArray[np.bool_], kind: str) -> list[str]:
    """Impostor scores of one subject are right for two hands of a person, and a mistake else."""
    if kind in MATED or rows.probes is None or rows.references is None:
        return []
    same = present & (_names(rows.probes) == _names(rows.references))
    if not same.any():
        return []
    return [
        f"{int(same.sum())} {kind} scores ({_rows_named(rows.numbers[same])}) are of one subject; that is right for "
        "two hands of one person only"
    ]


def _alike_notes(numbering: Mapping[str, int]) -> list[str]:
    """Subjects that differ only by leading zeros or letter case, who may be one person."""
    alike: dict[str, list[str]] = defaultdict(list)
    for name in numbering:
        alike[name.casefold().lstrip("0") or "0"].append(name)
    groups = [names for names in alike.values() if len(names) > 1]
    if not groups:
        return []
    shown = "; ".join(" and ".join(f"'{name}'" for name in names) for names in groups[:SHOWN])
    return [f"{len(groups)} groups of subjects differ only by leading zeros or letter case and count as two: {shown}"]


def _a(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def _rows_named(numbers: Sequence[int] | NDArray[np.int64]) -> str:
    shown = ", ".join(str(number) for number in numbers[:SHOWN])
    more = f" and {len(numbers) - SHOWN} more" if len(numbers) > SHOWN else ""
    return f"{'row' if len(numbers) == 1 else 'rows'} {shown}{more}"


def _names(column: Column) -> Column:
    return column if column.dtype.kind != "U" else np.char.strip(column)


def _numbered(names: Column, numbering: dict[str, int]) -> NDArray[np.int32]:
    distinct, places = np.unique(names, return_inverse=True)
    numbers = [numbering.setdefault(str(name), len(numbering)) for name in distinct]
    return np.asarray(numbers, dtype=np.int32)[places]


def _check_polarity(sets: Mapping[str, Scores], path: Path, *, similarity: bool) -> None:
    if {"genuine", "impostor"} <= set(sets) and sets["genuine"].values.mean() > sets["impostor"].values.mean():
        kind = "similarities" if similarity else "distances"
        other = "without --similarity" if similarity else "with --similarity"
        raise UsageError(
            f"{path}: read as {kind}, genuine scores are less alike than impostor scores on average. "
            f"If they are the other kind, run it {other}."
        )
