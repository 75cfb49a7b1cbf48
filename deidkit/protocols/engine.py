"""The contract of an anonymizer."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec

from deidkit.protocols.images import Image
from deidkit.protocols.plugin import Plugin
from deidkit.protocols.samples import Failure, HandImage, Sample
from deidkit.result import CoverageFinding


class Engine(Plugin):
    """An anonymizer.

    Attributes:
        deterministic: Whether one input and seed always give one result.
        diverse: Whether different seeds give different results; if not, only the first seed is run.
        batch_size: How many pictures the engine wants at a time, 1 or more.
        control: True for an engine that calibrates the audit and is not judged (``identity``).
        thread_safe: Whether it may be called from several threads at a time.
        reusable: Whether its pictures may serve later audits; False where it can change without its options, version
            or files showing it.
        any_size: Whether its pictures may be of another size than the original.
        finished: Whether it only returns pictures that exist already, so that nobody can run it on others.
    """

    deterministic: bool
    diverse: bool
    batch_size: Annotated[int, msgspec.Meta(ge=1)] = 8
    control: bool = False
    thread_safe: bool = False
    reusable: bool = True
    any_size: bool = False
    finished: bool = False

    @abstractmethod
    def deidentify(self, images: Sequence[HandImage], seeds: Sequence[int]) -> Sequence[Sequence[Image | Failure]]:
        """De-identify each picture once per seed.

        Args:
            images: The originals. What they hold is the engine's own copy, and read-only.
            seeds: One or more; the same seed gives the same picture whatever else is in the batch.

        Returns:
            For each picture a sequence with one item per seed: an RGB uint8 array of the original's size (of any size
            with ``any_size``), or a `Failure` where this picture cannot be de-identified.
        """
        raise NotImplementedError

    def expect(self, samples: Sequence[Sample]) -> None:
        """Learn which samples will be asked for, before the first one is."""

    def input_digest(self, sample: Sample) -> str | None:
        """SHA-256 of what the engine reads for a sample besides its picture; None for nothing."""
        return None

    def delivered_file(self, sample: Sample, seed: int) -> bytes | None:
        """The file from which the last `deidentify` took a copy; it is searched for what it holds besides the pixels.

        Args:
            sample: One of those that were de-identified.
            seed: One of theirs.

        Returns:
            The bytes as a third party delivered them; None for an engine that makes its pictures itself.
        """
        return None

    def delivers(self, sample: Sample, seed: int) -> bool:
        """Whether a `finished` engine has a file for a seed: one beyond those asked for is a copy that nobody examined.

        Worth overriding where that is known without reading the file.
        """
        return self.delivered_file(sample, seed) is not None

    def stand_in(self) -> str:
        """Why its pictures are not what the engine is for, as a clause with the remedy; empty where they are.

        An audit says it before it begins; what is de-identified for use is refused, unless the options ask for the
        stand-in by name.
        """
        return ""

    def coverage(self, samples: Sequence[Sample]) -> Sequence[CoverageFinding]:
        """Findings about what the engine was given, such as missing files.

        Args:
            samples: Every sample that is audited.
        """
        return ()

    def stop(self) -> None:
        """End current work soon and begin nothing more; called from another thread on cancellation.

        Calls that cannot end properly raise `deidkit.errors.Interruption`.
        """

    @classmethod
    def ablation_grid(cls) -> Sequence[Mapping[str, Sequence[str]]]:
        """Settings of a published ablation: sets of option -> values, every combination of a set is a setting."""
        return ()
