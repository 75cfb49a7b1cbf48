"""What a network offers to be trained."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from deidkit.training import Example, Trainer

Batch = dict[str, Tensor]
"""What `Trainable.keep` kept of each picture, stacked."""


Module = TypeVar("Module", bound=nn.Module)


class Trainable(Trainer, Generic[Module]):
    """A network with its training.

    Attributes:
        version: Of the training; a new one where results may change.
        name: The architecture, as its weight files say it.
        views: Pictures of one identity that are drawn together: 1, or 2 for a contrastive loss.
        batch: Pictures a step, if the user does not say.
        epochs: How often each training picture is shown, if the user does not say.
        truth: Whether to learn from the exact ground truth where the data set knows it, not from the hand analysis.
        average: Decay of the exponential moving average of the weights that is evaluated and published instead; 0 for
            none.
        kept_by: Names of the options that `keep` depends on.
    """

    name: str
    views: int
    batch: int
    epochs: float
    truth: bool
    average: float = 0.0
    kept_by: tuple[str, ...] = ()

    @abstractmethod
    def keep(self, example: Example) -> dict[str, NDArray[np.generic]]:
        """What to keep of a picture: arrays of fixed shape and dtype. Raises SampleError to leave it out."""
        raise NotImplementedError

    @abstractmethod
    def build(self, identities: int) -> Module:
        """The network with the heads that training needs, for so many training identities."""
        raise NotImplementedError

    @abstractmethod
    def optimizer(self, module: Module) -> torch.optim.Optimizer:
        """The optimizer with its initial learning rates."""
        raise NotImplementedError

    @abstractmethod
    def rate(self, progress: float) -> float:
        """Factor on the initial learning rates when `progress`, 0..1, of the training is done."""
        raise NotImplementedError

    @abstractmethod
    def augment(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Vary a batch, as prepared, by random numbers of `generator` alone."""
        raise NotImplementedError

    @abstractmethod
    def loss(self, module: Module, batch: Batch, labels: Tensor, progress: float) -> Tensor:
        """The loss of a batch that was augmented; the rows of the second view follow those of the first."""
        raise NotImplementedError

    @abstractmethod
    def evaluate(self, module: Module, batches: Iterable[Batch], labels: NDArray[np.int64]) -> dict[str, float]:
        """Measure on held-out pictures, as prepared, in order."""
        raise NotImplementedError

    @abstractmethod
    def publish(self, module: Module) -> tuple[dict[str, Tensor], dict[str, object]]:
        """The tensors that a user of the network needs, and the settings to build it from."""
        raise NotImplementedError

    def finish(self, module: Module, batches: Iterable[Batch], labels: NDArray[np.int64]) -> None:
        """Change the weights before they are measured and published, by up to 10,000 training pictures, as kept."""

    def export(self, module: Module, folder: Path, trained_on: str) -> list[Path]:
        """Write the network in another format, too; the paths."""
        return []
