"""LPIPS and FID, held against the packages lpips 0.1.4 and pytorch-fid 0.3.0 with the same made-up weights.

Their numbers below were computed once, in float32 on a CPU, with the weights of `made_up` and the pictures of `pairs`.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra 'deep': pip install '.[deep]'")
import torch
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from deidkit import plugins
from deidkit.cli import main
from deidkit.errors import MissingModel
from deidkit.measures import IntervalSettings
from deidkit.testing import QualityMeasureConformance
from deidkit_analyzers.quality.fid import Fid, frechet_distance
from deidkit_analyzers.quality.inception import Inception
from deidkit_analyzers.quality.lpips import TRUNK, WEIGHING, Lpips, Trunk, Weighing

LPIPS = [0.019648630172014236, 0.019510462880134583, 0.01962011680006981]
FEATURES = [1.1299692392349243, 0.40123251080513, 0.00023464554396923631, 0.9248038530349731]
FID = 0.42291542601209225
FRECHET = 12.961327824191098


def made_up(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Weights that depend on a tensor's name and shape alone."""
    state = {}
    for name, value in network.state_dict().items():
        if not value.is_floating_point():
            continue
        numbers = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(tuple(value.shape))
        if value.ndim == 4:
            numbers *= np.sqrt(2 / np.prod(value.shape[1:]))
        elif name.endswith("running_var"):
            numbers = 0.5 + np.abs(numbers)
        elif "bn.weight" in name:
            numbers = 1 + 0.1 * numbers
        else:
            numbers *= 0.1
        if name.startswith("lin"):
            numbers = np.abs(numbers)
        state[name] = torch.from_numpy(numbers.astype(np.float32))
    return state


def pairs(count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    originals = rng.integers(0, 256, (count, 70, 53, 3)).astype(np.uint8)
    return originals, np.clip(originals + rng.normal(0, 25, originals.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def lpips_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lpips")
    torch.save(made_up(Trunk()) | {"classifier.0.weight": torch.zeros(2, 2)}, folder / TRUNK)
    torch.save(made_up(Weighing()), folder / WEIGHING)
    return folder


@pytest.fixture(scope="module")
def fid_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("fid") / "inception.pth"
    torch.save(made_up(Inception()), file)
    return file


class TestLpips(QualityMeasureConformance):
    @pytest.fixture
    def spec(self, lpips_folder: Path) -> str:
        return f"lpips:{lpips_folder}"


class TestFid(QualityMeasureConformance):
    @pytest.fixture
    def spec(self, fid_file: Path) -> str:
        return f"fid:{fid_file}"


def test_lpips_is_that_of_its_authors(lpips_folder: Path) -> None:
    measure = Lpips(lpips_folder)
    found = [measure.measure(original, [copy])[0] for original, copy in zip(*pairs(3), strict=True)]
    assert found == pytest.approx(LPIPS, rel=1e-5)
    originals, copies = pairs(3)
    assert measure.measure(originals[0], [originals[0], copies[0]]) == pytest.approx([0.0, LPIPS[0]], rel=1e-5)


def test_pictures_too_small_for_lpips_are_said_to_be(lpips_folder: Path) -> None:
    tiny = np.zeros((15, 40, 3), np.uint8)
    values = Lpips(lpips_folder).measure(tiny, [tiny])
    numbers = np.zeros(1, np.int32)
    estimate = Lpips(lpips_folder).estimate(values, numbers, numbers, IntervalSettings())
    assert estimate.value is None and "smaller than the window" in estimate.reason


def test_fid_is_that_of_pytorch_fid(fid_file: Path) -> None:
    measure = Fid(fid_file)
    measured = np.concatenate([measure.measure(original, [copy]) for original, copy in zip(*pairs(6), strict=True)])
    assert measured.shape == (6, 2, 2048)
    assert measured[0, 0, :4] == pytest.approx(FEATURES, rel=1e-4)
    numbers = np.arange(6, dtype=np.int32)
    estimate = measure.estimate(measured, numbers, numbers, IntervalSettings())
    assert estimate.value == pytest.approx(FID, rel=1e-3)  # theirs takes the root of a singular matrix
    assert (estimate.parameters["originals"], estimate.parameters["copies"]) == (6, 6)
    assert estimate.interval == ""


def test_each_original_counts_once_in_fid_however_many_copies(fid_file: Path) -> None:
    rng = np.random.default_rng(0)
    originals, copies = rng.normal(size=(5, 2048)), rng.normal(size=(10, 2048))
    samples = np.repeat(np.arange(5, dtype=np.int32), 2)
    measured = np.stack([originals[samples], copies], axis=1).astype(np.float32)
    estimate = Fid(fid_file).estimate(measured, samples, samples, IntervalSettings())
    assert estimate.value == pytest.approx(
        frechet_distance(originals.astype(np.float32), copies.astype(np.float32)), rel=1e-6
    )
    assert Fid(fid_file).estimate(measured[:2], samples[:2], samples[:2], IntervalSettings()).value is None


def test_the_distance_is_the_one_with_a_matrix_root() -> None:
    one = np.random.default_rng(1).normal(size=(60, 5))
    other = np.random.default_rng(2).normal(1, 2, size=(50, 5))
    assert frechet_distance(one, other) == pytest.approx(FRECHET, rel=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 12), st.integers(2, 12), st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_the_distance_is_symmetric_and_zero_between_equal_sets(n: int, m: int, d: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = rng.normal(size=(n, d)), rng.normal(size=(m, d))
    assert frechet_distance(one, other) == pytest.approx(frechet_distance(other, one), abs=1e-9)
    assert frechet_distance(one, one[::-1]) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(one, one + 3.0) == pytest.approx(9.0 * d, rel=1e-9)


def test_an_audit_measures_what_it_is_asked_for(lpips_folder: Path, fid_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = ["audit", "--dataset", "synthetic:2,pictures=2,width=150,height=200", "--engine", "blur"]
    command += ["--engine", "identity", "--recognizer", "compcode", "--output", str(out), "--quiet"]
    command += ["--quality", f"lpips:{lpips_folder}", "--quality", f"fid:{fid_file}", "--db", str(tmp_path / "s.db")]
    result = CliRunner().invoke(main, command, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    told = json.loads((out / "report.json").read_text())
    blur, identity = (engine["quality"] for engine in told["engines"])
    assert blur["lpips"]["value"] > identity["lpips"]["value"] == 0
    assert blur["fid"]["value"] > 0.01 > identity["fid"]["value"]
    assert blur["lpips"]["comparisons"] == blur["fid"]["comparisons"] == 4
    assert {part["name"] for part in told["quality_measures"]} == {"lpips", "fid"}
    assert all(part["weights"] for part in told["quality_measures"])
    assert "LPIPS (VGG)" in (out / "report.html").read_text()


@pytest.mark.parametrize("name", ["lpips", "fid"])
def test_missing_weights_are_one_sentence_with_the_command(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEIDKIT_MODELS", str(tmp_path))
    with pytest.raises(MissingModel, match="deidkit models fetch"):
        plugins.create("quality_measure", name)


def test_weights_of_another_network_are_refused(lpips_folder: Path) -> None:
    with pytest.raises(MissingModel, match=r"is of another network: it has no .*"):
        plugins.create("quality_measure", f"fid:{lpips_folder / TRUNK}")
    (lpips_folder.parent / "broken.pth").write_bytes(b"PK")
    with pytest.raises(MissingModel, match="fetch it again"):
        plugins.create("quality_measure", f"fid:{lpips_folder.parent / 'broken.pth'}")


@pytest.mark.filterwarnings("ignore:.*jit.*:DeprecationWarning")
def test_a_program_in_the_place_of_weights_is_refused(tmp_path: Path) -> None:
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), tmp_path / "program.pth")
    with pytest.raises(MissingModel, match=r"program\.pth holds a program of TorchScript"):
        plugins.create("quality_measure", f"fid:{tmp_path / 'program.pth'}")


def test_the_same_measure_twice_is_refused(lpips_folder: Path) -> None:
    command = ["audit", "--dataset", "synthetic:2", "--engine", "blur", "--recognizer", "compcode"]
    command += ["--quality", f"lpips:{lpips_folder}", "--quality", f"lpips:{lpips_folder},device=cpu"]
    result = CliRunner().invoke(main, command, catch_exceptions=False)
    assert result.exit_code == 2
    assert "two --quality options mean the same thing: lpips" in " ".join(result.output.split())
