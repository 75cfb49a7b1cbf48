"""The record of a model, and the contract of the sources that models come from."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class File:
    """One file of a model.

    Attributes:
        name: Its name in the cache; with forward slashes if it has a folder of its own.
        origin: Where its source keeps it, e.g. the path inside a wheel or a repository.
        size: In bytes; None where it is not pinned yet.
        sha256: In hex; None where it is not pinned yet: then the first fetch records what came, and later ones are
            held against that.
    """

    name: str
    origin: str
    size: int | None = None
    sha256: str | None = None


def in_place(*names: str) -> tuple[File, ...]:
    """Files that keep their place in the repository they come from and are not pinned yet."""
    return tuple(File(name=name, origin=name) for name in names)


class Source(Protocol):
    """Where a model's files come from: a wheel on a package index, a repository of weights, our own package."""

    @property
    def title(self) -> str:
        """What the files are carried by, for a person, with version and download size."""
        ...

    def download_folder(self, home: Path) -> AbstractContextManager[Path]:
        """A folder inside `home` for `fetch` to work in; one that can resume a download keeps it on failure."""
        ...

    def fetch(self, files: Sequence[File], folder: Path, home: Path, revision: str | None) -> str | None:
        """Put the files into the download folder under their `name`, but for those that lie in `home` as they should.

        Args:
            files: All files of the model.
            folder: The download folder.
            home: Where files fetched before lie.
            revision: Which revision of the source is meant; None for the one it is pinned to, or its newest.

        Returns:
            The revision the files are of, where the source has such a thing.

        Raises:
            MissingModel: They are not available; the message is a clause that follows "cannot be fetched: ".
            MissingDependency: A package is needed for the download.
            UsageError: The source has no revisions to choose from.
        """
        ...

    def take(self, files: Sequence[File], given: Path, folder: Path) -> None:
        """Put the files into an existing, empty folder under their `name`, from what the user has on disk.

        Raises:
            MissingModel: `given` does not hold them; the message is a clause as above.
        """
        ...

    def by_hand(self, model: Model) -> str:
        """How to bring the files here from another machine: a clause that names the exact commands."""
        ...


@dataclass(frozen=True, slots=True)
class Model:
    """A model that deidkit or one of its plugins can use.

    Different files need a different name: two versions of deidkit may share one cache.

    Attributes:
        name: What commands call it.
        licence: SPDX identifier, or the licence's name.
        terms: What its user must agree to before it is fetched, as it stands behind "may be used only"; empty where
            nothing needs to be agreed to.
    """

    name: str
    purpose: str
    files: tuple[File, ...]
    licence: str
    source: Source
    terms: str = ""

    @property
    def size(self) -> int | None:
        """Bytes it takes in the cache; None where that is not pinned."""
        sizes = [file.size for file in self.files if file.size is not None]
        return sum(sizes) if len(sizes) == len(self.files) else None

    @property
    def pinned(self) -> bool:
        """Whether the SHA-256 of every file is known beforehand."""
        return all(file.sha256 is not None for file in self.files)

    @property
    def command(self) -> str:
        """The command that fetches it."""
        return f"deidkit models fetch {self.name}{' --accept-licence' if self.terms else ''}"
