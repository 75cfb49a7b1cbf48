"""Training of recognizers and other networks: contract, job and examples, independent of any framework."""

from deidkit.training.contract import Trainer
from deidkit.training.examples import Example, Examples
from deidkit.training.job import TrainingJob

__all__ = ["Example", "Examples", "Trainer", "TrainingJob"]
