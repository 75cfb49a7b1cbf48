"""The contract of a biometric recognizer."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from deidkit.protocols.plugin import Plugin


class Recognizer(Plugin):
    """Extracts templates and compares them.

    Attributes:
        input: ``"roi"`` when it takes 128 x 128 grey palm ROIs, ``"hand"`` when it takes whole pictures.
        score_range: Smallest and largest distance it can return.
        thread_safe: Whether it may extract in several threads at a time.
        distance_steps: Where every distance is a whole number over this one, 1..65,534, that number: all comparisons
            then go by `compare_in_steps`, in a quarter of the memory. None where it is not so.
    """

    input: Literal["roi", "hand"]
    score_range: tuple[float, float]
    thread_safe: bool = False
    distance_steps: int | None = None

    @abstractmethod
    def extract(self, images: Sequence[Any]) -> NDArray[Any]:
        """Turn a batch into templates.

        Args:
            images: `GreyImage` ROIs or `HandImage`s, as `input` says.

        Returns:
            One array whose first axis is the batch; dtype and further axes are the same for every batch.
        """
        raise NotImplementedError

    @abstractmethod
    def compare(self, probes: NDArray[Any], references: NDArray[Any]) -> NDArray[np.floating[Any]]:
        """Distances between two blocks of templates.

        Args:
            probes: (p, ...) templates.
            references: (r, ...) templates.

        Returns:
            (p, r) float distances within `score_range`, of one dtype for all blocks; symmetric, lower means more
            alike. Releases the GIL where it can: the core calls it from several threads.
        """
        raise NotImplementedError

    def compare_in_steps(self, probes: NDArray[Any], references: NDArray[Any]) -> NDArray[np.uint16]:
        """Distances as whole numbers, where `distance_steps` is one.

        Args:
            probes: (p, ...) templates.
            references: (r, ...) templates.

        Returns:
            (p, r) uint16: the distances of `compare`, which are these over `distance_steps`.
        """
        raise NotImplementedError
