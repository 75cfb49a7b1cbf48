"""What a recognizer offers to an adversary who trains its network, or the last layers of it, further."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from torch import nn


@runtime_checkable
class Tunable(Protocol):
    """A recognizer whose network for palm regions, or a head on fixed layers of it, can be trained."""

    def palm_features(self, regions: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(n, d) float32: what the fixed layers say of (n, 128, 128) uint8 palms, each whatever others there are."""
        ...

    def palm_head(self) -> nn.Module:
        """The layers from (n, d) features to templates of any length: the caller's own copy, on the CPU."""
        ...

    def palm_network(self) -> nn.Module:
        """All layers from (n, 128, 128) uint8 regions to the same templates: the caller's own copy, on the CPU.

        It is in the mode of evaluation, in which a picture's template does not depend on others.
        """
        ...
