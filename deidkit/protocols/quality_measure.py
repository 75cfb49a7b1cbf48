"""The contract of a measure of image quality."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidkit.protocols.images import Image
from deidkit.protocols.interval_settings import IntervalSettings
from deidkit.protocols.plugin import Plugin
from deidkit.result import Estimate


class QualityMeasure(Plugin):
    """A measure of what de-identification cost the picture, in addition to those that every audit has.

    Attributes:
        metric: Its name in reports, e.g. ``lpips``; none that deidkit gives to a number of its own.
        thread_safe: Whether it may be called from several threads at a time.
    """

    metric: str
    thread_safe: bool = False

    @abstractmethod
    def measure(self, original: Image, copies: Sequence[Image]) -> NDArray[np.floating[Any]]:
        """What is to be known about the copies of one original.

        Args:
            original: The original; must not be written to.
            copies: One or more, of the same size.

        Returns:
            (n, ...) float, one entry for each copy; further axes are the same at every call.
        """
        raise NotImplementedError

    @abstractmethod
    def estimate(
        self,
        measured: NDArray[Any],
        samples: NDArray[np.int32],
        subjects: NDArray[np.int32],
        settings: IntervalSettings,
    ) -> Estimate:
        """One number for all copies of an engine.

        Args:
            measured: (n, ...) what `measure` gave.
            samples: (n,) number of the original of each.
            subjects: (n,) subject number of each.
            settings: How intervals are made.
        """
        raise NotImplementedError
