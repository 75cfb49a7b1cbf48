"""Lists for a data set: samples to leave out, and people under two names."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from deidkit.datasets.walking import as_key
from deidkit.errors import UsageError, os_errors_as
from deidkit.protocols import Skipped


def read_exclusions(path: Path) -> set[str]:
    """Keys of samples to leave out: the column ``key`` of a CSV file, whose others are for its reader.

    Raises:
        UsageError: The file cannot be read or has no such column.
    """
    return {as_key(row["key"]) for row in rows(path, ["key"], "exclusion list")}


def write_exclusions(path: Path, skipped: Iterable[Skipped]) -> None:
    """Write a list that `read_exclusions` reads. Raises UsageError where the file cannot be written."""
    unwritable = f"the exclusion list {path} cannot be written"
    with os_errors_as(UsageError, unwritable), path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["key", "reason"])
        writer.writerows((item.key, item.reason) for item in skipped)


def read_aliases(path: Path, subjects: Collection[str]) -> dict[str, str]:
    """Read which subjects are one person.

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


def rows(path: Path, columns: Collection[str], what: str) -> list[dict[str, str]]:
    """The rows of a CSV file with a header; commas, semicolons or tabs between the columns.

    Raises:
        UsageError: It cannot be read or lacks a column.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"the {what} {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"the {what} {path} is not text in UTF-8; save it again as CSV in UTF-8.") from error
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    # strict: a quote that is never closed would make one cell of all that follows
    reader = csv.DictReader(
        io.StringIO(text, newline=""), delimiter=delimiter, restval="", skipinitialspace=True, strict=True
    )
    found = []
    try:
        reader.fieldnames = column_names(reader.fieldnames or [], columns, f"the {what} {path}")
        for row in reader:
            if any(cell.strip() for cell in row.pop(None, ())):
                raise UsageError(
                    f"the {what} {path}, line {reader.line_num}: more cells than the header names; put a text that "
                    f"holds '{delimiter}' into quotes."
                )
            if any(row.values()):
                found.append({key: (value or "").strip() for key, value in row.items() if key})
        return found
    except csv.Error as error:
        raise UsageError(
            f"the {what} {path} is not valid CSV: {error}, in the row that ends in line {reader.line_num}; look for a "
            "quotation mark without its second one."
        ) from error


def column_names(names: Sequence[str], needed: Collection[str], what: str) -> list[str]:
    """Names of a table's columns as they are looked up. Raises UsageError where one is missing or stands twice."""
    lower = [name.strip().lower() for name in names]
    if missing := [column for column in needed if column not in lower]:
        raise UsageError(f"{what} has no column '{missing[0]}'; its header must name {', '.join(needed)}.")
    if twice := next((name for name in lower if name and lower.count(name) > 1), None):
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
