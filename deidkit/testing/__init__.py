"""Conformance suites: what the audit relies on, as tests that a plugin's own test module subclasses.

    from deidkit.testing import EngineConformance

    class TestMine(EngineConformance):
        plugin = "acme"

``plugin`` is what a user would write behind ``--engine``: the entry point's name, and options if it needs any. A suite
needs no data set and no model of deidkit's own; its pictures are drawn.
"""

from deidkit.errors import MissingDependency

try:
    import pytest
except ModuleNotFoundError as error:
    raise MissingDependency("deidkit.testing needs pytest. Install it with: pip install pytest") from error

# Before the suites are imported; otherwise, failed assertions would not show their values.
for _suite in ("base", "attackers", "engines", "recognizers", "datasets", "hands", "quality", "reports"):
    pytest.register_assert_rewrite(f"deidkit.testing.{_suite}")

from deidkit.testing.attackers import AttackerConformance, attack_material  # noqa: E402
from deidkit.testing.datasets import DatasetConformance  # noqa: E402
from deidkit.testing.engines import EngineConformance  # noqa: E402
from deidkit.testing.examples import (  # noqa: E402
    ExampleImage,
    hand_images,
    palm_rois,
    picture_without_hand,
    roi_images,
)
from deidkit.testing.hands import HandAnalyzerConformance, RoiRuleConformance, SegmenterConformance  # noqa: E402
from deidkit.testing.quality import QualityMeasureConformance  # noqa: E402
from deidkit.testing.recognizers import RecognizerConformance  # noqa: E402
from deidkit.testing.reports import ReportConformance, example_result  # noqa: E402

__all__ = [
    "AttackerConformance",
    "DatasetConformance",
    "EngineConformance",
    "ExampleImage",
    "HandAnalyzerConformance",
    "QualityMeasureConformance",
    "RecognizerConformance",
    "ReportConformance",
    "RoiRuleConformance",
    "SegmenterConformance",
    "attack_material",
    "example_result",
    "hand_images",
    "palm_rois",
    "picture_without_hand",
    "roi_images",
]
