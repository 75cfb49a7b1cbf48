"""Data sets described by a table with the labels of each picture."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, get_args

from deidkit.datasets.files import HANDS, Kind, Listing, Name, NamedPicture, PictureFiles
from deidkit.datasets.lists import column_names, rows
from deidkit.datasets.walking import as_key
from deidkit.errors import DatasetError, MissingDependency
from deidkit.protocols import Skipped
from deidkit.subjects import MISSING_VALUES

SUFFIXES = frozenset({".csv", ".tsv", ".parquet"})
_NEEDED = ("path", "subject")
_OPTIONAL = ("hand", "session", "kind")
_KNOWN = frozenset({*_NEEDED, *_OPTIONAL})
"""Columns with a defined meaning; any other column divides people into groups."""

MISSING = "listed but missing"
OUTSIDE = "outside of the manifest's folder"

IN_FOLDER = ("manifest.csv", "manifest.tsv", "manifest.parquet")
"""File names, in any letter case, of a manifest if only its folder is given."""


@dataclass(frozen=True)
class Manifest(PictureFiles):
    """A table (CSV or Parquet) with one row for each picture: for every data set that no other adapter understands."""

    layout: ClassVar[str] = "columns path, subject; if wanted hand (left, right), session, kind (hand, roi), groups"
    source: ClassVar[str] = "any"

    def listing(self) -> Listing:
        """List every picture with its labels, and the files left out."""
        table = find_manifest(self.root)
        if table is None:
            raise DatasetError(f"{self.root} holds no {' or '.join(IN_FOLDER)}.")
        home = os.path.realpath(table.parent)
        named: dict[str, NamedPicture] = {}
        holders: dict[str, tuple[Mapping[str, str], int]] = {}
        skipped: list[Skipped] = []
        for number, row in enumerate(_table(table), start=2):
            key, path = as_key(row["path"]), table.parent / row["path"].replace("\\", "/")
            if not row["path"] or not row["subject"]:
                raise DatasetError(f"{table}, row {number}: path and subject must not be empty.")
            if row["subject"] in MISSING_VALUES:
                raise DatasetError(
                    f"{table}, row {number}: '{row['subject']}' names no subject; fill in who it is, or remove the row."
                )
            real = _real(path)
            if real is None:
                skipped.append(Skipped(key, MISSING))
                continue
            if not Path(real).is_relative_to(home):
                skipped.append(Skipped(key, OUTSIDE))
                continue
            one, first = holders.setdefault(real, (row, number))
            if contradiction := _contradiction(one, row):
                raise DatasetError(
                    f"{table}, rows {first} and {number}: '{row['path']}' is said to show {contradiction}; keep the "
                    "row that is right."
                )
            if key in named:
                skipped.append(Skipped(key, "listed twice"))
            else:
                named[key] = NamedPicture(key, path, _name(row, key, f"{table}, row {number}"))
        return Listing([named[key] for key in sorted(named)], skipped)


def _contradiction(one: Mapping[str, str], other: Mapping[str, str]) -> str:
    """Describe contradicting labels in two rows of one picture; empty if they agree."""
    if one["subject"] != other["subject"]:
        return f"'{one['subject']}' and '{other['subject']}'"
    hands = [row.get("hand", "").lower() for row in (one, other)]
    return "a left and a right hand" if {HANDS.get(hand) for hand in hands} == {"left", "right"} else ""


def _real(path: Path) -> str | None:
    """Resolve a file's path with symbolic links; None if it does not exist."""
    try:
        return os.path.realpath(path, strict=True) if path.is_file() else None
    except (OSError, ValueError):  # invalid name, or a cycle of links
        return None


def find_manifest(root: Path) -> Path | None:
    """Path of the table, or of the only one in a folder. Raises DatasetError if there are several."""
    if root.is_file():
        return root if root.suffix.lower() in SUFFIXES else None
    if not root.is_dir():
        return None
    found = sorted(path for path in root.iterdir() if path.name.lower() in IN_FOLDER and path.is_file())
    if len(found) > 1:
        raise DatasetError(f"{root} holds {' and '.join(path.name for path in found)}; name one, e.g. {found[0]}")
    return found[0] if found else None


def _name(row: Mapping[str, str], key: str, where: str) -> Name:
    hand, kind = row.get("hand", "").lower(), row.get("kind", "").lower()
    if hand and hand not in HANDS:
        raise DatasetError(f"{where}: hand must be left, right or empty, not '{hand}'.")
    if kind and kind not in get_args(Kind):
        raise DatasetError(f"{where}: kind must be hand, roi or empty, not '{kind}'.")
    return Name(
        row["subject"],
        HANDS.get(hand),
        row.get("session") or None,
        kind="roi" if kind == "roi" else "hand" if kind == "hand" else None,
        capture=key,  # all versions that a table lists are used
        traits=tuple((name, value) for name, value in row.items() if name and value and name not in _KNOWN),
    )


def _table(path: Path) -> list[dict[str, str]]:
    if path.suffix.lower() != ".parquet":
        return rows(path, _NEEDED, "manifest", _OPTIONAL)
    try:
        import pyarrow.parquet as parquet
    except ModuleNotFoundError as error:
        raise MissingDependency(
            "a manifest in Parquet needs pyarrow. Install it with: pip install 'pyarrow>=17'"
        ) from error
    try:
        table = parquet.ParquetFile(path).read()  # read_table refuses duplicate columns
        columns: list[list[Any]] = [column.to_pylist() for column in table.columns]
    except Exception as error:  # pyarrow raises various types for damaged files
        raise DatasetError(f"the manifest {path} is not a Parquet file that can be read.") from error
    names = column_names(table.column_names, _NEEDED, f"the manifest {path}", _OPTIONAL)
    cells = [[_text(value, path) for value in column] for column in columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*cells, strict=True)]


def _text(value: object, path: Path) -> str:
    """Convert a cell to text; some programs write texts as bytes."""
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError as error:
            raise DatasetError(f"the manifest {path} has a cell that is not text in UTF-8: {value[:40]!r}.") from error
    return "" if value is None else str(value).strip()
