"""11k Hands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import ClassVar

from deidkit.datasets.files import HANDS, NOT_UNDERSTOOD, Listing, Name, NamedPicture, PictureFiles
from deidkit.datasets.lists import rows
from deidkit.datasets.walking import walk
from deidkit.errors import DatasetError
from deidkit.protocols import Skipped

TABLE = "HandInfo.csv"

_NAME = re.compile(r"Hand_\d{7}", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class ElevenKHands(PictureFiles):
    """11k Hands: 190 people, both hands, whole hands; the palm side only, by its table."""

    layout: ClassVar[str] = "Hand_NNNNNNN.jpg, with HandInfo.csv in the folder, below it or next to it"
    source: ClassVar[str] = "sites.google.com/view/11khands; free for reasonable academic fair use"

    @classmethod
    def known_names(cls, folder: Path, names: Sequence[PurePosixPath]) -> int | None:
        """See `deidkit.protocols.Dataset.known_names`."""
        return sum(_NAME.fullmatch(name.stem) is not None for name in names) if find_table(folder) else None

    def listing(self) -> Listing:
        """List every picture with its labels, and the files left out."""
        table = find_table(self.root)
        if table is None:
            raise DatasetError(f"{self.root} has no {TABLE} in it, below it or next to it; the 11k Hands need it.")
        people = {row["imagename"].lower(): row for row in rows(table, ["id", "aspectofhand", "imagename"], "table")}
        found = walk(self.root)
        skipped = [other for other in found.others if not other.key.endswith(TABLE)]
        named: list[NamedPicture] = []
        for key, path in found.pictures:
            row = people.pop(path.name.lower(), None)
            side, _, hand = (row or {}).get("aspectofhand", "").lower().partition(" ")
            if row is None or hand not in HANDS:
                skipped.append(Skipped(key, NOT_UNDERSTOOD))
            elif side != "palmar":
                skipped.append(Skipped(key, "back of the hand"))
            else:
                named.append(NamedPicture(key, path, Name(row["id"], HANDS[hand], kind="hand")))
        skipped += [Skipped(row["imagename"], f"listed in {TABLE} but missing") for row in people.values()]
        return Listing(named, skipped)


def find_table(root: Path) -> Path | None:
    """Find the table of labels: in the folder, next to it, or one level below."""
    if not root.is_dir():
        return None
    places = [root / TABLE, root.resolve().parent / TABLE, *sorted(root.glob(f"*/{TABLE}"))]
    return next((place for place in places if place.is_file()), None)
