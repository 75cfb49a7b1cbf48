"""Which finished picture belongs to which original, by name.

A name that could mean two originals, or two pictures, means none: a copy compared with somebody else's original would
look like perfect de-identification.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from deidkit.datasets.lists import rows
from deidkit.images import PICTURE_SUFFIXES, is_picture
from deidkit.protocols import Sample

_MARK = "_de-id"
_OTHER_MARK = re.compile(r"[-_. ]*[A-Za-z][-\w]*")

Groups = Mapping[PurePosixPath, Sequence[Path]]
"""Name of an original, as the copies tell it -> its copies in order."""

Rank = tuple[int, bool]
"""Quality of a name's match: number of common path components, and whether these are all."""


@dataclass(frozen=True)
class Copies:
    """The copies of one original, or that several files could equally be its copies."""

    files: tuple[Path, ...] = ()
    ambiguous: bool = False


@dataclass(frozen=True)
class Pictures:
    """What is in a folder.

    Attributes:
        files: Every picture in it and below it, in order.
        hidden: Those whose names begin with a dot.
        others: Files whose names promise no picture, but whose content is one.
        outside: How many are links, which may lead out of the folder and are not opened.
    """

    files: tuple[Path, ...]
    hidden: tuple[Path, ...]
    others: tuple[Path, ...]
    outside: int


def pictures(folder: Path) -> Pictures:
    """Every picture in a folder and below it."""
    found: list[Path] = []
    hidden: list[Path] = []
    others: list[Path] = []
    outside = 0
    for place, folders, names in os.walk(folder):  # which follows no links
        outside += sum(Path(place, name).is_symlink() for name in folders)
        for name in names:
            path = Path(place, name)
            if path.suffix.lower() not in PICTURE_SUFFIXES:
                if not path.is_symlink() and is_picture(path):
                    others.append(path)
            elif path.is_symlink():
                outside += not name.startswith(".")
            elif path.is_file():
                (hidden if name.startswith(".") else found).append(path)
    return Pictures(tuple(sorted(found)), tuple(sorted(hidden)), tuple(sorted(others)), outside)


def grouped_by_name(files: Iterable[Path], folder: Path, mark: str = "") -> Groups:
    """Copies by the name of their original: the same, or followed by ``_de-id``, ``_de-id_1``, ``_de-id_2`` ...

    A file of the original's own name is a copy only if there is none with a mark.

    Args:
        files: The pictures.
        folder: What their names are relative to.
        mark: What stands behind an original's name instead of ``_de-id``.
    """
    pattern = re.compile(rf"(?P<stem>.+?)(?P<mark>{re.escape(mark or _MARK)}(?:_(?P<number>\d+))?)?")
    groups: dict[PurePosixPath, list[tuple[bool, int, Path]]] = defaultdict(list)
    for file in files:
        path = normal(file.relative_to(folder).as_posix(), strip=True)
        match = pattern.fullmatch(path.name)
        assert match is not None
        groups[path.with_name(match["stem"])].append((match["mark"] is not None, int(match["number"] or 0), file))
    return {
        name: [file for marked, _, file in sorted(copies) if marked == any(m for m, _, _ in copies)]
        for name, copies in groups.items()
    }


def grouped_by_manifest(manifest: Path, folder: Path) -> tuple[Groups, int]:
    """Copies as a CSV with the columns ``original`` and ``deidentified`` lists them, in its order.

    Returns:
        The copies, and how many rows name something outside of the folder, or a link, which is not opened.

    Raises:
        UsageError: It cannot be read or lacks a column.
    """
    groups: dict[PurePosixPath, list[Path]] = defaultdict(list)
    outside = 0
    for row in rows(manifest, ("original", "deidentified"), "manifest"):
        name = PurePosixPath(row["deidentified"].replace("\\", "/"))
        if not row["original"] or not name.name:
            continue
        if not _is_inside(folder, name):
            outside += 1
        elif (folder / name).is_file():
            groups[normal(row["original"].replace("\\", "/"))].append(folder / name)
    return groups, outside


def _is_inside(folder: Path, name: PurePosixPath) -> bool:
    """Whether a name stays within the folder: no parent directories, drive letters or links."""
    if name.is_absolute() or ".." in name.parts or PureWindowsPath(name).drive:
        return False
    return not any((folder / part).is_symlink() for part in (name, *name.parents) if part.name)


def mismatch(samples: Sequence[Sample], groups: Groups, *, by_manifest: bool) -> str:
    """One sentence on why no picture belongs to any original: a name of each, and what would help."""
    if by_manifest:
        return (
            f"an original is {samples[0].key}, one of the manifest {next(iter(groups))}; write the data set's names, "
            "with their suffix, into the column original"
        )
    original, copy = samples[0].key, next(iter(files[0].name for files in groups.values() if files), "")
    stems = {normal(sample.key, strip=True).name: sample.key for sample in samples}
    for name in groups:
        for end in range(len(name.name) - 1, 0, -1):
            mark = name.name[end:]
            if name.name[:end] in stems and _OTHER_MARK.fullmatch(mark):
                copy = groups[name][0].name
                mark = re.sub(r"_\d+$", "", mark)
                return f"an original is {stems[name.name[:end]]}, a picture {copy}; give suffix={mark}, or a manifest"
    return (
        f"an original is {original}, a picture {copy}; rename the pictures after their originals, or give a manifest "
        "with the columns original and deidentified"
    )


def normal(name: str, *, strip: bool = False) -> PurePosixPath:
    """A name normalized for comparison: Unicode NFC, and without an image suffix if `strip`."""
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
    claims: dict[PurePosixPath, dict[str, Rank]] = defaultdict(dict)
    for key, (rank, names) in fits.items():
        for name in names:
            claims[name][key] = rank
    found: dict[str, Copies] = {}
    for sample in samples:
        rank, names = fits[sample.key]
        names = [name for name in names if rank == max(claims[name].values())]
        if not names:
            found[sample.key] = Copies()
            continue
        files = groups[names[0]]
        rivals = [key for key, other in claims[names[0]].items() if other == rank and key != sample.key]
        if rivals and not by_manifest and _is_one_to_one([sample.key, *rivals], files):
            suffix = normal(sample.key).suffix
            files, rivals = [file for file in files if file.suffix == suffix], []
        if len(names) > 1 or rivals:
            found[sample.key] = Copies(ambiguous=True)
        else:
            found[sample.key] = Copies(tuple(files)) if by_manifest else _one_of_each(files, sample.key)
    return found


def _is_one_to_one(keys: Sequence[str], files: Sequence[Path]) -> bool:
    """Whether originals differ in their suffix only, as a.png and a.PNG do, and each has copies of its very suffix."""
    paths = [normal(key) for key in keys]
    suffixes = {path.suffix for path in paths}
    alike = len({path.with_suffix("") for path in paths}) == 1 and len(suffixes) == len(paths)
    return alike and suffixes == {file.suffix for file in files}


def _best(path: PurePosixPath, named: Mapping[str, Sequence[PurePosixPath]]) -> tuple[Rank, list[PurePosixPath]]:
    ranked: dict[Rank, list[PurePosixPath]] = defaultdict(list)
    for name in named.get(path.name, ()):
        shared = min(len(name.parts), len(path.parts))
        if name.parts[-shared:] == path.parts[-shared:]:
            ranked[shared, len(name.parts) == len(path.parts)].append(name)
    best = max(ranked, default=(0, False))
    return best, ranked.get(best, [])


def _one_of_each(files: Sequence[Path], key: str) -> Copies:
    """From files that differ only in their suffix, the one with the original's suffix."""
    by_stem: dict[str, list[Path]] = defaultdict(list)
    for file in files:
        by_stem[file.stem].append(file)
    suffix = PurePosixPath(key).suffix
    chosen = []
    for alike in by_stem.values():
        same = [file for file in alike if file.suffix == suffix]
        same = same or [file for file in alike if file.suffix.lower() == suffix.lower()] or alike
        if len(same) != 1:
            return Copies(ambiguous=True)
        chosen += same
    return Copies(tuple(chosen))
