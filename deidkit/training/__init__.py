"""Training recognizers and networks on a data set: what a trainer is given. Nothing here needs a framework."""

from deidkit.training.contract import Trainer
from deidkit.training.examples import Example, Examples
from deidkit.training.job import TrainingJob

__all__ = ["Example", "Examples", "Trainer", "TrainingJob"]
