"""What a network offers to be trained."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from deidkit.training import Example

Batch = dict[str, Tensor]
"""What `Trainable.keep` kept of each picture, stacked."""


class Trainable(Protocol):
    """A network with its training.

    Optional: ``average``, a decay below 1, to be evaluated and published as the exponential moving average of the
    weights; ``kept_by``, names of the options that `keep` depends on; ``finish(module, batches, labels)``, called with
    up to 10,000 training pictures, as kept, before the weights are measured and published; ``export(module, folder,
    trained_on)``, to write them in another format, too, which gives the paths.
    """

    @property
    def version(self) -> str:
        """Of the training; a new one where results may change."""
        ...

    @property
    def name(self) -> str:
        """The architecture, as its weight files say it."""
        ...

    @property
    def views(self) -> int:
        """Pictures of one identity that are drawn together: 1, or 2 for a contrastive loss."""
        ...

    @property
    def batch(self) -> int:
        """Pictures a step, if the user does not say."""
        ...

    @property
    def epochs(self) -> float:
        """How often each training picture is shown, if the user does not say."""
        ...

    @property
    def truth(self) -> bool:
        """Whether to learn from the exact ground truth where the data set knows it, not from the hand analysis."""
        ...

    def keep(self, example: Example) -> dict[str, NDArray[np.generic]]:
        """What to keep of a picture: arrays of fixed shape and dtype. Raises SampleError to leave it out."""
        ...

    def build(self, identities: int) -> nn.Module:
        """The network with the heads that training needs, for so many training identities."""
        ...

    def optimizer(self, module: nn.Module) -> torch.optim.Optimizer:
        """The optimizer with its initial learning rates."""
        ...

    def rate(self, progress: float) -> float:
        """Factor on the initial learning rates when `progress`, 0..1, of the training is done."""
        ...

    def augment(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Vary a batch, as prepared, by random numbers of `generator` alone."""
        ...

    def loss(self, module: nn.Module, batch: Batch, labels: Tensor, progress: float) -> Tensor:
        """The loss of a batch that was augmented; the rows of the second view follow those of the first."""
        ...

    def evaluate(self, module: nn.Module, batches: Iterable[Batch], labels: NDArray[np.int64]) -> dict[str, float]:
        """Measure on held-out pictures, as prepared, in order."""
        ...

    def publish(self, module: nn.Module) -> tuple[dict[str, Tensor], dict[str, object]]:
        """The tensors that a user of the network needs, and the settings to build it from."""
        ...
