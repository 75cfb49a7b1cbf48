"""What is recorded about a model, and what a place it comes from must offer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class File:
    """One file of a model.

    Attributes:
        name: Its name in the cache.
        size: In bytes.
        sha256: In hex.
        origin: Where its source keeps it, e.g. the path inside a wheel or a repository.
    """

    name: str
    size: int
    sha256: str
    origin: str


class Source(Protocol):
    """Where a model's files come from: a wheel on a package index, a repository of weights, our own package."""

    @property
    def title(self) -> str:
        """What the files are carried by, for a person, with version and download size."""
        ...

    def fetch(self, files: Sequence[File], folder: Path) -> None:
        """Put the files into an existing, empty folder under their `name`.

        Raises:
            MissingModel: They cannot be had; the message is a clause that goes on after "cannot be fetched: ".
        """
        ...

    def take(self, files: Sequence[File], given: Path, folder: Path) -> None:
        """Like `fetch`, from what the user has on disk.

        Raises:
            MissingModel: `given` does not hold them; the message is a clause as above.
        """
        ...

    def by_hand(self, name: str) -> str:
        """How to bring the files here from another machine: a clause that names the exact commands."""
        ...


@dataclass(frozen=True, slots=True)
class Model:
    """A model that deidkit or one of its plugins can use.

    Different files need a different name: two versions of deidkit may share one cache.

    Attributes:
        name: What commands call it.
        purpose: What it is for, one line.
        files: Its files.
        licence: SPDX identifier, or the licence's name.
        source: Where it comes from.
    """

    name: str
    purpose: str
    files: tuple[File, ...]
    licence: str
    source: Source

    @property
    def size(self) -> int:
        """Bytes it takes in the cache."""
        return sum(file.size for file in self.files)
