"""Finds all pictures below a folder, and lists other files."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from deidkit.images import PICTURE_SUFFIXES
from deidkit.protocols import Skipped

_NOT_DATA = {"thumbs.db", "desktop.ini", "__macosx"}
"""Files of operating systems, ignored like hidden files."""


COPIES = ".deidkit.json"
"""File in a folder of copies made by deidkit that records how they were made."""

REPORT = ".deidkit-report.json"
"""File in a folder of reports that names their audit."""

GALLERY = "gallery"
"""Folder, next to reports, of the pictures that they show."""

_OTHER_NAME = "not a picture by its name"
_OF_COPIES = "folder of copies that deidkit made"
_OF_REPORT = "folder of an audit's report"
_NO_PICTURES = (_OTHER_NAME, _OF_COPIES, _OF_REPORT)
"""Reasons for skipping files that are not pictures; all other reasons concern pictures."""


@dataclass(frozen=True)
class Walk:
    """Files below a folder.

    Attributes:
        pictures: Key and path of every file with a picture's suffix, in the order of the keys.
    """

    pictures: list[tuple[str, Path]]
    others: list[Skipped]

    @property
    def lost(self) -> list[Skipped]:
        """Skipped files that are pictures by name, and skipped folders that may contain some."""
        return [other for other in self.others if other.reason not in _NO_PICTURES]


def walk(root: Path) -> Walk:
    """List the files of a folder recursively.

    Links to files and folders are followed, each real folder once. Hidden files and what operating systems leave
    behind are passed over, and so are folders below it in which deidkit wrote copies or the report of an audit, and the
    pictures of a report that lies in the folder itself. Keys are relative paths with forward slashes in Unicode's
    composed form, so that they are the same on every machine.
    """
    pictures: dict[str, Path] = {}
    others: list[Skipped] = []
    for path in _files(root, set(), others, root):
        key = key_of(path, root)
        if path.suffix.lower() not in PICTURE_SUFFIXES:
            others.append(Skipped(key, _OTHER_NAME))
        elif "\ufffd" in key:
            others.append(Skipped(key, "name that is not valid Unicode; rename it"))
        elif not path.is_file():
            others.append(Skipped(key, "broken link or no file"))
        elif key in pictures:
            others.append(Skipped(key, "same name as another file but for the spelling of accents"))
        else:
            pictures[key] = path
    return Walk(sorted(pictures.items()), others)


def key_of(path: Path, root: Path) -> str:
    """Key of a file in the data set; bytes that are not valid Unicode become U+FFFD."""
    name = os.fsencode(path.relative_to(root).as_posix()).decode("utf-8", "replace")
    return unicodedata.normalize("NFC", name)


def as_key(text: str) -> str:
    """Convert a relative path, in any notation, to a key of the data set."""
    return unicodedata.normalize("NFC", PurePosixPath(text.replace("\\", "/")).as_posix())


def _files(folder: Path, seen: set[str], others: list[Skipped], root: Path) -> Iterator[Path]:
    real = os.path.realpath(folder)
    if real in seen:
        return
    seen.add(real)
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        others.append(Skipped(key_of(folder, root), "folder that cannot be read"))
        return
    for entry in entries:
        if entry.name.startswith(".") or entry.name.lower() in _NOT_DATA:
            continue
        if not entry.is_dir():
            yield entry
        elif (entry / COPIES).is_file():
            others.append(Skipped(key_of(entry, root), _OF_COPIES))
        elif _holds_report(entry) or (entry.name == GALLERY and (folder / REPORT).is_file()):
            others.append(Skipped(key_of(entry, root), _OF_REPORT))
        else:
            yield from _files(entry, seen, others, root)


def _holds_report(folder: Path) -> bool:
    """Whether a folder holds an audit's reports: by its record or, without it, by a report with its pictures."""
    return (folder / REPORT).is_file() or ((folder / GALLERY).is_dir() and any(folder.glob("report.*")))
