"""Detects the adapter of a folder or file from names alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from deidkit.datasets.files import HANDS
from deidkit.datasets.generic import SESSION, Folders, Numbered
from deidkit.datasets.inspection import counted
from deidkit.datasets.manifest import SUFFIXES, find_manifest
from deidkit.datasets.walking import walk
from deidkit.errors import DatasetError
from deidkit.registered import entries

ENOUGH = 0.9
"""Minimum share of pictures whose names an adapter must understand."""

A_PART = 0.2
"""Share of pictures understood by another adapter from which folders are not taken for people."""


def detect(path: Path) -> str:
    """Detect the adapter of a folder or file.

    A table in the folder wins over a published layout, that over files named by two numbers, those over a folder for
    each person. Folders named after a stage of processing are not taken for people.

    Returns:
        The adapter's entry-point name.

    Raises:
        DatasetError: It does not exist, or no adapter or several understand it; the message says what was tried.
    """
    if path.is_file():
        if path.suffix.lower() in SUFFIXES:
            return "manifest"
        raise DatasetError(f"{path} is neither a folder nor a manifest ({', '.join(sorted(SUFFIXES))}).")
    if not path.is_dir():
        raise DatasetError(f"there is no file or folder {path}.")
    top = PurePosixPath(path.resolve().name)
    names = [top / key for key, _ in walk(path).pictures]
    if not names:
        raise DatasetError(f"{path} holds no pictures.")
    if find_manifest(path):
        return "manifest"
    counts = _counts(path, names)
    fitting = [name for name, count in counts.items() if count >= ENOUGH * len(names)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise DatasetError(f"{path} fits several adapters: {', '.join(fitting)}. Name one, e.g. {fitting[0]}:{path}")
    counts["numbered"] = sum(Numbered.understand(one) is not None for one in names)
    if counts["numbered"] >= ENOUGH * len(names):
        if _are_people(names) and (number := _number_in_two_folders(names)):
            raise DatasetError(
                f"{path} has folders that may be people, cameras or parts, and pictures of number {number} in more "
                f"than one of them. If each folder is a person, name it folders:{path}; if each number is one, "
                f"numbered:{path}"
            )
        return "numbered"
    if max(counts.values()) < A_PART * len(names) and _are_people(names):
        return "folders"
    named_folders = sum(Folders.understand(one) is not None for one in names)
    raise DatasetError(_nothing_fits(path, counts, len(names), by_name=named_folders > 0))


def _counts(path: Path, names: Sequence[PurePosixPath]) -> dict[str, int]:
    """Adapter -> number of names that it understands, for adapters that work on names alone."""
    counts: dict[str, int] = {}
    for entry in entries("deidkit.datasets"):
        with suppress(Exception, SystemExit):  # a broken adapter is reported when it is selected
            known = getattr(entry.load(), "known_names", None)
            count = None if known is None else known(path, names)
            if isinstance(count, int):
                counts[entry.name] = count
    return counts


def _are_people(names: Iterable[PurePosixPath]) -> bool:
    """Whether the folders look like one per person."""
    pictures: dict[str, int] = {}
    for name in names:
        _, *folders, _ = name.parts
        if Folders.understand(name) is None or SESSION.fullmatch(folders[0]):
            return False
        if not all(part.lower() in HANDS or SESSION.fullmatch(part) for part in folders[1:]):
            return False
        pictures[folders[0]] = pictures.get(folders[0], 0) + 1
    are_hands = all(folder.lower() in HANDS for folder in pictures)  # only folders of hands, such as L and R
    return len(pictures) > 1 and max(pictures.values()) > 1 and not are_hands


def _number_in_two_folders(names: Iterable[PurePosixPath]) -> str:
    """A leading number of file names that several folders share; empty if hardly any is, as between parts."""
    folders: dict[str, set[str]] = defaultdict(set)
    for name in names:
        number, folder = Numbered.understand(name), Folders.understand(name)
        if number and folder:
            folders[number.subject].add(folder.subject)
    several = [number for number, its in folders.items() if len(its) > 1]
    return several[0] if several and len(several) >= A_PART * len(folders) else ""


def _nothing_fits(path: Path, counts: dict[str, int], total: int, *, by_name: bool) -> str:
    partly = [f"{name} {count}" for name, count in sorted(counts.items(), key=lambda item: -item[1]) if count]
    hint = f" Understood in part by: {', '.join(partly)}." if partly else ""
    most = max(counts, key=counts.__getitem__)
    example = most if 2 * counts[most] >= total else "folders" if by_name else ""
    pictures = counted(total, "picture", "pictures")
    return (
        f"no adapter understands the {pictures} of {path}; tried {', '.join([*counts, 'folders'])}.{hint} "
        f"{f'Name one yourself, e.g. {example}:{path}, or list' if example else 'List'} the pictures in a manifest; "
        "see: deidkit datasets list"
    )
