"""Hand analysis: keypoints, hand mask, palm polygon and palm region of interest."""

from deidkit.hand.analysis import AnalyzedImage, HandAnalysis, palm_or_none, ready_roi, region_mirrored
from deidkit.hand.coverage import unchanged_share
from deidkit.hand.detected_hands import DetectedHands
from deidkit.hand.palm import palm_polygon, palm_region
from deidkit.hand.roi import ValleyRule, square_below, warp_roi

__all__ = [
    "AnalyzedImage",
    "DetectedHands",
    "HandAnalysis",
    "ValleyRule",
    "palm_or_none",
    "palm_polygon",
    "palm_region",
    "ready_roi",
    "region_mirrored",
    "square_below",
    "unchanged_share",
    "warp_roi",
]
