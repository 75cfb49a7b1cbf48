"""Reads a table of scores from npz, csv or parquet, cell by cell, without interpreting it."""

from __future__ import annotations

import csv
import re
import struct
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deidkit.cli.columns import Column, Numbers, Texts
from deidkit.datasets.lists import declared_separator, separator_of
from deidkit.errors import MissingDependency, UsageError
from deidkit.measures import SCORE_KINDS

if TYPE_CHECKING:
    import pyarrow

_FRACTION = re.compile(r"[+-]?\d*\.\d+(e[+-]?\d+)?", re.IGNORECASE)

_PACKED = frozenset({".gz", ".bz2", ".xz", ".zip", ".zst"})

_PIECE = 2**20
"""Number of bytes of an array that are decompressed at a time."""

SHOWN = 60
"""Characters of a header that a message shows."""

MAX_BYTES = 8 * 2**30
"""Maximum uncompressed size, in bytes, of an array in an npz file."""


def read_table(path: Path) -> dict[str, Column]:
    """Read the columns of a file; names in lower case without blanks around them, and ``_`` for those within.

    In a CSV file the columns are parted by commas, semicolons, tabs or bars, whichever the header has most of, or what
    a first line such as ``sep=;`` declares.

    Raises:
        UsageError: The file cannot be read, or two of its columns have one name.
        MissingDependency: A Parquet file without the package that reads it.
    """
    readers = {".npz": _npz, ".csv": _csv, ".tsv": _csv, ".parquet": _parquet}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        remedy = "; unpack it first" if path.suffix.lower() in _PACKED else ""
        raise UsageError(f"{path}: scores are read from .npz, .csv, .tsv or .parquet files{remedy}.")
    try:
        return reader(path)
    except FileNotFoundError as error:
        raise UsageError(f"there is no file {path}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not text in UTF-8; save it again as CSV in UTF-8.") from error
    except (OSError, ValueError, csv.Error) as error:
        raise UsageError(f"{path} cannot be read as {path.suffix[1:]}: {' '.join(str(error).split())}.") from error


def _column_names(path: Path, names: Sequence[str]) -> list[str]:
    """Normalize column names; refuses duplicates."""
    lower = ["_".join(name.lower().split()) for name in names]
    twice = next((name for name in lower if name and lower.count(name) > 1), None)
    if twice:
        places = " and ".join(str(place) for place, name in enumerate(lower, start=1) if name == twice)
        raise UsageError(f"{path} has two columns named '{twice}' (columns {places}); remove or rename one.")
    return lower


def _csv(path: Path) -> dict[str, Column]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        header = file.readline()
        if declared := declared_separator(header):
            header = file.readline()
        delimiter = declared or separator_of(header)
        cells = next(csv.reader([header], delimiter=delimiter, strict=True), [])
        if not any(cells) or any(_FRACTION.fullmatch(cell.strip()) for cell in cells):
            raise UsageError(f"{path} has no header: its first line must name the columns, e.g. genuine,impostor.")
        names = _column_names(path, cells)
        before = 1 if declared else 0
        found = _csv_by_arrow(path, names, delimiter, skip=before + 1)
        if found is not None:
            return found
        file.seek(0)
        if declared:
            file.readline()
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        _column_names(path, next(reader, []))
        rows = []
        for row in reader:
            if len(row) > len(names) and any(cell.strip() for cell in row[len(names) :]):
                raise UsageError(
                    f"{path}, line {before + reader.line_num}: {len(row)} cells, but the header, "
                    f"'{header.strip()[:SHOWN]}', names {len(names)}."
                )
            rows.append(row + [""] * (len(names) - len(row)))
    columns = zip(*rows, strict=False) if rows else ([] for _ in names)
    return {name: Texts.of(cells) for name, cells in zip(names, columns, strict=False) if name}


def _csv_by_arrow(path: Path, names: Sequence[str], delimiter: str, skip: int) -> dict[str, Column] | None:
    """Read a CSV file by pyarrow, ten times as fast; None if it is not installed or meets an unexpected cell.

    The reader of the standard library then reports what is wrong, or accepts it.
    """
    try:
        import pyarrow
        import pyarrow.csv
    except ModuleNotFoundError:
        return None
    number, text = pyarrow.float64(), pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
    try:
        table = pyarrow.csv.read_csv(
            path,
            read_options=pyarrow.csv.ReadOptions(
                column_names=[str(place) for place in range(len(names))], skip_rows=skip
            ),
            parse_options=pyarrow.csv.ParseOptions(delimiter=delimiter, ignore_empty_lines=False),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types={
                    str(place): number if name == "score" or name in SCORE_KINDS else text
                    for place, name in enumerate(names)
                },
                include_columns=[str(place) for place, name in enumerate(names) if name],
                null_values=[""],
                strings_can_be_null=False,
            ),
        )
    except (pyarrow.ArrowException, OSError, ValueError):
        return None
    return {name: _from_arrow(table.column(str(place))) for place, name in enumerate(names) if name}


def _npz(path: Path) -> dict[str, Column]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            names = _column_names(path, [member.filename.removesuffix(".npy") for member in members])
            return {name: _array(archive, member, path) for name, member in zip(names, members, strict=True)}
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError, struct.error) as error:
        raise UsageError(f"{path} is not an npz file, or is damaged; write it again with numpy.savez.") from error


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> Column:
    """Read an array after checking its header against the size in the archive, before allocating memory."""
    what = f"{path}: array '{member.filename.removesuffix('.npy')}'"
    with archive.open(member) as file:
        try:
            version = np.lib.format.read_magic(file)
            reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = reader(file)
        except (ValueError, SyntaxError) as error:
            raise UsageError(f"{what} is damaged; write the file again with numpy.savez.") from error
        size = int(np.prod(shape, dtype=object)) * dtype.itemsize
        if dtype.kind not in "biufUS":
            raise UsageError(f"{what} is not of numbers or text but of {dtype}.")
        if len(shape) > 1:
            raise UsageError(f"{what} is of shape {shape}, not of one axis.")
        if size > MAX_BYTES or size > member.file_size:
            raise UsageError(f"{what} claims {size} bytes, which the file does not hold; it is damaged.")
        data, read = np.empty(size, dtype=np.uint8), 0
        while part := file.read(_PIECE):  # read to the end, where the checksum is verified
            if len(part) > size - read:
                read = -1
                break
            data[read : read + len(part)] = np.frombuffer(part, dtype=np.uint8)
            read += len(part)
    if read != size:
        raise UsageError(f"{what} is cut off; write the file again with numpy.savez.")
    array = data.view(dtype)
    return Texts.of(array.astype(str).tolist()) if dtype.kind in "SU" else Numbers(array)


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
    names = _column_names(path, table.column_names)
    return {name: _from_arrow(table.column(place)) for place, name in enumerate(names) if name}


def _from_arrow(column: pyarrow.ChunkedArray) -> Column:
    """Convert an array to a column of numbers, or else of texts."""
    from pyarrow import compute, types

    if types.is_integer(column.type) or types.is_floating(column.type) or types.is_boolean(column.type):
        if not column.null_count:
            return Numbers(column.to_numpy())
        filled = compute.fill_null(column, False if types.is_boolean(column.type) else 0)
        return Numbers(filled.to_numpy(), column.is_null().to_numpy())
    if types.is_string(column.type) or types.is_large_string(column.type):
        column = column.dictionary_encode()
    if types.is_dictionary(column.type) and types.is_string(column.type.value_type) and not column.null_count:
        column = column.unify_dictionaries()
        codes = np.concatenate([chunk.indices.to_numpy() for chunk in column.chunks] or [np.empty(0)])
        distinct = column.chunk(0).dictionary.to_pylist() if column.num_chunks else []
        return Texts.stripped(codes.astype(np.int32, copy=False), distinct)
    return Texts.of("" if cell is None else str(cell) for cell in column.to_pylist())
