"""Comparison scores: exact if they fit in memory, otherwise a histogram of known resolution.

All metrics work on a `Distribution`, independent of the representation of a set of scores.
"""

from deidkit.scores.distribution import Distribution
from deidkit.scores.sets import LARGEST_SCORE, Acceptance, Identification, Scores, ScoreSet, SubjectCounts

__all__ = ["LARGEST_SCORE", "Acceptance", "Distribution", "Identification", "ScoreSet", "Scores", "SubjectCounts"]
