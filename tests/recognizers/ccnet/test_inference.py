"""CCNet's blocks in compiled loops against the network itself in double precision."""

from __future__ import annotations

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'deep': pip install '.[deep]'")

from deidkit import plugins
from deidkit.testing.examples import palm_rois
from deidkit_recognizers import distances
from deidkit_recognizers.ccnet.filter_kernels import filter_symmetric
from deidkit_recognizers.ccnet.inference import Blocks, folded
from deidkit_recognizers.ccnet.network import CCNet, CCNetShape, LearnableGabor, OfRegions, normalize


@pytest.mark.parametrize("side", [128, 64])
@pytest.mark.parametrize(("filters", "size"), [(1, 7), (2, 7), (9, 35), (12, 17)])
def test_folded_filters_are_the_filters(filters: int, size: int, side: int) -> None:
    bank = LearnableGabor(filters, size, size / 35).kernels().detach().double()
    picture = torch.randn(1, 1, side, side, generator=torch.Generator().manual_seed(0))
    wanted = torch.nn.functional.conv2d(picture.double(), bank, stride=2, padding=size // 2)[0].numpy()
    found = np.empty(wanted.shape, np.float32)
    filter_symmetric(picture[0, 0].numpy(), *folded(bank[:, 0].numpy()), found)
    np.testing.assert_allclose(found, wanted, atol=3e-6 * np.abs(wanted).max())


@pytest.mark.slow
def test_the_blocks_are_the_networks() -> None:
    torch.manual_seed(1)
    network = CCNet(CCNetShape(competitors=(3, 6, 1), hidden=4, embedding=4)).eval()
    pictures = normalize(torch.from_numpy(np.stack(palm_rois()[:2]))[:, None].float())
    with torch.inference_mode():
        wanted = copy.deepcopy(network).double().features(pictures.double())
        deviation = (Blocks(network).features(pictures) - wanted).abs().max()
        assert deviation < 2 * (network.features(pictures) - wanted).abs().max() < 2e-4


@pytest.mark.slow
def test_templates_and_scores_are_the_networks() -> None:
    matcher, _ = plugins.create("recognizer", "ccnet:device=cpu")
    rois = np.stack(palm_rois()[:4])
    exact = matcher.palm_network()
    assert isinstance(exact, OfRegions)
    with torch.inference_mode():
        wanted = exact.network.double()(normalize(torch.from_numpy(rois)[:, None].double()))[0].numpy()
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    templates = matcher.extract(list(rois))
    assert np.abs(templates - wanted).max() < 5e-6  # torch's own single precision is off by 2e-6 to 4e-6
    different = ~np.eye(len(rois), dtype=bool)
    scores = matcher.compare(templates, templates), distances.arccos(wanted, wanted)
    assert np.abs(scores[0] - scores[1])[different].max() < 1e-6


def test_what_is_no_number_is_none_in_the_features() -> None:
    network = CCNet(CCNetShape(competitors=(1, 1, 1), hidden=4, embedding=4)).eval()
    with torch.no_grad():
        network.blocks[1].first_gabor.sigma.fill_(float("nan"))
    with torch.inference_mode():
        found = Blocks(network).features(torch.ones(1, 1, 128, 128)).isfinite().unflatten(1, (3, -1))
    assert found.all(dim=2).tolist() == [[True, False, True]]
    assert not found[0, 1].any()
