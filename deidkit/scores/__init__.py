"""Comparison scores: exact where they fit in memory, a histogram of stated resolution where they do not.

All metrics work on a `Distribution`, so it does not matter which of the two a set of scores is kept as.
"""

from deidkit.scores.distribution import Distribution
from deidkit.scores.sets import LARGEST_SCORE, Acceptance, Identification, Scores, ScoreSet, SubjectCounts

__all__ = ["LARGEST_SCORE", "Acceptance", "Distribution", "Identification", "ScoreSet", "Scores", "SubjectCounts"]
