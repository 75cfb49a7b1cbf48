"""Finds out which adapter understands a folder or file, from names alone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from deidkit.datasets.casia import CASIA
from deidkit.datasets.coep import COEP
from deidkit.datasets.eleven_k_hands import find_table
from deidkit.datasets.files import HANDS, Understands
from deidkit.datasets.folders import SESSION, Folders
from deidkit.datasets.iitd import IITD
from deidkit.datasets.manifest import SUFFIXES, find_manifest
from deidkit.datasets.mpdv2 import MPDv2
from deidkit.datasets.ntu_pi import NTUPI
from deidkit.datasets.numbered import Numbered
from deidkit.datasets.polyu_ii import PolyUII
from deidkit.datasets.rest import REST
from deidkit.datasets.tongji import Tongji
from deidkit.datasets.walking import walk
from deidkit.errors import DatasetError

PUBLISHED: dict[str, type[Understands]] = {
    "casia": CASIA,
    "coep": COEP,
    "iitd": IITD,
    "mpdv2": MPDv2,
    "ntu-pi": NTUPI,
    "polyu-ii": PolyUII,
    "rest": REST,
    "tongji": Tongji,
}
"""Layouts that are told from their names alone. PolyU's and Zhou's are not: any number fits them."""

ENOUGH = 0.9
"""Share of pictures an adapter must understand."""

A_PART = 0.2
"""Share of pictures that, understood by another adapter, forbids to take folders for people."""

_ELEVEN_K = re.compile(r"Hand_\d{7}", re.ASCII | re.IGNORECASE)
_NOT_PEOPLE = re.compile(
    "cropped|crops?|data|deidentified|dorsal|hands?|images?|imgs?|inputs?|left|masks?|originals?|outputs?|palmar|palms?"
    "|photos?|pictures?|processed|raw|results?|right|rois?|segmented|test(ing)?|train(ing)?|val(id|idation)?",
    re.IGNORECASE,
)


def detect(path: Path) -> str:
    """Name the adapter that understands a folder or file.

    A published layout wins over a table in the folder, that over files named by two numbers, those over a folder for
    each person. Folders named after a stage of processing are not taken for people.

    Args:
        path: A folder, or a manifest.

    Returns:
        The adapter's entry-point name.

    Raises:
        DatasetError: There is nothing, or none or several adapters understand it; the message says what was tried.
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
    counts = {name: sum(adapter.understand(one) is not None for one in names) for name, adapter in PUBLISHED.items()}
    if find_table(path):
        counts["11k-hands"] = sum(_ELEVEN_K.fullmatch(one.stem) is not None for one in names)
    fitting = [name for name, count in counts.items() if count >= ENOUGH * len(names)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise DatasetError(f"{path} fits several adapters: {', '.join(fitting)}. Name one, e.g. {fitting[0]}:{path}")
    counts["numbered"] = sum(Numbered.understand(one) is not None for one in names)
    if counts["numbered"] >= ENOUGH * len(names):
        return "numbered"
    if max(counts.values()) < A_PART * len(names) and _are_people(names):
        return "folders"
    raise DatasetError(_nothing_fits(path, counts, len(names)))


def _are_people(names: Iterable[PurePosixPath]) -> bool:
    """Whether the folders look like one for each person."""
    pictures: dict[str, int] = {}
    for name in names:
        _, *folders, _ = name.parts
        if Folders.understand(name) is None or _NOT_PEOPLE.fullmatch(folders[0]) or SESSION.fullmatch(folders[0]):
            return False
        if not all(part.lower() in HANDS or SESSION.fullmatch(part) for part in folders[1:]):
            return False
        pictures[folders[0]] = pictures.get(folders[0], 0) + 1
    return len(pictures) > 1 and max(pictures.values()) > 1


def _nothing_fits(path: Path, counts: dict[str, int], total: int) -> str:
    partly = [f"{name} {count}" for name, count in sorted(counts.items(), key=lambda item: -item[1]) if count]
    said = f" Understood in part by: {', '.join(partly)}." if partly else ""
    return (
        f"no adapter understands the {total} pictures of {path}; tried {', '.join([*counts, 'folders'])}.{said} "
        f"Name one yourself, e.g. folders:{path}, or list the pictures in a manifest; see: deidkit datasets list"
    )
