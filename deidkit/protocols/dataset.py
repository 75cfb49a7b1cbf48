"""The contract of a data set."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from deidkit.protocols.images import Image
from deidkit.protocols.plugin import Plugin
from deidkit.protocols.samples import Sample


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file or sample that is not used.

    Attributes:
        key: Its name inside the data set.
        reason: Why, in a few words that are the same for all files of that kind and name none of them.
    """

    key: str
    reason: str


class Dataset(Plugin):
    """A data set: names first, pixels when asked."""

    @abstractmethod
    def samples(self) -> Iterable[Sample]:
        """Every sample, in a stable order, without reading pixels."""
        raise NotImplementedError

    @abstractmethod
    def read(self, sample: Sample) -> Image:
        """The pixels of one sample. Raises SampleError when they cannot be read."""
        raise NotImplementedError

    @abstractmethod
    def digest(self, sample: Sample) -> str:
        """SHA-256, in hex, of what the pixels come from (the file's bytes, or the generator's recipe)."""
        raise NotImplementedError

    @classmethod
    def known_names(cls, folder: Path, names: Sequence[PurePosixPath]) -> int | None:
        """How many pictures of a folder have names of the published layout, for where a user names no adapter.

        Args:
            folder: Where they are.
            names: Their paths from the folder on, its own name first.

        Returns:
            Their number; the one adapter that knows nine names in ten is taken. None where names alone do not say.
        """
        return None

    def skipped(self) -> Sequence[Skipped]:
        """Every file that was found and is not used, each with its reason."""
        return ()
