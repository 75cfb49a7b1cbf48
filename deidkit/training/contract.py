"""The contract of a trainer."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

from deidkit.progress import Progress
from deidkit.protocols import Plugin
from deidkit.training.job import TrainingJob


class Trainer(Plugin):
    """Trains the weights of a network on a data set."""

    @abstractmethod
    def train(self, job: TrainingJob, progress: Progress) -> Sequence[Path]:
        """Train, or resume a training.

        Args:
            job: Training data, duration and output.
            progress: Receives the progress of the work.

        Returns:
            The files written, the weights first.

        Raises:
            DatasetError: The data set is not suitable.
            UsageError: An option does not fit, or the output folder holds another training.
        """
        raise NotImplementedError
