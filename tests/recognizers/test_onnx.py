"""Any ONNX network can be the attacker; what does not fit its description is refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deidkit import plugins
from deidkit.errors import DeidkitError

onnx = pytest.importorskip("onnx", reason="needs the packages onnx and onnxruntime: pip install '.[test]'")
pytest.importorskip("onnxruntime", reason="needs the package onnxruntime: pip install '.[onnx]'")

TOML = '[input]\nregion = "roi"\nsize = [32, 32]\nchannels = 1\nmean = [0.5]\n[output]\nmetric = "{metric}"\n'


def network(path: Path, batch: int | str = "n", side: int = 32) -> Path:
    """Averages blocks of 8 x 8 pixels: a network whose embedding can be told by hand."""
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        [
            helper.make_node("AveragePool", ["picture"], ["pooled"], kernel_shape=[8, 8], strides=[8, 8]),
            helper.make_node("Flatten", ["pooled"], ["embedding"]),
        ],
        "blocks",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, [batch, 1, side, side])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [batch, (side // 8) ** 2])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path)
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "blocks.toml").write_text(TOML.format(metric="cosine"))
    return network(tmp_path / "blocks.onnx")


def palms(count: int) -> list[np.ndarray]:
    return list(np.random.default_rng(0).integers(0, 256, (count, 128, 128), dtype=np.uint8))


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("cosine", lambda cos: (1 - cos) / 2),
        ("arccos", lambda cos: np.arccos(cos) / np.pi),
        ("euclidean", lambda cos: np.sqrt(2 - 2 * cos) / 2),
    ],
)
def test_distances_are_those_of_the_metric(metric: str, expected, model: Path) -> None:
    model.with_suffix(".toml").write_text(TOML.format(metric=metric))
    recognizer, _ = plugins.create("recognizer", f"onnx:{model}")
    images = palms(5)
    blocks = np.stack([image.reshape(4, 32, 4, 32).mean((1, 3)).ravel() for image in images]) / 255 - 0.5
    unit = blocks / np.linalg.norm(blocks, axis=1, keepdims=True)
    templates = recognizer.extract(images)
    distances = recognizer.compare(templates, templates)
    cosines = np.clip(unit @ unit.T, -1, 1)
    away = ~np.eye(5, dtype=bool)
    np.testing.assert_allclose(distances[away], expected(cosines)[away], atol=2e-2)
    assert distances.min() >= 0.0
    assert distances.max() <= 1.0


def test_templates_do_not_depend_on_the_batch(model: Path) -> None:
    recognizer, _ = plugins.create("recognizer", f"onnx:{model}")
    images = palms(4)
    np.testing.assert_array_equal(
        recognizer.extract(images), np.concatenate([recognizer.extract([image]) for image in images])
    )


def test_a_network_with_a_fixed_batch_works(model: Path) -> None:
    recognizer, _ = plugins.create("recognizer", f"onnx:{model}")
    wanted = recognizer.extract(palms(3))
    fixed, _ = plugins.create("recognizer", f"onnx:{network(model, batch=1)}")
    np.testing.assert_array_equal(fixed.extract(palms(3)), wanted)


def test_the_report_gets_the_hashes_of_network_and_description(model: Path) -> None:
    _, component = plugins.create("recognizer", f"onnx:{model}")
    assert set(component.weights) == {"blocks.onnx", "blocks.toml"}
    assert all(len(digest) == 64 for digest in component.weights.values())


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        ("[input\n", "is not valid TOML"),
        ("[inputs]\n", "'inputs' is not understood"),
        ("input = 1\n", "input must be a table"),
        ("[input]\nchannels = true\n", "channels must be 1 or 3"),
        ("[input]\nsize = [99999, 99999]\n", "1 to 4096"),
        ("[input]\nsize = [32, 32]\nstd = [nan]\n", "mean and std must be numbers"),
        ("[input]\nsize = [32, 32]\n[output]\nname = 1\n", "name must be text"),
        ("[input]\nsize = [32, 32]\n[output]\nmetric = []\n", "metric must be one of cosine"),
        ("[input]\nsize = [32, 32]  # \udcff\n", "is not text in UTF-8"),
        ("#" * 70_000, "too large for a description"),
        ("[input]\nregoin = 'roi'\n", "'regoin' is not understood"),
        ("[input]\nregion = 'face'\n", "region must be"),
        ("[input]\nsize = [32]\n", "size must be"),
        ("[input]\nchannels = 2\n", "channels must be 1 or 3"),
        ("[input]\nsize = [32, 32]\nmean = [0.5, 0.5]\n", "mean must list one number for each of 1 channels"),
        ("[input]\nsize = [32, 32]\nstd = [0]\n", "std not 0"),
        ("[input]\nsize = [64, 64]\n", "the network takes"),
        ("[input]\nsize = [32, 32]\n[output]\nname = 'logits'\n", "no output 'logits'; it has embedding"),
        ("[input]\nsize = [32, 32]\n[output]\nmetric = 'manhattan'\n", "metric must be one of cosine"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(toml: str, sentence: str, model: Path) -> None:
    model.with_suffix(".toml").write_text(toml, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(DeidkitError) as caught:
        plugins.create("recognizer", f"onnx:{model}")
    assert sentence in str(caught.value)


def test_missing_and_broken_files_are_named(model: Path, tmp_path: Path) -> None:
    with pytest.raises(DeidkitError, match=r"needs .*other\.toml"):
        plugins.create("recognizer", f"onnx:{tmp_path / 'other.onnx'}")
    model.write_bytes(b"nonsense")
    with pytest.raises(DeidkitError, match=r"blocks\.onnx is not an ONNX network"):
        plugins.create("recognizer", f"onnx:{model}")
    model.unlink()
    with pytest.raises(DeidkitError, match="there is no ONNX network at"):
        plugins.create("recognizer", f"onnx:{model}")
