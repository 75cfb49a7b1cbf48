"""Common base of data sets of files; adapters add the interpretation of file names."""

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
"""Maximum side of a palm region: a first picture that is square and no wider means a data set of palm regions."""

NOT_UNDERSTOOD = "name not understood"
ANOTHER_VERSION = "another version of a picture that is used"
OTHER_KIND = "not of the kind asked for"

HANDS: dict[str, Handedness] = {
    **dict.fromkeys(("l", "left", "lefthand", "left hand", "left_hand"), "left"),
    **dict.fromkeys(("r", "right", "righthand", "right hand", "right_hand"), "right"),
}
"""Names of hands in folders and columns, in lower case."""


@dataclass(frozen=True, slots=True)
class Name:
    """Labels from a file's name.

    Attributes:
        subject: Name of the person in the data set.
        hand: Which hand; None if unknown.
        session: Capture session, if known.
        kind: Whole hand or palm region; None if unknown.
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
    """A picture file and its labels, from its name or a table."""

    key: str
    path: Path
    name: Name

    @property
    def capture(self) -> str:
        """Key shared by all versions of one picture."""
        return self.name.capture or str(PurePosixPath(self.key).with_suffix("")).lower()


@dataclass(frozen=True)
class Listing:
    """The files of a data set.

    Attributes:
        pictures: Pictures with labels, in the order of their keys.
    """

    pictures: list[NamedPicture]
    skipped: list[Skipped]


@dataclass(frozen=True)
class PictureFiles:
    """A data set of picture files.

    Attributes:
        kind: Kind of pictures to use, and the kind of those whose names do not say.
        aliases: List of subjects who are the same person.
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
        """Return all samples, ordered by key.

        Raises:
            DatasetError: The root does not exist, or the list of aliases cannot be used.
        """
        return self._contents.samples

    def skipped(self) -> Sequence[Skipped]:
        """Return the files that are not used, with reasons."""
        return self._contents.skipped

    def read(self, sample: Sample) -> Image:
        """Read the upright RGB pixels of a sample. Raises SampleError if they cannot be read."""
        return read_image(_path(sample), max_pixels=self.max_pixels)

    def digest(self, sample: Sample) -> str:
        """SHA-256, in hex, of the file's bytes. Raises SampleError if they cannot be read."""
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
        """Kind of pictures whose names do not say: the user's choice, or else by the size of the first readable one."""
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
    """A folder whose file names contain the labels.

    Attributes:
        distinctive: Whether the names are unique to this layout.
    """

    distinctive: ClassVar[bool] = False

    @classmethod
    def known_names(cls, folder: Path, names: Sequence[PurePosixPath]) -> int | None:
        """See `deidkit.protocols.Dataset.known_names`."""
        return sum(cls.understand(name) is not None for name in names) if cls.distinctive else None

    @classmethod
    @abstractmethod
    def understand(cls, path: PurePosixPath) -> Name | None:
        """Parse a path that begins with the root folder's name; None if it does not follow this layout."""

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
    """Raise DatasetError if subjects' names most likely mean the same person.

    One person under two names makes impostor pairs that look alike, and every anonymizer look safer than it is.
    """
    if groups := similar_names(subjects):
        raise DatasetError(
            f"{root}: subjects differ only by letter case, leading zeros or the like: {listed(groups)}. Write each "
            "person in one way, or say who is whom with the option aliases, a CSV with the columns subject and same_as "
            "(for a different person, their own name)."
        )


def hand_of_folder(path: PurePosixPath) -> Handedness | None:
    """Hand that the nearest folder is named after, if any."""
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
