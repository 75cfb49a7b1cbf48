"""Reads scores of any matcher from a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deidkit.cli import repeats
from deidkit.cli.columns import Column, Numbers, differ
from deidkit.cli.scoretables import read_table
from deidkit.errors import UsageError
from deidkit.measures import MATED_KINDS, SCORE_KINDS
from deidkit.measures.orientation import are_reversed
from deidkit.scores import LARGEST_SCORE, Scores
from deidkit.subjects import MISSING_VALUES, similar_names_note

SUBJECTS = ("subject", "probe_subject", "reference_subject")
PICTURES = ("probe", "reference")
NO_SCORE = frozenset({"nan", "na", "n/a", "null", "none", "-"})
"""Cell texts for comparisons without a score, i.e. failures to acquire."""

SHOWN = 5
"""Maximum number of rows named in a message."""

LONGEST_CELL = 40
"""Maximum characters of a cell shown in a message."""


@dataclass(frozen=True)
class ScoreFile:
    """Scores read from a file.

    Attributes:
        no_intervals: Why there are none: a kind came without its subjects; empty where all have them.
        failures: Kind -> comparisons without a score, for kinds that have any.
        notes: What a reader of the numbers must know, one sentence each.
    """

    sets: dict[str, Scores]
    no_intervals: str
    failures: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Rows:
    """Comparisons of one kind, with their rows in the file.

    Attributes:
        probes: Subjects of the probes.
        references: Subjects of the references.
        used: Mask of the file's rows that they come from.
        pictures: Two columns with the compared pictures; empty if the file does not name them.
    """

    scores: Column
    probes: Column | None
    references: Column | None
    used: NDArray[np.bool_]
    pictures: tuple[Column, ...] = ()

    @classmethod
    def of(
        cls,
        scores: Column,
        probes: Column | None,
        references: Column | None,
        used: NDArray[np.bool_],
        pictures: Sequence[Column] = (),
    ) -> _Rows:
        """Select the used rows."""
        first = None if probes is None else probes.at(used)
        second = first if references is probes else None if references is None else references.at(used)
        return cls(scores.at(used), first, second, used, tuple(column.at(used) for column in pictures))

    def numbers(self, among: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Row numbers in the file, counting the header as row 1."""
        return np.flatnonzero(self.used)[among] + 2


def read_scores(path: Path, *, similarity: bool) -> ScoreFile:
    """Read the scores of a file.

    Args:
        path: npz, csv or parquet; columns (or arrays) by kind, or the columns kind and score. Where columns probe and
            reference name the pictures, a comparison that stands there again with the same score counts once.
        similarity: Whether higher means more alike; the scores are then negated.

    Raises:
        UsageError: The file cannot be read or used, or genuine scores are on average larger than impostor scores; the
            message names rows and columns.
        MissingDependency: A Parquet file without the package that reads it.
    """
    columns = _with_whole_subjects(read_table(path))
    is_long = {"kind", "score"} <= set(columns)
    by_kind, extra = _long(columns, path) if is_long else _wide(columns, path)
    absent = sorted({"genuine", "impostor"} - set(by_kind))
    if absent and is_long:
        raise UsageError(f"{path} has no row of kind {' and none of kind '.join(absent)}; metrics need both.")
    if absent:
        raise UsageError(
            f"{path} needs the columns or arrays genuine and impostor (or kind and score); it has "
            f"{', '.join(sorted(columns)) or 'none'}."
        )
    notes = [f"column '{name}' is not a kind of score and is left out" for name in extra]
    numbering: dict[str, int] = {}
    sets: dict[str, Scores] = {}
    failures: dict[str, int] = {}
    without: list[str] = []
    for kind in [kind for kind in SCORE_KINDS if kind in by_kind]:
        rows = by_kind[kind]
        values, present = _values(rows, kind, path)
        if missing := int((~present).sum()):
            failures[kind] = missing
        if rows.pictures:
            counting, said = _without_repeats(rows, present, values, kind)
            values, present = values[counting], _within(present, counting)
            notes += said
        if not values.size:
            continue
        if rows.probes is None or rows.references is None:
            without.append(kind)
            probes = references = np.broadcast_to(np.int32(0), values.shape)  # a placeholder that is not used
        else:
            _check_subjects(rows, present, kind, path)
            notes += _same_subject_note(rows, present, kind)
            probes = _numbered(rows.probes.at(present), numbering)
            together = rows.references is rows.probes
            references = probes if together else _numbered(rows.references.at(present), numbering)
        sets[kind] = Scores(-values if similarity else values, probes, references)
        if (times := repeats.times_each(sets[kind], kind)) > 1:
            notes.append(
                f"every {kind} score stands there {times} times; if comparisons are written more than once, leave the "
                "further ones out: they count as comparisons of their own"
            )
    _check_polarity(sets, path, similarity=similarity)
    notes += _failure_code_note([-scores.values if similarity else scores.values for scores in sets.values()])
    notes += filter(None, [similar_names_note(numbering, with_names=True)])
    return ScoreFile(
        sets, _no_intervals(without, all_of_them=len(without) == len(sets), is_long=is_long), failures, notes
    )


def _no_intervals(without: Sequence[str], *, all_of_them: bool, is_long: bool) -> str:
    if not without:
        return ""
    if is_long:
        return "The columns probe_subject and reference_subject are not both there, so there are no intervals."
    if all_of_them:
        return "No subjects are given, so there are no intervals: add KIND_subject columns to get them."
    needed = " and ".join(f"{without[0]}_{side}_subject" for side in ("probe", "reference"))
    return f"The {without[0]} scores have no subjects, so there are no intervals: add {needed} to get them."


def _with_whole_subjects(columns: dict[str, Column]) -> dict[str, Column]:
    """Normalize subjects that are all integers to one notation.

    Tables with empty cells are written with 1.0 where those without have 1, and both are one person.
    """
    subjects = {name: column.whole() for name, column in columns.items() if name.endswith(SUBJECTS)}
    whole = {name: column for name, column in subjects.items() if column is not None}
    return columns | whole if len(whole) == len(subjects) else columns


def _wide(columns: Mapping[str, Column], path: Path) -> tuple[dict[str, _Rows], list[str]]:
    """Parse wide layout: one column of scores for each kind, with subjects; trailing empty rows are ignored."""
    known = {*SCORE_KINDS, *(f"{kind}_{end}" for kind in SCORE_KINDS for end in SUBJECTS)}
    extra = [name for name in columns if name not in known]
    for name in extra:
        if near := get_close_matches(name, known, n=1, cutoff=0.85):
            raise UsageError(f"{path}: column '{name}' is not a kind of score; did you mean '{near[0]}'?")
    found = {}
    for kind in SCORE_KINDS:
        if kind not in columns:
            continue
        both = columns.get(f"{kind}_subject")
        probes, references = columns.get(f"{kind}_probe_subject", both), columns.get(f"{kind}_reference_subject", both)
        cells = [column for column in (columns[kind], probes, references) if column is not None]
        if len({len(column) for column in cells}) > 1:
            counts = " and ".join(str(len(column)) for column in cells[1:])
            raise UsageError(f"{path}: there are {len(cells[0])} {kind} scores but {counts} subjects.")
        used = np.logical_or.reduce([column.filled for column in cells])
        found[kind] = _Rows.of(columns[kind], probes, references, used)
    return found, extra


def _long(columns: Mapping[str, Column], path: Path) -> tuple[dict[str, _Rows], list[str]]:
    """Parse long layout: one row for each comparison."""
    if len({len(column) for column in columns.values()}) != 1:
        raise UsageError(f"{path}: in the long form every row needs every column.")
    kinds = columns["kind"].names()
    unknown = sorted(kind for kind in {kind.lower() for kind in kinds.distinct} if kind and kind not in SCORE_KINDS)
    if unknown:
        raise UsageError(
            f"{path}: {_quoted(unknown[0])} is not a kind of score; the kinds are {', '.join(SCORE_KINDS)}."
        )
    unlabelled = ~kinds.filled
    filled = np.logical_or.reduce([column.filled for column in columns.values()])
    if (rows := np.flatnonzero(unlabelled & filled)).size:
        raise UsageError(f"{path}, {_rows_named(rows + 2)}: the kind is empty.")
    both = columns.get("subject")
    probes, references = columns.get("probe_subject", both), columns.get("reference_subject", both)
    pictures = [columns[name] for name in PICTURES if name in columns]
    pictures = pictures if len(pictures) == len(PICTURES) else []
    found = {}
    for kind in SCORE_KINDS:
        here = kinds.among(lambda text, kind=kind: text.lower() == kind)  # type: ignore[misc]
        if here.any():
            found[kind] = _Rows.of(columns["score"], probes, references, here, pictures)
    known = {"kind", "score", *SUBJECTS, *(PICTURES if pictures else ())}
    return found, [name for name in columns if name not in known]


def _without_repeats(
    rows: _Rows, present: NDArray[np.bool_], values: NDArray[np.float64], kind: str
) -> tuple[NDArray[np.bool_], list[str]]:
    """Mask of comparisons that do not repeat an earlier one, and notes about repeated ones."""
    probes, references = (column.at(present) for column in rows.pictures)
    used, notes = np.ones(len(values), dtype=bool), []
    if kind == "genuine" and (itself := ~differ(probes, references)).any():
        if itself.all():  # the columns name people, not pictures
            return used, [
                "columns 'probe' and 'reference' name the same in every genuine row; if they are subjects, call them "
                "probe_subject and reference_subject to get intervals"
            ]
        which = _rows_named(rows.numbers(_within(present, itself)))
        notes.append(f"{int(itself.sum())} genuine scores ({which}) are of a picture with itself and are left out")
        used &= ~itself
    again = repeats.repeated(probes, references, values, kind)
    if again.any():
        which = _rows_named(rows.numbers(_within(present, again)))
        notes.append(
            f"{int(again.sum())} {kind} scores ({which}) stand there before, of the same two pictures, and count once"
        )
    return used & ~again, notes


def _within(rows: NDArray[np.bool_], among: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Expand a mask over the True rows of another mask to all rows."""
    found = np.zeros(len(rows), dtype=bool)
    found[rows] = among
    return found


def _values(rows: _Rows, kind: str, path: Path) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Parse scores; returns those present and the mask of comparisons that have one."""
    column = rows.scores
    if isinstance(column, Numbers):
        numbers = column.values.astype(np.float64, copy=False)
        present = ~np.isnan(numbers) & column.filled
    else:
        present = ~column.among(lambda text: text.lower() in NO_SCORE or not text)
        wrong = column.at(present).among(lambda text: not _is_number(text))
        if wrong.any():
            place = int(np.flatnonzero(present)[np.flatnonzero(wrong)[0]])
            row = np.flatnonzero(rows.used)[place] + 2
            text = column.cell(place)
            remedy = "; write it with a decimal point" if _is_number(text.replace(",", ".", 1)) else ""
            raise UsageError(f"{path}, row {row}: the {kind} score {_quoted(text)} is not a number{remedy}.")
        of_text = np.array([float(text) if _is_number(text) else np.nan for text in column.distinct])
        numbers = of_text[column.codes]
    beyond = present & ~((numbers < LARGEST_SCORE) & (numbers > -LARGEST_SCORE))  # avoids the temporary array of abs()
    if beyond.any():
        raise UsageError(
            f"{path}, {_rows_named(rows.numbers(beyond))}: {_a(kind)} score is not finite, or {LARGEST_SCORE:g} and "
            "more; leave it empty where a comparison has no score."
        )
    return numbers if present.all() else numbers[present], present


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text  # Python accepts it between digits, other programs do not


def _check_subjects(rows: _Rows, present: NDArray[np.bool_], kind: str, path: Path) -> None:
    """Check that every score has subjects, and that they are equal for mated kinds."""
    assert rows.probes is not None and rows.references is not None
    unlabelled = present & ~(_has_subject(rows.probes) & _has_subject(rows.references))
    if unlabelled.any():
        raise UsageError(
            f"{path}, {_rows_named(rows.numbers(unlabelled))}: {_a(kind)} score has no subject; fill in who it is of, "
            "or remove the row."
        )
    if kind in MATED_KINDS:
        different = present & differ(rows.probes, rows.references)
        if different.any():
            place = int(np.flatnonzero(different)[0])
            raise UsageError(
                f"{path}, {_rows_named(rows.numbers(different))}: {_a(kind)} score is of two subjects, "
                f"'{rows.probes.cell(place)}' and '{rows.references.cell(place)}'; write one person in one way."
            )


def _has_subject(subjects: Column) -> NDArray[np.bool_]:
    """Mask of rows with a subject."""
    if isinstance(subjects, Numbers):
        return subjects.filled
    return ~subjects.among(lambda text: not text or text in MISSING_VALUES)


def _same_subject_note(rows: _Rows, present: NDArray[np.bool_], kind: str) -> list[str]:
    """Note about impostor scores within one subject: correct for two hands of a person, otherwise a mistake."""
    if kind in MATED_KINDS or rows.probes is None or rows.references is None:
        return []
    same = present & ~differ(rows.probes, rows.references)
    if not same.any():
        return []
    return [
        f"{int(same.sum())} {kind} scores ({_rows_named(rows.numbers(same))}) are of one subject; that is right for "
        "two hands of one person only"
    ]


def _failure_code_note(values: Sequence[NDArray[np.floating]]) -> list[str]:
    """Note about a single negative integer among non-negative scores, which some matchers write for failures.

    As a distance it is the best match there is, as a similarity the worst.
    """
    mark = min(float(scores.min()) for scores in values) if values else 0.0
    if mark >= 0 or not mark.is_integer():
        return []
    count = sum(int((scores == mark).sum()) for scores in values)
    if any(((scores < 0) & (scores != mark)).any() for scores in values) or count == sum(map(len, values)):
        return []
    return [
        f"{count} {'score is' if count == 1 else 'scores are'} {mark:g}, and all others 0 or more; if {mark:g} stands "
        "for a failed comparison, leave it empty"
    ]


def _quoted(cell: str) -> str:
    return repr(cell) if len(cell) <= LONGEST_CELL else f"{cell[:LONGEST_CELL]!r}..."


def _a(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def _rows_named(numbers: Sequence[int] | NDArray[np.int64]) -> str:
    shown = ", ".join(str(number) for number in numbers[:SHOWN])
    more = f" and {len(numbers) - SHOWN} more" if len(numbers) > SHOWN else ""
    return f"{'row' if len(numbers) == 1 else 'rows'} {shown}{more}"


def _numbered(column: Column, numbering: dict[str, int]) -> NDArray[np.int32]:
    names = column.names()
    present = np.bincount(names.codes, minlength=len(names.distinct)) > 0
    numbers = np.zeros(len(names.distinct), dtype=np.int32)
    for code in np.flatnonzero(present).tolist():
        numbers[code] = numbering.setdefault(names.distinct[code], len(numbering))
    return numbers[names.codes]


def _check_polarity(sets: Mapping[str, Scores], path: Path, *, similarity: bool) -> None:
    if are_reversed({kind: scores.values for kind, scores in sets.items()}):
        kind = "similarities" if similarity else "distances"
        other = "without --similarity" if similarity else "with --similarity"
        raise UsageError(
            f"{path}: read as {kind}, genuine scores are less alike than impostor scores on average. "
            f"If they are the other kind, run it {other}."
        )
