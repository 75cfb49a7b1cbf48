"""Which finished picture belongs to which original, by name.

A name that could mean two originals, or two pictures, means none: a copy compared with somebody else's original would
look like perfect de-identification.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from deidkit.errors import UsageError
from deidkit.images import PICTURE_SUFFIXES
from deidkit.protocols import Sample

_COPY = re.compile(r"(?P<stem>.+?)(?P<mark>_de-id(?:_(?P<number>\d+))?)?")

Groups = Mapping[PurePosixPath, Sequence[Path]]
"""Name of an original, as the copies tell it -> its copies in order."""

Rank = tuple[int, bool]
"""How well a name fits: path components in common, and whether these are all."""


@dataclass(frozen=True)
class Copies:
    """The copies of one original, or that nobody can tell which they are."""

    files: tuple[Path, ...] = ()
    ambiguous: bool = False


def pictures(folder: Path) -> list[Path]:
    """Every picture in a folder and below it, hidden ones left out, in order."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES)
    return sorted(path for path in found if path.is_file() and not path.name.startswith("."))


def grouped_by_name(files: Iterable[Path], folder: Path) -> Groups:
    """Copies by the name of their original: the same, or followed by ``_de-id``, ``_de-id_1``, ``_de-id_2`` ...

    A file of the original's own name is a copy only where none with ``_de-id`` is beside it.
    """
    groups: dict[PurePosixPath, list[tuple[bool, int, Path]]] = defaultdict(list)
    for file in files:
        path = normal(file.relative_to(folder).as_posix(), strip=True)
        match = _COPY.fullmatch(path.name)
        assert match is not None
        groups[path.with_name(match["stem"])].append((match["mark"] is not None, int(match["number"] or 0), file))
    return {
        name: [file for marked, _, file in sorted(copies) if marked == any(m for m, _, _ in copies)]
        for name, copies in groups.items()
    }


def grouped_by_manifest(manifest: Path, folder: Path) -> Groups:
    """Copies as a CSV with the columns ``original`` and ``deidentified`` lists them, in its order.

    Raises:
        UsageError: It cannot be read or lacks a column.
    """
    groups: dict[PurePosixPath, list[Path]] = defaultdict(list)
    try:
        with manifest.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            if not {"original", "deidentified"} <= set(rows.fieldnames or ()):
                raise UsageError(f"the manifest {manifest} needs the columns original and deidentified.")
            for row in rows:
                copy = folder / (row["deidentified"] or "").replace("\\", "/")
                if row["original"] and copy.is_file():
                    groups[normal(row["original"].replace("\\", "/"))].append(copy)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"the manifest {manifest} cannot be read: {error}.") from error
    return groups


def normal(name: str, *, strip: bool = False) -> PurePosixPath:
    """A name as it is compared: composed characters, and without a picture's suffix if `strip`."""
    path = PurePosixPath(unicodedata.normalize("NFC", name))
    return path.with_suffix("") if strip and path.suffix.lower() in PICTURE_SUFFIXES else path


def match(samples: Sequence[Sample], groups: Groups, *, by_manifest: bool) -> dict[str, Copies]:
    """The copies of each sample.

    A group belongs to the sample whose path it shares most of, counted from the end, where one of both paths is
    wholly shared; it belongs to none where two samples share as much.

    Args:
        samples: All that may have copies; the more of them are known, the fewer names are taken for certain.
        groups: Copies by the name of their original.
        by_manifest: Whether the groups' names keep the suffix and files stand in the order that is wanted.

    Returns:
        Key of each sample -> its copies.
    """
    named: dict[str, list[PurePosixPath]] = defaultdict(list)
    for name in groups:
        named[name.name].append(name)
    fits = {sample.key: _best(normal(sample.key, strip=not by_manifest), named) for sample in samples}
    claims: dict[PurePosixPath, list[Rank]] = defaultdict(list)
    for rank, names in fits.values():
        for name in names:
            claims[name].append(rank)
    found: dict[str, Copies] = {}
    for sample in samples:
        rank, names = fits[sample.key]
        names = [name for name in names if rank == max(claims[name])]
        if not names:
            found[sample.key] = Copies()
        elif len(names) > 1 or claims[names[0]].count(rank) > 1:
            found[sample.key] = Copies(ambiguous=True)
        else:
            files = groups[names[0]]
            found[sample.key] = Copies(tuple(files)) if by_manifest else _one_of_each(files, sample.key)
    return found


def _best(path: PurePosixPath, named: Mapping[str, Sequence[PurePosixPath]]) -> tuple[Rank, list[PurePosixPath]]:
    ranked: dict[Rank, list[PurePosixPath]] = defaultdict(list)
    for name in named.get(path.name, ()):
        shared = min(len(name.parts), len(path.parts))
        if name.parts[-shared:] == path.parts[-shared:]:
            ranked[shared, len(name.parts) == len(path.parts)].append(name)
    best = max(ranked, default=(0, False))
    return best, ranked.get(best, [])


def _one_of_each(files: Sequence[Path], key: str) -> Copies:
    """Of files that differ in their suffix only, the one with the original's suffix."""
    by_stem: dict[str, list[Path]] = defaultdict(list)
    for file in files:
        by_stem[file.stem].append(file)
    suffix = PurePosixPath(key).suffix.lower()
    chosen = []
    for alike in by_stem.values():
        same = [file for file in alike if file.suffix.lower() == suffix] if len(alike) > 1 else alike
        if len(same) != 1:
            return Copies(ambiguous=True)
        chosen += same
    return Copies(tuple(chosen))
