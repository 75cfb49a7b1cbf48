"""Comparison of templates: all pairs, in bounded memory."""

from deidkit.comparison.all_pairs import Comparison, ComparisonSettings, compare_all
from deidkit.comparison.checkpoints import Checkpoint, Checkpoints
from deidkit.comparison.hamming import ShiftedHamming
from deidkit.comparison.histogram import ScoreHistogram
from deidkit.comparison.pairs import PairScores, Templates
from deidkit.comparison.part_runner import Arrays, PartRunner
from deidkit.comparison.suspects import SuspectPair, suspect_pairs

__all__ = [
    "Arrays",
    "Checkpoint",
    "Checkpoints",
    "Comparison",
    "ComparisonSettings",
    "PairScores",
    "PartRunner",
    "ScoreHistogram",
    "ShiftedHamming",
    "SuspectPair",
    "Templates",
    "compare_all",
    "suspect_pairs",
]
