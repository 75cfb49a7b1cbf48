"""The common part of data sets made of files; an adapter adds the meaning of its file names."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import ClassVar, Literal

from deidkit.datasets.lists import read_aliases
from deidkit.datasets.walking import walk
from deidkit.errors import DatasetError, SampleError
from deidkit.images import MAX_PIXELS, image_size, read_image
from deidkit.protocols import Handedness, Image, Sample, Skipped, option
from deidkit.subjects import listed, similar_names

Kind = Literal["hand", "roi"]

LARGEST_ROI = 256
"""Where names do not say: a data set whose first picture is square and no wider is one of palm regions."""

NOT_UNDERSTOOD = "name not understood"
ANOTHER_VERSION = "another version of a picture that is used"
OTHER_KIND = "not of the kind asked for"

HANDS: dict[str, Handedness] = {
    **dict.fromkeys(("l", "left", "lefthand", "left hand", "left_hand"), "left"),
    **dict.fromkeys(("r", "right", "righthand", "right hand", "right_hand"), "right"),
}
"""How folders and columns name a hand, in lower case."""


@dataclass(frozen=True, slots=True)
class Name:
    """What a file's name says.

    Attributes:
        subject: The person, as the data set names them.
        hand: Which hand, if the name has it.
        session: The capture session, if the name has it.
        kind: Whole hand or palm region; None where the name does not say.
        capture: What was photographed; of several pictures of one capture the one of lowest `rank` is used. Empty:
            the path without its ending.
    """

    subject: str
    hand: Handedness | None = None
    session: str | None = None
    kind: Kind | None = None
    capture: str = ""
    rank: int = 0
    traits: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class NamedPicture:
    """A picture file and what its name, or a table, says about it."""

    key: str
    path: Path
    name: Name

    @property
    def capture(self) -> str:
        """What is alike for all versions of one picture."""
        return self.name.capture or str(PurePosixPath(self.key).with_suffix("")).lower()


@dataclass(frozen=True)
class Listing:
    """The files of a data set.

    Attributes:
        pictures: Those that were understood, in the order of their keys.
    """

    pictures: list[NamedPicture]
    skipped: list[Skipped]


@dataclass(frozen=True)
class PictureFiles:
    """A data set of picture files.

    Attributes:
        kind: Which pictures are used; where names do not say, what they are.
        aliases: Subjects who are one person.
        layout: What the names look like, for ``deidkit datasets list``.
        source: Where to get the data and on which terms.
    """

    root: Path = option(help="Folder that holds the data set", primary=True)
    kind: Literal["any", "hand", "roi"] = option(
        "any",
        "Which pictures to use: whole hands, palm regions or any; or, where names do not say, what the pictures are",
        choices=("any", "hand", "roi"),
    )
    aliases: Path | None = option(None, "CSV with the columns subject and same_as: one person under two names")
    max_pixels: int = option(MAX_PIXELS, "Largest width times height that is read", minimum=1)

    version = "1"
    layout: ClassVar[str] = ""
    source: ClassVar[str] = ""

    def samples(self) -> Sequence[Sample]:
        """Every sample, ordered by its key.

        Raises:
            DatasetError: There is nothing at the root, or the list of aliases cannot be used.
        """
        return self._contents.samples

    def skipped(self) -> Sequence[Skipped]:
        """Every file that was found and is not used, with its reason."""
        return self._contents.skipped

    def read(self, sample: Sample) -> Image:
        """The upright RGB pixels of a sample. Raises SampleError when they cannot be read."""
        return read_image(_path(sample), max_pixels=self.max_pixels)

    def digest(self, sample: Sample) -> str:
        """SHA-256, in hex, of the file's bytes. Raises SampleError when they cannot be read."""
        try:
            with _path(sample).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise SampleError(f"the file cannot be read ({(error.strerror or 'unknown reason').lower()})") from error

    @abstractmethod
    def listing(self) -> Listing:
        """Every picture with its meaning, and what is left out."""

    @cached_property
    def _contents(self) -> _Contents:
        if not self.root.exists():
            raise DatasetError(f"there is no file or folder {self.root}.")
        found = self.listing()
        default = self._default_kind(found.pictures)
        named = [replace(one, name=replace(one.name, kind=one.name.kind or default)) for one in found.pictures]
        skipped = [*found.skipped]
        skipped += [Skipped(one.key, OTHER_KIND) for one in named if self.kind not in ("any", one.name.kind)]
        named = [one for one in named if self.kind in ("any", one.name.kind)]
        best: dict[str, str] = {}
        for one in sorted(named, key=lambda one: (one.name.rank, one.key)):
            best.setdefault(one.capture, one.key)
        skipped += [Skipped(one.key, ANOTHER_VERSION) for one in named if best[one.capture] != one.key]
        subjects = {one.name.subject for one in named}
        same = read_aliases(self.aliases, subjects) if self.aliases else {}
        _refuse_similar_subjects(subjects - same.keys(), self.root)
        samples = [
            Sample(
                key=one.key,
                subject=same.get(one.name.subject, one.name.subject),
                hand=one.name.hand,
                session=one.name.session,
                kind=one.name.kind or default,
                path=one.path,
                traits=one.name.traits,
            )
            for one in named
            if best[one.capture] == one.key
        ]
        return _Contents(samples, skipped)

    def _default_kind(self, named: Iterable[NamedPicture]) -> Kind:
        """What pictures are whose names do not say: as the user says, else by the size of the first that opens."""
        if self.kind != "any":
            return self.kind
        for one in named:
            if one.name.kind is None:
                try:
                    width, height = image_size(one.path, max_pixels=self.max_pixels)
                except SampleError:
                    continue
                return "roi" if width == height <= LARGEST_ROI else "hand"
        return "hand"


@dataclass(frozen=True)
class NamedFiles(PictureFiles):
    """A folder whose file names say who is on each picture.

    Attributes:
        distinctive: Whether the names distinguish this layout from every other.
    """

    distinctive: ClassVar[bool] = False

    @classmethod
    def known_names(cls, folder: Path, names: Sequence[PurePosixPath]) -> int | None:
        """See `deidkit.protocols.Dataset.known_names`."""
        return sum(cls.understand(name) is not None for name in names) if cls.distinctive else None

    @classmethod
    @abstractmethod
    def understand(cls, path: PurePosixPath) -> Name | None:
        """What a path says, root folder's name first; None where it follows another layout."""

    def listing(self) -> Listing:
        """Every picture with its meaning, and what is left out."""
        if not self.root.is_dir():
            raise DatasetError(f"{self.root} is not a folder.")
        found = walk(self.root)
        top = PurePosixPath(self.root.resolve().name)
        understood: list[NamedPicture] = []
        skipped = list(found.others)
        for key, path in found.pictures:
            name = self.understand(top / key)
            if name is None:
                skipped.append(Skipped(key, NOT_UNDERSTOOD))
            else:
                understood.append(NamedPicture(key, path, name))
        return Listing(understood, skipped)


def _refuse_similar_subjects(subjects: Set[str], root: Path) -> None:
    """Raise where two subjects are most often one person.

    One person under two names makes impostor pairs that look alike, and every anonymizer look safer than it is.
    """
    if groups := similar_names(subjects):
        raise DatasetError(
            f"{root}: subjects differ only by letter case, leading zeros or the like: {listed(groups)}. Write each "
            "person in one way, or say who is whom with the option aliases, a CSV with the columns subject and same_as "
            "(for a different person, their own name)."
        )


def hand_of_folder(path: PurePosixPath) -> Handedness | None:
    """The hand that the nearest folder is named after."""
    named = (HANDS[part.lower()] for part in reversed(path.parts[:-1]) if part.lower() in HANDS)
    return next(named, None)


@dataclass(frozen=True)
class _Contents:
    samples: list[Sample]
    skipped: list[Skipped]


def _path(sample: Sample) -> Path:
    if sample.path is None:
        raise SampleError("the sample has no file")
    return sample.path
