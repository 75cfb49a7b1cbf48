"""The CI gate of docs/audit.md, word for word: it passes on a vendor who changes palms, and fails on one with gaps."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from deidkit.cli import main
from deidkit.hand import HandAnalysis
from deidkit.hand.roi import ValleyRule
from deidkit.leakage.scattered import scattered
from deidkit.protocols import Sample

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "audit.md"

STILL = '''
import numpy as np
from deidkit.protocols import Hand

POINTS = [(0, 0), (42, -22), (68, -52), (88, -80), (104, -104), (30, -98), (36, -138), (40, -162), (43, -184),
          (4, -100), (6, -146), (7, -174), (8, -198), (-20, -94), (-24, -136), (-27, -162), (-29, -184),
          (-42, -80), (-54, -110), (-61, -130), (-67, -148)]
HAND = Hand(box=np.array([100, 0, 360, 220], np.float32), keypoints=np.array(POINTS, np.float32) * 1.5 + (205, 210),
            keypoints_3d=None, handedness="right", score=1.0)


class Still:
    """Knows where the hand is: at the same place in every picture."""

    version = "1"

    def detect(self, image):
        return [HAND]

    def segment(self, image, hand):
        return np.ones(image.shape[:2], bool)
'''


@pytest.fixture
def still(install: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A hand analyzer and segmenter that need no model, put in place of the defaults by the environment."""
    groups = "[deidkit.hand_analyzers]\nstill = still_hand:Still\n[deidkit.segmenters]\nstill = still_hand:Still\n"
    install("still_hand", STILL, groups)
    monkeypatch.setenv("DEIDKIT_AUDIT_ANALYZER", "still")
    monkeypatch.setenv("DEIDKIT_AUDIT_SEGMENTER", "still")


def picture(palm: np.ndarray) -> np.ndarray:
    """A palm on plain ground, where the analyzer says that it is."""
    canvas = np.full((320, 400), 120, np.uint8)
    canvas[55:215, 130:310] = cv2.resize(palm, (180, 160))
    inside = np.zeros_like(canvas)
    hull = np.array([(0, 0), (42, -22), (68, -52), (30, -98), (4, -100), (-20, -94), (-42, -80)]) * 1.5 + (205, 210)
    cv2.fillConvexPoly(inside, hull.astype(np.int32), 1)
    return np.where(inside == 1, canvas, 120).astype(np.uint8)


def gate() -> tuple[list[str], str]:
    """Command and configuration as the document gives them."""
    section = DOCUMENT.read_text(encoding="utf-8").partition("## A gate in CI")[2].partition("\n## ")[0]
    command = re.search(r"^    (deidkit .*)$", section, re.MULTILINE)
    content = re.search(r"```toml\n(.*?)```", section, re.DOTALL)
    assert command and content
    return shlex.split(command[1])[1:], content[1]


@pytest.mark.nightly
@pytest.mark.skipif(not DOCUMENT.is_file(), reason="needs the checkout's documents")
def test_the_documented_gate_passes_and_fails(
    draw_palm: Callable[[int, int], np.ndarray], still: None, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DEIDKIT_AUDIT_ATTACK")  # the policy wants attacks
    for folder in ("hands", "vendor-output"):
        Path(folder).mkdir()
    for identity in range(1, 121):
        for sample in range(1, 3):
            name = f"{identity:04d}_{sample:04d}.png"
            cv2.imwrite(f"hands/{name}", picture(draw_palm(identity, sample)))
            cv2.imwrite(f"vendor-output/{name}", picture(draw_palm(1000 + 10 * identity + sample, 1)))
    command, configuration = gate()
    Path("audit.toml").write_text(configuration)
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    verdict = json.loads(Path("audit/report.json").read_text())["verdict"]
    assert verdict["status"] == "PASS", verdict
    counted = [r for r in verdict["requirements"] if r["text"].startswith("failure_to_acquire_percent")]
    assert {(r["status"], r["measured"], r["explanation"]) for r in counted} == {
        ("PASS", 0.0, "point estimate: 0, required <= 5")
    }
    for number in range(1, 16):
        Path(f"vendor-output/{number:04d}_0001.png").unlink()
    result = CliRunner().invoke(main, [*command])
    assert result.exit_code == 1, result.output
    assert "FAIL: 'failure_to_acquire_percent <= 5" in result.output


def test_a_strange_palm_that_fits_the_original_by_chance_is_not_called_moved(
    draw_palm: Callable[[int, int], np.ndarray],
) -> None:
    """Of 2,040 pairs these two have the cyclic shifts that stand out most."""
    names: dict[str, Any] = {}
    exec(STILL, names)
    analysis = HandAnalysis(names["Still"](), names["Still"](), ValleyRule())
    for identity, sample in ((117, 1), (816, 2)):
        palms = draw_palm(identity, sample), draw_palm(1000 + 10 * identity + sample, 1)
        original, copy = (analysis.image(Sample("a.png", "1"), np.dstack([picture(palm)] * 3)) for palm in palms)
        assert scattered(analysis.roi(original), analysis.roi_placed_as(copy, original)) is None


MEASURE = '''
from dataclasses import dataclass
import numpy as np
from deidkit.protocols import option
from deidkit.result import Estimate


@dataclass(frozen=True)
class Flattering:
    """Finds everything perfect, under any name."""

    metric: str = option("flattery", "What it calls its number", primary=True)
    version = "1"

    def measure(self, original, copies):
        return np.full(len(copies), 100.0)

    def estimate(self, measured, samples, subjects, settings):
        return Estimate(value=100.0, low=100.0, high=100.0, unit="percent", safer="higher")
'''


@pytest.fixture
def flattering(install: Callable[..., Path]) -> None:
    install("flattering", MEASURE, "[deidkit.quality_measures]\nflattering = flattering:Flattering\n")


def measured_as(palms: Path, metric: str) -> tuple[int, str]:
    """Exit code and output of a gate with a measure of a third party under that name."""
    command = ["audit", "--dataset", f"numbered:{palms},kind=roi", "--engine", "identity", "--engine", "blur:sigma=4"]
    command += ["--recognizer", "compcode", "--quality", f"flattering:{metric}", "--quiet"]
    command += ["--require", f"{metric} >= 95 on point", "--format", "json", "--output", "out", "--overwrite"]
    result = CliRunner().invoke(main, command)
    return result.exit_code, result.output


@pytest.mark.parametrize(
    "metric", ["rejection_rate_percent", "failure_to_acquire_percent", "eer_percent", "psnr", "roi_success_change"]
)
def test_no_measure_takes_the_place_of_a_number_of_deidkits(
    palms: Path, elsewhere: Path, flattering: None, metric: str
) -> None:
    told = f"Error: quality measure 'flattering' (flattering 1.0) calls its number '{metric}', as deidkit calls one of"
    code, output = measured_as(palms, metric)
    assert code == 2 and told in output, output
    assert not (elsewhere / "out" / "report.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["flattery", "lpips", "fid"])
def test_a_measure_has_a_name_of_its_own_or_that_of_a_number_left_to_plugins(
    palms: Path, elsewhere: Path, flattering: None, metric: str
) -> None:
    code, output = measured_as(palms, metric)
    assert code == 0, output
    assert json.loads((elsewhere / "out" / "report.json").read_text())["engines"][0]["quality"][metric]["value"] == 100
