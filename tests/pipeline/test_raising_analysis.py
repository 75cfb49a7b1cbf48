"""Data sets and parts of the hand analysis that raise at some pictures: those fail, the others go on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from deidkit.cli import main

PLUGINS = '''
from deidkit.datasets.synthetic import Synthetic
from deidkit.hand import ValleyRule
from deidkit.hand.grabcut import GrabCut
from deidkit.hand.mediapipe import MediaPipe

def hold(pixels):
    if pixels[:8, :8].sum() % 3 == 0:
        raise ValueError("/photos/anne-smith.jpg")

class Analyzer(MediaPipe):
    """Raises at a third of the pictures."""
    def detect(self, image):
        hold(image)
        return super().detect(image)

class Segmenter(GrabCut):
    """Raises at a third of the pictures."""
    def segment(self, image, hand):
        hold(image)
        return super().segment(image, hand)

class Rule(ValleyRule):
    """Raises at a third of the pictures."""
    def corners(self, hand, image):
        hold(image)
        return super().corners(hand, image)

class Adapter(Synthetic):
    """Raises at a third of the pictures."""
    def read(self, sample):
        pixels = super().read(sample)
        hold(pixels)
        return pixels
'''


@pytest.fixture(autouse=True)
def installed(install: Callable[..., Path]) -> None:
    install(
        "holding",
        PLUGINS,
        "[deidkit.hand_analyzers]\nholding = holding:Analyzer\n"
        "[deidkit.segmenters]\nholding = holding:Segmenter\n"
        "[deidkit.roi_rules]\nholding = holding:Rule\n"
        "[deidkit.datasets]\nholding = holding:Adapter\n",
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("option", "kind", "stage"),
    [
        ("--analyzer", "hand analyzer", "hand"),
        ("--segmenter", "segmenter", "hand"),
        ("--roi-rule", "roi rule", "roi"),
        ("--dataset", "data set", "read"),
    ],
)
def test_a_part_that_raises_at_a_picture_fails_on_that_one(option: str, kind: str, stage: str, tmp_path: Path) -> None:
    size = "4,pictures=3,width=300,height=400"
    given = {"--dataset": f"synthetic:{size}", option: f"holding:{size}" if option == "--dataset" else "holding"}
    command = ["audit", "--engine", "blur", "--recognizer", "compcode", "--format", "json", "--output", str(tmp_path)]
    command += ["--db", str(tmp_path / "s.db"), "--threads", "1"]
    told = CliRunner().invoke(main, [*command, *(word for pair in given.items() for word in pair)])
    assert told.exit_code == 2, told.output
    assert f"{kind} 'holding' raised ValueError" in told.output
    assert "Traceback" not in told.output
    text = (tmp_path / "report.json").read_text()
    report = json.loads(text)
    reasons = {failure["reason"] for failure in report["failures"] if failure["stage"] == stage}
    assert f"the {kind} raised ValueError" in reasons, report["failures"]
    assert 0 < report["engines"][0]["produced"] < 12 or option == "--roi-rule"
    assert "anne-smith" not in text and b"anne-smith" not in (tmp_path / "s.db").read_bytes()
