"""CCNet's weights as its authors' program writes them, against the published formulas under the published names."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'deep': pip install '.[deep]'")
from torch.nn.functional import conv2d, linear, max_pool2d, relu

from deidkit import plugins
from deidkit.errors import MissingModel
from deidkit.testing.examples import palm_rois

COMPETITORS, KERNELS, HIDDEN, EMBEDDING = (9, 36, 9), (35, 17, 7), 48, 24


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    """A state dictionary with the names and shapes of the authors' classes, and random numbers."""
    generator = torch.Generator().manual_seed(4)

    def random(*shape: int, scale: float = 0.2) -> torch.Tensor:
        return scale * torch.randn(*shape, generator=generator)

    made = {}
    for block, (c, ratio) in enumerate(zip(COMPETITORS, (1, 0.5, 0.25), strict=True), 1):
        for gabor, se, convolution in (("gabor_conv2d", "se1", "conv1_1"), ("gabor_conv2d2", "se2", "conv2_1")):
            made |= {
                f"cb{block}.{gabor}.gamma": 2 + random(1),
                f"cb{block}.{gabor}.sigma": ratio * (9.2 + random(1)),
                f"cb{block}.{gabor}.theta": torch.arange(c) * math.pi / c,
                f"cb{block}.{gabor}.f": (0.057 + random(1, scale=0.002)) / ratio,
                f"cb{block}.{gabor}.psi": torch.zeros(1),
                f"cb{block}.{se}.fc.0.weight": random(c, c, scale=1),
                f"cb{block}.{se}.fc.2.weight": random(c, c, scale=1),
                f"cb{block}.{convolution}.weight": random(16, c, 5, 5),
                f"cb{block}.{convolution}.bias": random(16),
            }
    return made | {
        "fc.weight": random(HIDDEN, 13_152, scale=0.01),
        "fc.bias": random(HIDDEN),
        "fc1.weight": random(EMBEDDING, HIDDEN),
        "fc1.bias": random(EMBEDDING),
        "arclayer_.weight": random(460, EMBEDDING),
    }


def save(folder: Path, state: dict[str, torch.Tensor]) -> Path:
    torch.save(state, folder / "net_params_best.pth")
    return folder / "net_params_best.pth"


def template(state: dict[str, torch.Tensor], roi: np.ndarray) -> torch.Tensor:
    """The published computation, written down from its formulas with the published names."""
    pixels = torch.from_numpy(roi).double() / 255
    seen = pixels > 0
    picture = torch.where(seen, (pixels - pixels[seen].mean()) / (pixels[seen].std() + 1e-6), 0.0)[None, None]
    parts = []
    for block, size in enumerate(KERNELS, 1):
        responses = picture
        for gabor, se, convolution in (("gabor_conv2d", "se1", "conv1_1"), ("gabor_conv2d2", "se2", "conv2_1")):
            value = {key: state[f"cb{block}.{gabor}.{key}"].double() for key in ("gamma", "sigma", "theta", "f", "psi")}
            half = torch.arange(size).double() - size // 2
            x, y = torch.meshgrid(half, half, indexing="ij")
            bank = []
            for theta in value["theta"]:
                xt, yt = x * theta.cos() + y * theta.sin(), -x * theta.sin() + y * theta.cos()
                wave = torch.cos(2 * math.pi * value["f"] * xt + value["psi"])
                g = -torch.exp(-0.5 * ((value["gamma"] * xt) ** 2 + yt**2) / (8 * value["sigma"] ** 2)) * wave
                bank.append((g - g.mean()).repeat(responses.shape[1], 1, 1))
            responses = conv2d(responses, torch.stack(bank), stride=2, padding=size // 2)
            won = 0.8 * responses.softmax(1) + 0.1 * (responses.softmax(2) + responses.softmax(3))
            squeezed = relu(linear(won.mean((2, 3)), state[f"cb{block}.{se}.fc.0.weight"].double()))
            won = won * linear(squeezed, state[f"cb{block}.{se}.fc.2.weight"].double()).sigmoid()[..., None, None]
            weight, bias = (state[f"cb{block}.{convolution}.{kind}"].double() for kind in ("weight", "bias"))
            parts.append(max_pool2d(conv2d(won, weight, bias, stride=2), 2).flatten())
    features = torch.cat(parts)
    for layer in ("fc", "fc1"):
        features = linear(features, state[f"{layer}.weight"].double(), state[f"{layer}.bias"].double())
    return features / features.norm()


@pytest.mark.slow
def test_templates_and_distances_are_the_published_ones(state, tmp_path: Path) -> None:
    recognizer, component = plugins.create("recognizer", f"ccnet:{save(tmp_path, state)}")
    rois = palm_rois()[:6]
    made = recognizer.extract(rois)
    expected = torch.stack([template(state, roi) for roi in rois]).numpy()
    np.testing.assert_allclose(made, expected, atol=3e-5)  # ours is of single precision
    angles = np.arccos(np.clip(expected @ expected.T, -1, 1)) / math.pi
    upper = np.triu_indices(len(rois), 1)
    np.testing.assert_allclose(recognizer.compare(made, made)[upper], angles[upper], atol=5e-6)
    assert "460 palms" in component.remark
    assert list(component.weights) == ["net_params_best.pth"]


def test_weights_of_several_gpus_are_the_same(state, tmp_path: Path) -> None:
    roi = palm_rois()[:1]
    one = plugins.create("recognizer", f"ccnet:{save(tmp_path, state)}").plugin.extract(roi)
    spread = {f"module.{name}": tensor for name, tensor in state.items()}
    other = plugins.create("recognizer", f"ccnet:{save(tmp_path, spread)}").plugin.extract(roi)
    assert np.array_equal(one, other)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda state: state.pop("cb2.se1.fc.2.weight"), "no tensor 'cb2.se1.fc.2.weight'"),
        (lambda state: state.update(stem=torch.zeros(1)), "it has an unknown tensor 'stem'"),
        (lambda state: state["cb1.gabor_conv2d.theta"].add_(0.1), "'cb1.gabor_conv2d.theta' has other values"),
        (lambda state: state.update({"fc.weight": torch.zeros(HIDDEN, 9)}), "has shape"),
        (lambda state: state.update(epoch=3), "not a state dictionary"),
        (lambda state: state.update(code=Path), "other things than tensors"),
    ],
    ids=["missing", "unknown", "other filters", "other shape", "a number", "an object"],
)
def test_what_is_no_ccnet_is_refused_in_one_sentence(state, tmp_path: Path, change, told: str) -> None:
    changed = {name: tensor.clone() for name, tensor in state.items()}
    change(changed)
    with pytest.raises(MissingModel, match=told) as refused:
        plugins.create("recognizer", f"ccnet:{save(tmp_path, changed)}")
    assert "\n" not in str(refused.value)


def test_nothing_in_the_file_is_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    path = tmp_path / "trap.pth"
    torch.save({"fc.weight": torch.zeros(1), "trap": Trap()}, path)
    with pytest.raises(MissingModel, match="other things than tensors"):
        plugins.create("recognizer", f"ccnet:{path}")
    assert not (tmp_path / "sprung").exists()
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(MissingModel, match="damaged"):
        plugins.create("recognizer", f"ccnet:{path}")
