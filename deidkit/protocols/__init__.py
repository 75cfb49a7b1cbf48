"""Contracts of plugins, and the records that travel between the stages of an audit.

Words are those of ISO/IEC 2382-37 and 19795-1. A *subject* is a person; an *identity* is what a recognizer is asked
to tell apart, here one hand of one subject. Scores are DISTANCES everywhere: lower means more alike.

Each kind of plugin has one contract, a class in a file of its own: required attributes are annotated, everything
optional has a typed default. See `deidkit.protocols.plugin.Plugin` for what all have in common.
"""

from deidkit.protocols.dataset import Dataset, Skipped
from deidkit.protocols.engine import Engine
from deidkit.protocols.hand_analysis import HandAnalyzer, RoiRule, Segmenter
from deidkit.protocols.images import ROI_SIZE, GreyImage, Handedness, Image, Mask, PalmVariant
from deidkit.protocols.interval_settings import IntervalSettings
from deidkit.protocols.options import option
from deidkit.protocols.plugin import Plugin
from deidkit.protocols.quality_measure import QualityMeasure
from deidkit.protocols.recognizer import Recognizer
from deidkit.protocols.report_writer import ReportWriter
from deidkit.protocols.samples import Failure, Hand, HandImage, Sample

__all__ = [
    "ROI_SIZE",
    "Dataset",
    "Engine",
    "Failure",
    "GreyImage",
    "Hand",
    "HandAnalyzer",
    "HandImage",
    "Handedness",
    "Image",
    "IntervalSettings",
    "Mask",
    "PalmVariant",
    "Plugin",
    "QualityMeasure",
    "Recognizer",
    "ReportWriter",
    "RoiRule",
    "Sample",
    "Segmenter",
    "Skipped",
    "option",
]
