"""Reads a table of scores from npz, csv or parquet, cell by cell: what a cell means is not decided here."""

from __future__ import annotations

import csv
import io
import struct
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidkit.errors import MissingDependency, UsageError

Column = NDArray[Any]
"""(n,) numbers, or text where a cell is none; an empty text is an empty cell."""

MAX_BYTES = 8 * 2**30
"""Largest array that is read from an npz file, uncompressed."""


def read_table(path: Path) -> dict[str, Column]:
    """Read the columns of a file; names in lower case without blanks around them.

    In a CSV file the columns are parted by commas, semicolons or tabs, whichever the header has most of.

    Raises:
        UsageError: The file cannot be read, or two of its columns have one name.
        MissingDependency: A Parquet file without the package that reads it.
    """
    readers = {".npz": _npz, ".csv": _csv, ".tsv": _csv, ".parquet": _parquet}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise UsageError(f"{path}: scores are read from .npz, .csv, .tsv or .parquet files.")
    try:
        return reader(path)
    except FileNotFoundError as error:
        raise UsageError(f"there is no file {path}.") from error
    except (OSError, ValueError, csv.Error) as error:
        raise UsageError(f"{path} cannot be read as {path.suffix[1:]}: {' '.join(str(error).split())}.") from error


def _named(path: Path, names: Sequence[str]) -> list[str]:
    """Column names as they are looked up; refuses one that stands twice."""
    lower = [name.strip().lower() for name in names]
    twice = next((name for name in lower if name and lower.count(name) > 1), None)
    if twice:
        places = " and ".join(str(place) for place, name in enumerate(lower, start=1) if name == twice)
        raise UsageError(f"{path} has two columns named '{twice}' (columns {places}); remove or rename one.")
    return lower


def _csv(path: Path) -> dict[str, Column]:
    text = path.read_text(encoding="utf-8-sig")
    header = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=header.count), strict=True)
    names = _named(path, next(reader, []))
    rows = []
    for row in reader:
        if len(row) > len(names) and any(cell.strip() for cell in row[len(names) :]):
            raise UsageError(f"{path}, line {reader.line_num}: {len(row)} cells for {len(names)} columns.")
        rows.append([cell.strip() for cell in row] + [""] * (len(names) - len(row)))
    columns = zip(*rows, strict=False) if rows else ([] for _ in names)
    return {name: np.asarray(cells, dtype=str) for name, cells in zip(names, columns, strict=False) if name}


def _npz(path: Path) -> dict[str, Column]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            names = _named(path, [member.filename.removesuffix(".npy") for member in members])
            return {name: _array(archive, member, path) for name, member in zip(names, members, strict=True)}
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError, struct.error) as error:
        raise UsageError(f"{path} is not an npz file, or is damaged; write it again with numpy.savez.") from error


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> Column:
    """One array, whose header is held against what the archive holds before memory is taken for it."""
    what = f"{path}: array '{member.filename.removesuffix('.npy')}'"
    with archive.open(member) as file:
        try:
            version = np.lib.format.read_magic(file)
            reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, columns_first, dtype = reader(file)
        except (ValueError, SyntaxError) as error:
            raise UsageError(f"{what} is damaged; write the file again with numpy.savez.") from error
        size = int(np.prod(shape, dtype=object)) * dtype.itemsize
        if dtype.kind not in "biufUS":
            raise UsageError(f"{what} is not of numbers or text but of {dtype}.")
        if size > MAX_BYTES or size > member.file_size:
            raise UsageError(f"{what} claims {size} bytes, which the file does not hold; it is damaged.")
        data = file.read(size + 1)  # to its end, where the archive's checksum is compared
    array = np.frombuffer(data, dtype=dtype) if len(data) == size else np.empty(0)
    if array.size != np.prod(shape, dtype=object):
        raise UsageError(f"{what} is cut off; write the file again with numpy.savez.")
    array = array.reshape(shape, order="F" if columns_first else "C").ravel()
    return array.astype(str) if dtype.kind == "S" else array


def _parquet(path: Path) -> dict[str, Column]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError as error:
        raise MissingDependency(
            "Parquet files need the package pyarrow. Install it with: pip install 'pyarrow>=17'"
        ) from error
    try:
        table = pyarrow.parquet.read_table(path)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise UsageError(f"{path} is not a Parquet file that can be read, or is damaged.") from error
    names = _named(path, table.column_names)
    return {name: _cells(table.column(place).to_pylist()) for place, name in enumerate(names) if name}


def _cells(values: Iterable[object]) -> Column:
    cells = ["" if value is None else value for value in values]
    if all(isinstance(cell, int | float) for cell in cells):
        return np.asarray(cells)
    return np.asarray([str(cell) for cell in cells])
