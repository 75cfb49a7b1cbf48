"""What a recognizer offers to an adversary who trains its last layers further."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from torch import nn


@runtime_checkable
class TunableHead(Protocol):
    """A recognizer whose network reads palm regions by fixed layers and a head that can be trained."""

    def palm_features(self, regions: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What the fixed layers say of palms, each the same whatever others there are.

        Args:
            regions: (n, 128, 128) uint8.

        Returns:
            (n, d) float32.
        """
        ...

    def palm_head(self) -> nn.Module:
        """The layers from (n, d) features to templates of any length: the caller's own copy, on the CPU."""
        ...
