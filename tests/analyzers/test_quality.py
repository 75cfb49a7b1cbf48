"""LPIPS, FID and KID with made-up weights, held against the packages they rest on and against pytorch-fid 0.3.0.

The numbers of pytorch-fid below were computed once, in float32 on a CPU, with the weights of `made_up` and the pictures of
`pairs`.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np
import pytest

for _needed in ("torchvision", "lpips", "torchmetrics", "torch_fidelity"):
    pytest.importorskip(_needed, reason="needs the extra 'quality': pip install '.[quality]'")
import lpips
import torch
import torchvision
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_fidelity.feature_extractor_inceptionv3 import BasicConv2d, FeatureExtractorInceptionV3
from torchmetrics.image.fid import FrechetInceptionDistance

from deidkit import plugins
from deidkit.cli import main
from deidkit.errors import MissingModel
from deidkit.measures import IntervalSettings
from deidkit.measures.quality import reduced
from deidkit.testing import QualityMeasureConformance
from deidkit_analyzers.quality.fid import Fid, frechet_distance
from deidkit_analyzers.quality.kid import Kid, kernel_distance
from deidkit_analyzers.quality.lpips import Lpips

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
        state[name] = torch.from_numpy(numbers.astype(np.float32))
    return state


def pairs(count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    originals = rng.integers(0, 256, (count, 70, 53, 3)).astype(np.uint8)
    return originals, np.clip(originals + rng.normal(0, 25, originals.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def vgg_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("lpips") / "vgg16.pth"
    network = torch.nn.ModuleDict({"features": torchvision.models.vgg16(weights=None).features})
    torch.save(made_up(network) | {"classifier.0.weight": torch.zeros(2, 2)}, file)
    return file


@pytest.fixture(scope="module")
def fid_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("fid") / "inception.pth"
    with pytest.MonkeyPatch.context() as patch:  # else it fetches weights
        patch.setattr(f"{FeatureExtractorInceptionV3.__module__}.load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(torch.nn.Module, "load_state_dict", lambda *_, **__: None)
        network = FeatureExtractorInceptionV3("inception", ["2048"])
    assert isinstance(network.Conv2d_1a_3x3, BasicConv2d)
    torch.save(made_up(network), file)
    return file


class TestLpips(QualityMeasureConformance):
    @pytest.fixture
    def spec(self, vgg_file: Path) -> str:
        return f"lpips:{vgg_file}"


class TestFid(QualityMeasureConformance):
    @pytest.fixture
    def spec(self, fid_file: Path) -> str:
        return f"fid:{fid_file}"


class TestKid(QualityMeasureConformance):
    @pytest.fixture
    def spec(self, fid_file: Path) -> str:
        return f"kid:{fid_file}"


@pytest.mark.filterwarnings("ignore:The parameter 'pretrained':UserWarning", "ignore:Arguments other than:UserWarning")
def test_lpips_is_that_of_its_authors(vgg_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package as it is, which takes torchvision's network apart by itself."""
    network = torchvision.models.vgg16(weights=None)
    network.load_state_dict({k: v for k, v in torch.load(vgg_file).items() if k.startswith("features.")}, strict=False)
    monkeypatch.setattr(torchvision.models, "vgg16", lambda **_: network)
    reference = lpips.LPIPS(net="vgg", verbose=False).eval()
    monkeypatch.undo()
    originals, copies = pairs(3)
    one, other = (torch.from_numpy(p).permute(0, 3, 1, 2).float() / 127.5 - 1 for p in (originals, copies))
    with torch.inference_mode():
        expected = reference(one, other).flatten().tolist()
    measure = Lpips(vgg_file)
    found = [measure.measure(original, [copy])[0] for original, copy in zip(originals, copies, strict=True)]
    assert found == pytest.approx(expected, rel=1e-5)
    assert expected[0] > 0.01
    assert measure.measure(originals[0], [originals[0], copies[0]]) == pytest.approx([0.0, expected[0]], rel=1e-5)
    assert set(measure.weight_files()) == {"vgg16.pth", "vgg.pth"}


def test_large_pictures_are_reduced_first(vgg_file: Path, fid_file: Path) -> None:
    """As for every measure of quality: 2000 pixels along the longer side, Lanczos."""
    rng = np.random.default_rng(2)
    original, copy = rng.integers(0, 256, (2, 40, 2100, 3)).astype(np.uint8)
    for measure in (Lpips(vgg_file), Fid(fid_file), Kid(fid_file)):
        found = measure.measure(original, [copy])
        assert np.array_equal(found, measure.measure(reduced(original), [reduced(copy)]))


def test_pictures_too_small_for_lpips_are_said_to_be(vgg_file: Path) -> None:
    tiny = np.zeros((15, 40, 3), np.uint8)
    values = Lpips(vgg_file).measure(tiny, [tiny])
    numbers = np.zeros(1, np.int32)
    estimate = Lpips(vgg_file).estimate(values, numbers, numbers, IntervalSettings())
    assert estimate.value is None and "smaller than the window" in estimate.reason


def test_fid_is_that_of_pytorch_fid(fid_file: Path) -> None:
    measure = Fid(fid_file)
    measured = np.concatenate([measure.measure(original, [copy]) for original, copy in zip(*pairs(6), strict=True)])
    assert measured.shape == (6, 2, 2048)
    assert measured[0, 0, :4] == pytest.approx(FEATURES, rel=1e-4, abs=1e-6)  # float32; one is near 0
    numbers = np.arange(6, dtype=np.int32)
    estimate = measure.estimate(measured, numbers, numbers, IntervalSettings())
    assert estimate.value == pytest.approx(FID, rel=1e-3)  # theirs takes the root of a singular matrix
    assert (estimate.parameters["originals"], estimate.parameters["copies"]) == (6, 6)
    assert estimate.interval == ""
    assert estimate.parameters["between_random_halves_of_the_originals"] > 0
    assert estimate.parameters["pictures_in_a_half"] == 3


def test_kid_is_its_formula_over_one_copy_of_each_original(fid_file: Path) -> None:
    rng = np.random.default_rng(4)
    originals, copies = rng.normal(size=(7, 2048)), rng.normal(0.1, 1.0, size=(2, 7, 2048))
    samples = np.tile(np.arange(7, dtype=np.int32), 2)
    measured = np.stack([originals[samples], copies.reshape(14, -1)], axis=1).astype(np.float32)
    expected = []
    for each in copies:
        xx, yy, xy = ((a @ b.T / 2048 + 1) ** 3 for a, b in ((originals,) * 2, (each,) * 2, (originals, each)))
        alone = sum(k.sum() - np.trace(k) for k in (xx, yy)) / (7 * 6)
        expected.append(alone - 2 * xy.mean())
    order = np.arange(14).reshape(2, 7).T.ravel()  # picture by picture, as an audit has them
    numbers = samples[order]
    estimate = Kid(fid_file).estimate(measured[order], numbers, numbers, IntervalSettings())
    assert estimate.value == pytest.approx(np.mean(expected), rel=1e-4)
    assert estimate.value > 0.01
    assert Kid(fid_file).estimate(measured[:1], numbers[:1], numbers[:1], IntervalSettings()).value is None


def test_kid_of_sets_alike_lies_about_zero_whatever_their_size() -> None:
    rng = np.random.default_rng(5)
    for size in (20, 2500):
        found = [kernel_distance(*rng.normal(size=(2, size, 16)).astype(np.float32)) for _ in range(8)]
        assert min(found) < 0 < max(found)
        assert abs(np.mean(found)) < 0.2 / np.sqrt(size)


def test_the_distance_is_that_of_torchmetrics() -> None:
    class AsGiven(torch.nn.Module):
        num_features = 32

        def forward(self, features: torch.Tensor) -> torch.Tensor:
            return features

    one, other = np.random.default_rng(6).normal(size=(2, 90, 32)).astype(np.float32)
    theirs = FrechetInceptionDistance(feature=AsGiven())
    theirs.update(torch.from_numpy(one), real=True)
    theirs.update(torch.from_numpy(other), real=False)
    assert frechet_distance(one, other) == pytest.approx(float(theirs.compute()), rel=1e-5)


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


def test_an_audit_measures_what_it_is_asked_for(vgg_file: Path, fid_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = ["audit", "--dataset", "synthetic:2,pictures=2,width=150,height=200", "--engine", "blur"]
    command += ["--engine", "identity", "--recognizer", "compcode", "--output", str(out), "--quiet"]
    for measure in (f"lpips:{vgg_file}", f"fid:{fid_file}", f"kid:{fid_file}"):
        command += ["--quality", measure]
    command += ["--db", str(tmp_path / "s.db")]
    result = CliRunner().invoke(main, command, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    told = json.loads((out / "report.json").read_text())
    blur, identity = (engine["quality"] for engine in told["engines"])
    assert blur["lpips"]["value"] > identity["lpips"]["value"] == 0
    assert blur["fid"]["value"] > 0.01 > identity["fid"]["value"]
    assert blur["kid"]["value"] > identity["kid"]["value"]
    assert blur["lpips"]["comparisons"] == blur["fid"]["comparisons"] == blur["kid"]["comparisons"] == 4
    assert {part["name"] for part in told["quality_measures"]} == {"lpips", "fid", "kid"}
    assert all(part["weights"] for part in told["quality_measures"])
    assert "LPIPS (VGG)" in (out / "report.html").read_text()


@pytest.mark.parametrize("name", ["lpips", "fid", "kid"])
def test_missing_weights_are_one_sentence_with_the_command(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEIDKIT_MODELS", str(tmp_path))
    with pytest.raises(MissingModel, match="deidkit models fetch"):
        plugins.create("quality_measure", name)


@pytest.mark.parametrize("name", ["lpips", "fid", "kid"])
def test_weights_of_another_network_are_refused(name: str, vgg_file: Path, fid_file: Path, tmp_path: Path) -> None:
    other = fid_file if name == "lpips" else vgg_file
    with pytest.raises(MissingModel, match=r"is of another network") as told:
        plugins.create("quality_measure", f"{name}:{other}")
    assert "\n" not in str(told.value)
    (tmp_path / "broken.pth").write_bytes(b"PK")
    with pytest.raises(MissingModel, match="is damaged"):
        plugins.create("quality_measure", f"{name}:{tmp_path / 'broken.pth'}")


@pytest.mark.filterwarnings("ignore:.*jit.*:DeprecationWarning", "ignore:.*jit.*:FutureWarning")
def test_a_program_in_the_place_of_weights_is_refused(tmp_path: Path) -> None:
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), tmp_path / "program.pth")
    with pytest.raises(MissingModel, match=r"program\.pth is a TorchScript program"):
        plugins.create("quality_measure", f"fid:{tmp_path / 'program.pth'}")


def test_the_same_measure_twice_is_refused(vgg_file: Path) -> None:
    command = ["audit", "--dataset", "synthetic:2", "--engine", "blur", "--recognizer", "compcode"]
    command += ["--quality", f"lpips:{vgg_file}", "--quality", f"lpips:{vgg_file},device=cpu"]
    result = CliRunner().invoke(main, command, catch_exceptions=False)
    assert result.exit_code == 2
    assert "two --quality options mean the same thing: lpips" in " ".join(result.output.split())
