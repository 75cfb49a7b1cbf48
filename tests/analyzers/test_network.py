"""PKLNet's network and losses: shapes at the published size, and each loss against an independent computation."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra 'deep': pip install '.[deep]'")

import torch
from torch.nn import functional as F  # noqa: N812

from deidkit_analyzers.pklnet import losses
from deidkit_analyzers.pklnet.blocks import WindowAttention
from deidkit_analyzers.pklnet.network import PKLNet, PKLNetShape, expectation, mapped, unmapped

SMALL = PKLNetShape(64, (8, 8, 8, 8), 8, 16, 16)


@pytest.mark.slow
def test_shapes_at_the_published_size() -> None:
    network = PKLNet(PKLNetShape()).eval()
    assert network.shape.width == 300
    with torch.inference_mode():
        pictures = torch.randn(1, 3, 400, 300)
        assert network.backbone(pictures).shape == (1, 224, 100, 75)
        located = network(pictures)
    assert located.logits.shape == located.auxiliary.shape == (1, 3, 100, 75)
    assert located.heatmaps.shape == (1, 3, 100, 75)
    assert located.points.shape == (1, 3, 2)
    assert located.heatmaps.sum(dim=(2, 3)) == pytest.approx(np.ones((1, 3)), abs=1e-4)
    assert located.theta[0].tolist() == [[1, 0, 0], [0, 1, 0]]
    assert sum(p.numel() for p in network.parameters()) == 5_928_077


def test_settings_rebuild_the_network() -> None:
    assert PKLNetShape.of(SMALL.values()) == SMALL


def test_windows_do_not_see_each_other() -> None:
    torch.manual_seed(0)
    attention = WindowAttention(8, 2).eval()
    x = torch.randn(1, 14, 14, 8)
    changed = x.clone()
    changed[0, 0, 0] += 1
    apart = (attention(changed) - attention(x)).abs().amax(dim=-1)[0] > 0
    assert apart[:7, :7].all()
    assert not apart[7:].any() and not apart[:, 7:].any()


def test_a_heat_map_is_read_at_its_mean() -> None:
    maps = torch.zeros(1, 1, 5, 8)
    maps[0, 0, 1, 6] = 0.5
    maps[0, 0, 3, 6] = 0.5
    assert expectation(maps)[0, 0].tolist() == pytest.approx([2 * 6.5 / 8 - 1, 0.0], abs=1e-6)


def test_frames_are_mapped_there_and_back() -> None:
    theta = torch.tensor([[[0.8, 0.1, 0.2], [-0.2, 1.1, -0.1]]])
    points = torch.randn(1, 3, 2)
    assert torch.allclose(unmapped(theta, mapped(theta, points)), points, atol=1e-5)


def test_the_edge_is_a_band_five_pixels_wide_at_the_published_size() -> None:
    mask = torch.zeros(1, 400, 300, dtype=torch.bool)
    mask[:, 100:, 100:200] = True  # reaches the picture's lower border, which is no outline
    kinds = losses.classes(mask)[0]
    assert kinds[250, 90:110].tolist() == [0] * 8 + [2] * 5 + [1] * 7
    assert kinds[399, 150] == 1
    assert kinds[90:110, 150].tolist() == [0] * 8 + [2] * 5 + [1] * 7


def test_focal_loss_is_its_formula() -> None:
    logits = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(1))
    kinds = torch.randint(0, 3, (2, 4, 5), generator=torch.Generator().manual_seed(2))
    p = np.exp(logits.numpy()) / np.exp(logits.numpy()).sum(axis=1, keepdims=True)
    right = np.take_along_axis(p, kinds.numpy()[:, None], axis=1)
    assert float(losses.focal(logits, kinds)) == pytest.approx(float((-((1 - right) ** 2) * np.log(right)).mean()))


def test_edge_distance_is_to_the_nearest_outline_point() -> None:
    outline = torch.tensor([[[[0.0, 0.0], [3.0, 0.0]], [[0.0, 9.0], [4.0, 4.0]]]])
    points = torch.tensor([[[2.0, 1.0], [1.0, 8.0]]])
    assert float(losses.edge_distance(points, outline)) == pytest.approx((2 + 2) / 2)


def test_spread_is_zero_for_the_wanted_bell_and_at_most_ln_2() -> None:
    truth = torch.tensor([[[0.1, -0.2]]])
    x, y = np.meshgrid((np.arange(12) + 0.5) * 2 / 12 - 1, (np.arange(16) + 0.5) * 2 / 16 - 1)
    bell = np.exp(-(((x - 0.1) * 6) ** 2 + ((y + 0.2) * 8) ** 2) / 2)
    wanted = torch.tensor(bell / bell.sum(), dtype=torch.float32)[None, None]
    assert float(losses.spread(wanted, truth)) == pytest.approx(0, abs=1e-6)
    far = F.one_hot(torch.tensor([191]), 192).float().reshape(1, 1, 16, 12)
    assert 0.99 * np.log(2) < float(losses.spread(far, truth)) <= np.log(2) + 1e-6


def test_terms_count_in_proportion_to_their_own_size() -> None:
    parts = [torch.tensor(value, requires_grad=True) for value in (0.02, 50.0, 7.0, 30.0, 0.6)]
    total = losses.combined(parts)
    total.backward()
    assert float(total.detach()) == pytest.approx(1.8)
    assert [float(part.grad) for part in parts] == pytest.approx([1 / 0.02, 0.5 / 50, 0.1 / 7, 0.1 / 30, 0.1 / 0.6])
