"""CSV lists for a data set: samples to exclude, and aliases of people."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

from deidkit.datasets.walking import as_key
from deidkit.errors import UsageError, os_errors_as
from deidkit.protocols import Skipped

_SEPARATOR = re.compile(r'"?sep=([,;\t|])"?\s*', re.IGNORECASE)


def declared_separator(line: str) -> str:
    """Separator declared by a first line such as ``sep=;``, as for Excel; empty for any other line."""
    found = _SEPARATOR.fullmatch(line)
    return found[1] if found else ""


def separator_of(header: str) -> str:
    """Guess the separator of a table: the candidate that occurs most often in its header."""
    return max(",;\t|", key=header.count)


def read_exclusions(path: Path) -> set[str]:
    """Read keys of samples to exclude from the column ``key`` of a CSV file; other columns are ignored.

    Raises:
        UsageError: The file cannot be read or has no such column.
    """
    return {as_key(row["key"]) for row in rows(path, ["key"], "exclusion list")}


def write_exclusions(path: Path, skipped: Iterable[Skipped]) -> None:
    """Write a list for `read_exclusions`. Raises UsageError if the file cannot be written."""
    unwritable = f"the exclusion list {path} cannot be written"
    with os_errors_as(UsageError, unwritable), path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["key", "reason"])
        writer.writerows((item.key, item.reason) for item in skipped)


def read_aliases(path: Path, subjects: Collection[str]) -> dict[str, str]:
    """Read aliases: which subjects are the same person.

    Args:
        path: A CSV file with the columns ``subject`` and ``same_as``; chains are followed to their end. One who is the
            same as themselves is a person of their own, whatever another's name looks like.
        subjects: The subjects of the data set.

    Returns:
        Subject to the name that counts.

    Raises:
        UsageError: The file cannot be read, names a person who is not in the data set, or is circular.
    """
    pairs: dict[str, str] = {}
    for row in rows(path, ["subject", "same_as"], "list of aliases"):
        for subject in (row["subject"], row["same_as"]):
            if subject not in subjects:
                raise UsageError(f"the list of aliases {path} names a subject '{subject}', who is not in the data set.")
        if pairs.setdefault(row["subject"], row["same_as"]) != row["same_as"]:
            raise UsageError(f"the list of aliases {path} gives subject '{row['subject']}' two meanings.")
    return {subject: _resolved(subject, pairs, path) for subject in pairs}


def rows(path: Path, columns: Collection[str], what: str, optional: Collection[str] = ()) -> list[dict[str, str]]:
    """The rows of a CSV file with a header; commas, semicolons, tabs or bars between the columns.

    Args:
        path: The file.
        columns: Required columns.
        what: Description of the file for messages.
        optional: Optional columns. Of other columns with the same name, the last one counts.

    Raises:
        UsageError: The file cannot be read, lacks a required column, or has duplicates of a required or optional one.
    """
    named = f"the {what} {path}"
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{named} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{named} is not text in UTF-8; save it again as CSV in UTF-8.") from error
    lines = list(io.StringIO(text.rstrip("\r\n") + "\n", newline=""))
    declared = declared_separator(lines[0])
    skipped = 1 if declared else 0
    lines = lines[skipped:] or ["\n"]
    delimiter = declared or separator_of(lines[0])
    table = _cells(lines, delimiter, named, skipped)
    names = column_names(next(table)[1], columns, named, optional)
    found = []
    for line, cells in table:
        if any(cell.strip() for cell in cells[len(names) :]):
            raise UsageError(
                f"{named}, line {line}: more cells than the header names; put a text that holds "
                f"'{delimiter}' into quotes."
            )
        if any(cells):
            pairs = zip_longest(names, cells[: len(names)], fillvalue="")
            found.append({name: cell.strip() for name, cell in pairs if name})
    return found


def _cells(lines: Sequence[str], delimiter: str, what: str, before: int) -> Iterator[tuple[int, list[str]]]:
    """Cells of each row with the number of its last line in the file, which has `before` lines before the rows."""
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    first = 1
    try:
        for cells in reader:
            # An unclosed quote would turn the rest of the file into one cell.
            if any(sign in cell for cell in cells for sign in (delimiter, "\n", "\r")):
                ended = [
                    re.sub(rf'" +(?=[{re.escape(delimiter)}\r\n])', '"', line)
                    for line in lines[first - 1 : reader.line_num]
                ]
                list(csv.reader(ended, delimiter=delimiter, skipinitialspace=True, strict=True))
            yield before + reader.line_num, cells
            first = reader.line_num + 1
    except csv.Error as error:
        start, end = before + first, before + reader.line_num
        where = f"line {start}" if start == end else f"lines {start} to {end}"
        raise UsageError(
            f"{what} is not valid CSV: {error}, in the row of {where}; look for a quotation mark without its second "
            "one, or with text behind that."
        ) from error


def column_names(names: Sequence[str], needed: Collection[str], what: str, optional: Collection[str] = ()) -> list[str]:
    """Normalize the column names of a table. Raises UsageError if one is missing or duplicated."""
    lower = [name.strip().lower() for name in names]
    if missing := [column for column in needed if column not in lower]:
        raise UsageError(f"{what} has no column '{missing[0]}'; its header must name {', '.join(needed)}.")
    if twice := next((name for name in (*needed, *optional) if lower.count(name) > 1), None):
        raise UsageError(f"{what} has two columns named '{twice}'; remove or rename one.")
    return lower


def _resolved(subject: str, pairs: dict[str, str], path: Path) -> str:
    visited = {subject}
    while pairs.get(subject, subject) != subject:
        subject = pairs[subject]
        if subject in visited:
            raise UsageError(f"the list of aliases {path} is circular at subject '{subject}'.")
        visited.add(subject)
    return subject
