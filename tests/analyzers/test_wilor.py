"""WiLoR in a separate process. wilor_mini is on no package index: a package of its interface stands in.

It is run by the interpreter of these tests, or by the one of an environment of its own that ``DEIDKIT_WILOR_PYTHON`` names.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra 'deep': pip install '.[deep]'")
from click.testing import CliRunner

from deidkit import plugins
from deidkit.cli import main
from deidkit.errors import MissingDependency, MissingModel, PluginError, SampleError, UsageError

FILES = ("detector.pt", "wilor_final.ckpt", "MANO_RIGHT.pkl", "mano_mean_params.npz")

OWN = os.environ.get("DEIDKIT_WILOR_PYTHON")
WILOR = f"wilor:{OWN}" if OWN else "wilor"

PIPELINE = '''
import os
print("libraries print what they like")
import numpy as np

class WiLorHandPose3dEstimationPipeline:
    """Answers as the real one does: two hands, the smaller one first."""

    def __init__(self, **given):
        self.given = given
        folder = os.path.join(given["wilor_pretrained_dir"], "pretrained_models")
        assert sorted(os.listdir(folder)) == ["MANO_RIGHT.pkl", "detector.pt", "mano_mean_params.npz", "wilor_final.ckpt"]
        if os.path.getsize(os.path.join(folder, "wilor_final.ckpt")) == 0:
            raise RuntimeError("Weights only load failed.\\nAnd much more")

    def predict(self, image, **given):
        assert image.dtype == np.uint8 and image.flags.writeable
        if image.mean() < 1:
            return []
        if image[0, 0, 0] == 13:
            raise ValueError("no such hand\\nand much more")
        if image[0, 0, 0] == 14:
            os.write(2, b"Killed by chance\\n")
            os._exit(3)
        found = []
        for number, side in enumerate((40.0, 80.0)):
            points = np.linspace(0, side, 42, dtype=np.float32).reshape(1, 21, 2) + 10 * number
            found.append({
                "hand_bbox": [10.0 * number, 10.0 * number, 10.0 * number + side, 10.0 * number + side],
                "is_right": float(number),
                "wilor_preds": {
                    "pred_keypoints_2d": points,
                    "pred_keypoints_3d": np.full((1, 21, 3), 0.5, np.float32) + np.arange(21)[None, :, None] / 1000,
                },
            })
        return found
'''


@pytest.fixture
def fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Model files in the cache, brought by hand with the licence accepted."""
    given = tmp_path / "given" / "pretrained_models"
    given.mkdir(parents=True)
    for name in FILES:
        (given / name).write_bytes(name.encode())
    monkeypatch.setenv("DEIDKIT_MODELS", str(tmp_path / "models"))
    command = ["models", "fetch", "wilor", "--accept-licence", "--from", str(given.parent)]
    result = CliRunner().invoke(main, command, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return tmp_path / "models" / "wilor"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package wilor_mini."""
    place = tmp_path / "site" / "wilor_mini" / "pipelines"
    place.mkdir(parents=True)
    for folder in (place.parent, place):
        (folder / "__init__.py").write_text("")
    (place / "wilor_hand_pose3d_estimation_pipeline.py").write_text(PIPELINE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))


@pytest.mark.usefixtures("fetched", "installed")
def test_hands_come_in_deidkits_terms() -> None:
    analyzer, component = plugins.create("hand_analyzer", WILOR)
    assert sorted(component.weights) == sorted(FILES)
    assert "non-commercial" in component.remark
    picture = np.full((100, 100, 3), 90, np.uint8)
    picture.flags.writeable = False
    smaller, larger = analyzer.detect(picture)  # in its detector's order, which the published program takes
    assert (larger.box == [10, 10, 90, 90]).all()
    assert (larger.handedness, smaller.handedness) == ("right", "left")
    assert larger.keypoints.shape == (21, 2) and larger.keypoints.dtype == np.float32
    assert larger.keypoints[20] == pytest.approx([90 - 80 / 41, 90], abs=1e-4)
    assert larger.keypoints_3d.mean(axis=0) == pytest.approx(0, abs=1e-6)
    assert np.ptp(larger.keypoints_3d[:, 0]) == pytest.approx(0.020, abs=1e-6)
    assert len(analyzer.detect(np.zeros((20, 20, 3), np.uint8))) == 0
    assert "with torch 2" in component.remark and component.options["device"]


@pytest.mark.usefixtures("fetched", "installed")
def test_a_picture_that_fails_does_not_stop_the_others_and_a_process_that_ends_says_so() -> None:
    analyzer = plugins.create("hand_analyzer", WILOR).plugin
    picture = np.full((30, 40, 3), 90, np.uint8)
    with pytest.raises(SampleError, match=r"WiLoR fails: ValueError: no such hand$"):
        analyzer.detect(np.full_like(picture, 13))
    assert len(analyzer.detect(picture)) == 2
    for again in range(2):
        with pytest.raises(PluginError, match=r"WiLoR's process ended: Killed by chance\.$"):
            analyzer.detect(np.full_like(picture, 14 + again))


@pytest.mark.usefixtures("fetched")
def test_an_interpreter_that_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match=r"the interpreter .*nowhere/python cannot be started: No such file"):
        plugins.create("hand_analyzer", "wilor:nowhere/python")


@pytest.mark.usefixtures("fetched")
def test_an_environment_without_it_is_one_sentence() -> None:
    with pytest.raises(MissingDependency, match=r"needs 'wilor_mini'; install it in an environment of its own"):
        plugins.create("hand_analyzer", WILOR)


@pytest.mark.usefixtures("installed")
def test_files_that_cannot_be_loaded_are_one_sentence(fetched: Path, tmp_path: Path) -> None:
    given = tmp_path / "given"
    (given / "pretrained_models" / "wilor_final.ckpt").write_bytes(b"")
    (fetched / "fetched.json").unlink()
    command = ["models", "fetch", "wilor", "--accept-licence", "--from", str(given)]
    assert CliRunner().invoke(main, command, catch_exceptions=False).exit_code == 0
    with pytest.raises(MissingModel, match=r"Weights only load failed; .* torch up to 2\.5\.$"):
        plugins.create("hand_analyzer", WILOR)


def audit(tmp_path: Path) -> tuple[int, str]:
    command = ["audit", "--dataset", "synthetic:2", "--engine", "blur", "--recognizer", "compcode"]
    command += ["--analyzer", "wilor", "--output", str(tmp_path / "out")]
    result = CliRunner().invoke(main, command, catch_exceptions=False)
    return result.exit_code, " ".join(result.output.split())


@pytest.mark.usefixtures("fetched")
def test_without_the_package_an_audit_says_how_to_get_it(tmp_path: Path) -> None:
    code, output = audit(tmp_path)
    assert code != 0
    assert "'wilor_mini'" in output and "wilor:python=" in output
    assert "Traceback" not in output


@pytest.mark.usefixtures("installed")
def test_without_its_files_an_audit_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEIDKIT_MODELS", str(tmp_path / "nothing"))
    code, output = audit(tmp_path)
    assert code != 0
    assert "deidkit models fetch wilor --accept-licence" in output
